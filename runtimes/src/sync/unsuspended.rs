//! What of this thread may be suspended: the direct-style code that it runs.

use std::cell::Cell;
use std::ptr;

thread_local! {
    /// The coroutine whose direct-style code runs on this thread now, as `stackful::direct` knows
    /// it. Null elsewhere, and inside a poll.
    static CURRENT: Cell<*const ()> = const { Cell::new(ptr::null()) };
}

/// What may be suspended now, or null.
#[inline]
pub(crate) fn current() -> *const () {
    CURRENT.get()
}

/// Makes `coroutine` that, and returns what was it before.
#[inline]
pub(crate) fn replace(coroutine: *const ()) -> *const () {
    CURRENT.replace(coroutine)
}

/// While it lives, the direct-style code that the thread is running cannot be suspended: something
/// further up its stack belongs to the thread and must end before other code runs there. That is a
/// runtime's `block_on`, its end, and whatever else sets a thread-local for a time.
#[derive(Debug)]
pub(crate) struct Unsuspended(*const ());

impl Unsuspended {
    pub(crate) fn new() -> Self {
        Self(replace(ptr::null()))
    }
}

impl Drop for Unsuspended {
    #[inline]
    fn drop(&mut self) {
        CURRENT.set(self.0);
    }
}
