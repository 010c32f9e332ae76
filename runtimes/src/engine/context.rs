//! Which worker the current thread is, if any.

use std::cell::Cell;
use std::ptr;

use crate::metrics::{Block, Counter};

/// The head of every worker, whatever its policy.
#[repr(C)]
pub(super) struct Context {
    /// Address of the worker's core: says which runtime, and hence which type the worker has.
    pub(super) core: *const (),
    counters: *const Block,
}

impl Context {
    pub(super) fn new(core: *const (), counters: *const Block) -> Self {
        Self { core, counters }
    }
}

thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

/// The context of the worker that runs on this thread, or null.
#[inline]
pub(super) fn current() -> *const Context {
    CURRENT.get()
}

/// Makes `context` current until the guard is dropped.
///
/// # Safety
/// It is the head of a worker that stays where it is until then.
pub(super) unsafe fn set(context: *const Context) -> Guard {
    Guard(CURRENT.replace(context))
}

/// Restores what was current before.
pub(super) struct Guard(*const Context);

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}

/// Adds to a counter of the worker that runs on this thread; does nothing on other threads.
#[inline]
pub(crate) fn count(counter: Counter, n: u64) {
    let context = current();
    if !context.is_null() {
        // SAFETY: a context that is set is valid, and so are its worker's counters, whose one writer is
        // this thread.
        unsafe { (*(*context).counters).add(counter, n) };
    }
}
