//! The duty to run a task, as a value: what schedulers move about.

use std::mem;
use std::ptr::NonNull;

use super::cell::{self, Header};
use super::state::Wake;

/// A task that is due to run. Queues hold these; each is run exactly once. Dropping one cancels its
/// task.
///
/// It keeps what it needs alive, so a policy may put it anywhere: one that outlives its runtime, or
/// is dropped on another thread, is merely a task that is cancelled late. One that is returned by
/// the policy of another runtime goes home, or is cancelled if its own runtime has ended. One that
/// is forgotten leaks its task.
#[derive(Debug)]
#[must_use = "dropping a Runnable cancels its task"]
pub struct Runnable(NonNull<Header>);

// SAFETY: the duty to run a task is exclusive, the state word orders its transfer, and futures that
// are not `Send` are only made runnable on their own thread (the promise of `cell::spawn`).
unsafe impl Send for Runnable {}
// SAFETY: nothing can be done through a shared reference.
unsafe impl Sync for Runnable {}

impl Runnable {
    /// # Safety
    /// The caller owns the duty to run `task`, and gives it to the value.
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self(task)
    }

    /// The header, together with the duty to run the task.
    pub(crate) fn into_raw(self) -> NonNull<Header> {
        let task = self.0;
        mem::forget(self);
        task
    }

    /// The worker that alone may run the task.
    #[inline]
    pub(crate) fn pinned(&self) -> Option<usize> {
        // SAFETY: the duty to run the task keeps it alive.
        unsafe { self.0.as_ref() }.pinned()
    }

    /// Whether the task was preempted, and is due to go on.
    #[inline]
    pub(crate) fn is_preempted(&self) -> bool {
        // SAFETY: the duty to run the task keeps it alive.
        unsafe { self.0.as_ref() }.is_preempted()
    }

    /// Marks the task: it is dropped when it is run, or, if it was preempted, as soon as it is not.
    pub(crate) fn cancel(&self) {
        // SAFETY: the duty to run the task keeps it alive.
        let wake = unsafe { self.0.as_ref() }.state.cancel();
        debug_assert_eq!(wake, Wake::Nothing, "it is due already");
    }

    /// Whether `home` runs the task.
    #[inline]
    pub(crate) fn is_of(&self, home: *const ()) -> bool {
        // SAFETY: the duty to run the task keeps it alive.
        unsafe { self.0.as_ref() }.is_of(home)
    }

    /// For a task that a policy has given to a worker of another runtime: queues it with its own,
    /// or cancels it if that has ended.
    #[cold]
    pub(crate) fn send_home(self) {
        let task = self.into_raw();
        // SAFETY: the caller had the duty to run the task, which `decide` passes on.
        if !unsafe { cell::admit_raw(task, &mut || Wake::Queue) } {
            // SAFETY: nothing was passed on.
            drop(unsafe { Self::from_raw(task) });
        }
    }

    /// Polls the task once; a wake during the poll queues it again.
    #[inline]
    pub(crate) fn run(self) {
        // SAFETY: the value is the duty to run the task.
        unsafe { cell::run_raw(self.into_raw()) }
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        // SAFETY: the value is the duty to run the task: `start` makes this thread the runner,
        // which then drops the future instead of polling it.
        unsafe {
            self.0.as_ref().state.start();
            cell::cancel_raw(self.0);
        }
    }
}
