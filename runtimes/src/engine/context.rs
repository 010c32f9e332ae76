//! Which worker the current thread is, if any.

use std::cell::Cell;
use std::ptr::{self, NonNull};

use crate::budget;
use crate::metrics::{self, Block};
use crate::sync::Unsuspended;
use crate::sync::no_preempt::{self, guard};
use crate::task::Header;

/// The head of every worker, whatever its policy.
#[repr(C)]
pub(super) struct Context {
    /// Address of the worker's core: says which runtime, and hence which type the worker has. Plus
    /// one if its tasks may be preempted: who asks for the address itself, as code that takes no
    /// precautions does, then finds nobody.
    core: *const (),
    counters: *const Block,
    /// The task that the worker polls, until that task wakes itself; null otherwise.
    polled: Cell<*const Header>,
}

impl Context {
    pub(super) fn new(core: *const (), sliced: bool, counters: *const Block) -> Self {
        Self {
            core: core.wrapping_byte_add(sliced.into()),
            counters,
            polled: Cell::new(ptr::null()),
        }
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
#[inline]
pub(super) unsafe fn set(context: *const Context) -> Guard {
    // Before: from here on the thread's other code must not run until the guard is dropped.
    let (closed, unsuspended) = (guard(), Unsuspended::new());
    // SAFETY: the head of a worker that stays; its counters stay with it, and this thread is that
    // worker until the guard is dropped.
    let counters = unsafe { metrics::set_current((*context).counters) };
    Guard {
        former: CURRENT.with(|current| current.replace(context)),
        counters,
        _unsuspended: unsuspended,
        _closed: closed,
    }
}

/// Restores what was current before.
///
/// Guards end in the reverse order of their begin. A coroutine that sets a context (it drops a
/// runtime whose worker the thread is) could break that by suspending with the guard on its stack:
/// others would then run under a context that is not theirs, and restore a worker that is gone. So
/// it can neither suspend nor be preempted meanwhile. (The tasks that such a worker runs are
/// coroutines of their own, to which neither applies.)
pub(super) struct Guard {
    former: *const Context,
    counters: *const Block,
    _unsuspended: Unsuspended,
    _closed: no_preempt::Guard,
}

impl Drop for Guard {
    #[inline]
    fn drop(&mut self) {
        CURRENT.with(|current| current.set(self.former));
        // SAFETY: they were current when this guard began, and guards end in reverse order.
        unsafe { metrics::set_current(self.counters) };
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
    unsafe { current().as_ref() }
        .is_some_and(|context| context.polled.replace(ptr::null()).is_null())
}
