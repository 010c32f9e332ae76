//! A global allocator that is not preempted.

use std::alloc::{GlobalAlloc, Layout};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};

use crate::sync::no_preempt::Closed;

/// Wraps a global allocator so that code in a region may use it: preempted in the middle of an
/// allocation, it would be entered again by the next task.
///
/// The C library's allocator does not need it where the library is linked dynamically: code of
/// shared libraries is never preempted. An allocator that is compiled into the executable needs it,
/// and so does everything with a statically linked C library.
///
/// ```
/// use std::alloc::System;
///
/// #[global_allocator]
/// static ALLOCATOR: runtimes::stackful::PreemptSafe<System> = runtimes::stackful::PreemptSafe::new(System);
/// # assert_eq!(vec![1, 2, 3].len(), 3);
/// ```
#[derive(Debug)]
pub struct PreemptSafe<A>(A);

/// Whether an allocation went through the wrapper.
static USED: AtomicBool = AtomicBool::new(false);

pub(super) fn is_used() -> bool {
    USED.load(Relaxed)
}

impl<A> PreemptSafe<A> {
    /// Wraps `allocator`.
    pub const fn new(allocator: A) -> Self {
        Self(allocator)
    }
}

fn closed() -> Closed {
    if !USED.load(Relaxed) {
        USED.store(true, Relaxed);
    }
    Closed::new()
}

// SAFETY: each call is passed on as it is; the guard neither allocates nor panics.
unsafe impl<A: GlobalAlloc> GlobalAlloc for PreemptSafe<A> {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let _closed = closed();
        // SAFETY: the caller's.
        unsafe { self.0.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        let _closed = closed();
        // SAFETY: the caller's.
        unsafe { self.0.dealloc(block, layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        let _closed = closed();
        // SAFETY: the caller's.
        unsafe { self.0.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        let _closed = closed();
        // SAFETY: the caller's.
        unsafe { self.0.realloc(block, layout, size) }
    }
}
