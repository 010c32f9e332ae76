//! Which worker the current thread is, if any.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::budget;
use crate::metrics::{Block, Counter};
use crate::task::Header;

/// The head of every worker, whatever its policy.
#[repr(C)]
pub(super) struct Context {
    /// Address of the worker's core: says which runtime, and hence which type the worker has. Plus one if its tasks may be
    /// preempted: who asks for the address itself, as code that takes no precautions does, then finds nobody.
    core: *const (),
    counters: *const Block,
    /// The task that the worker polls, until that task wakes itself; null otherwise.
    polled: Cell<*const Header>,
}

impl Context {
    pub(super) fn new(core: *const (), sliced: bool, counters: *const Block) -> Self {
        Self { core: core.wrapping_byte_add(sliced.into()), counters, polled: Cell::new(ptr::null()) }
    }

    /// Whether this is a worker of `core`, whose tasks are never preempted.
    #[inline]
    pub(super) fn is_of(&self, core: *const ()) -> bool {
        ptr::eq(self.core, core)
    }

    /// Whether this is a worker of `core`, whose tasks may be.
    #[inline]
    pub(super) fn is_of_sliced(&self, core: *const ()) -> bool {
        ptr::eq(self.core, core.wrapping_byte_add(1))
    }
}

#[cfg(not(stampede_loom))]
thread_local! {
    static CURRENT: Cell<*const Context> = const { Cell::new(ptr::null()) };
}

#[cfg(stampede_loom)]
loom::thread_local! {
    static CURRENT: Cell<*const Context> = Cell::new(ptr::null());
}

/// The context of the worker that runs on this thread, or null.
#[inline]
pub(super) fn current() -> *const Context {
    CURRENT.with(Cell::get)
}

/// Makes `context` current until the guard is dropped.
///
/// # Safety
/// It is the head of a worker that stays where it is until then.
pub(super) unsafe fn set(context: *const Context) -> Guard {
    Guard(CURRENT.with(|current| current.replace(context)))
}

/// Restores what was current before.
pub(super) struct Guard(*const Context);

impl Drop for Guard {
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.0));
    }
}

/// The worker that runs on this thread begins to poll `task`.
#[inline]
pub(super) fn begin_poll(task: NonNull<Header>) {
    budget::refill();
    // SAFETY: a context that is set is valid.
    if let Some(context) = unsafe { current().as_ref() } {
        context.polled.set(task.as_ptr());
    }
}

/// Whether `task` is what this thread polls: then [`end_poll`] will say that it woke itself.
#[inline]
pub(super) fn yields(task: NonNull<Header>) -> bool {
    // SAFETY: a context that is set is valid.
    let Some(context) = (unsafe { current().as_ref() }) else { return false };
    let own = ptr::eq(context.polled.get(), task.as_ptr());
    if own {
        context.polled.set(ptr::null());
    }
    own
}

/// The poll is over. True: its task woke itself.
#[inline]
pub(super) fn end_poll() -> bool {
    // SAFETY: a context that is set is valid.
    unsafe { current().as_ref() }.is_some_and(|context| context.polled.replace(ptr::null()).is_null())
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
