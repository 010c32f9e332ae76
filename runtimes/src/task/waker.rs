//! The waker of a task: a pointer to its header, with a vtable for each engine so that a wake is one
//! indirect call.

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable};

use super::cell::{self, Header};
use super::state::{Release, Wake};
use super::{Home, Runnable};

/// The raw waker of `task`, which does not count until it is cloned.
#[inline]
pub(super) fn raw<H: Home>(task: NonNull<Header>) -> RawWaker {
    RawWaker::new(
        task.as_ptr().cast(),
        const { &RawWakerVTable::new(clone::<H>, wake::<H>, wake_by_ref::<H>, drop_waker) },
    )
}

fn header(data: *const ()) -> NonNull<Header> {
    // SAFETY: every waker's data was made from a `NonNull` in `raw`.
    unsafe { NonNull::new_unchecked(data.cast_mut().cast()) }
}

unsafe fn clone<H: Home>(data: *const ()) -> RawWaker {
    let task = header(data);
    // SAFETY: the waker that is cloned keeps the task alive (or RUNNING does, for the borrowed one).
    unsafe { task.as_ref() }.state.add_waker();
    raw::<H>(task)
}

unsafe fn wake<H: Home>(data: *const ()) {
    let task = header(data);
    if H::yields(task) {
        // SAFETY: this waker is owned, and is dropped once.
        return unsafe { drop_waker(data) };
    }
    let decide = || {
        // SAFETY: it keeps the task alive until the step that gives it up.
        match unsafe { task.as_ref() }.state.wake_by_value() {
            Wake::Nothing => None,
            // SAFETY: the step gave this thread the duty to run the task, which keeps it alive.
            Wake::Queue => Some(unsafe { Runnable::from_raw(task) }),
            Wake::Free => {
                // SAFETY: the state word says that this thread is the last.
                unsafe { cell::free_raw(task) };
                None
            }
        }
    };
    // SAFETY: it keeps the task, and so the engine, alive until that step, and from then on the engine keeps itself open.
    let home = unsafe { cell::home::<H>(task) };
    if !home.admit(decide) {
        // SAFETY: nothing was decided, so the waker is still owned.
        unsafe {
            wake_by_ref::<H>(data);
            drop_waker(data);
        }
    }
}

#[inline]
unsafe fn wake_by_ref<H: Home>(data: *const ()) {
    let task = header(data);
    if H::yields(task) {
        return;
    }
    // SAFETY: the caller's waker keeps the task alive for the duration of the call.
    let state = unsafe { &task.as_ref().state };
    // SAFETY: `wake` gave this thread the duty to run the task, and the caller holds a waker.
    if state.wake() && !unsafe { cell::schedule::<H>(task) } {
        state.unschedule();
    }
}

unsafe fn drop_waker(data: *const ()) {
    let task = header(data);
    // SAFETY: the dropped waker counts, so the task is alive until the count goes down.
    let release = unsafe { task.as_ref() }.state.drop_waker();
    // SAFETY: `release` comes from this task's state word.
    unsafe { settle(task, release) };
}

/// Does what dropping a waker or handle left to do.
///
/// # Safety
/// `release` was just returned by the state word of `task` to this thread.
pub(super) unsafe fn settle(task: NonNull<Header>, release: Release) {
    match release {
        Release::Kept => {}
        // SAFETY: the state word says that this thread is the last.
        Release::Free => unsafe { cell::free_raw(task) },
        Release::Reap => {
            // SAFETY: Reap gave this thread the duty to run the task and one waker of it, which is
            // dropped or abandoned only after the call.
            if unsafe { cell::schedule_raw(task) } {
                // SAFETY: that waker keeps the task alive until it is dropped here.
                unsafe { drop_waker(task.as_ptr().cast()) };
            // SAFETY: the same waker.
            } else if unsafe { task.as_ref() }.state.abandon() {
                // SAFETY: the state word says that this thread is the last.
                unsafe { cell::free_raw(task) };
            }
        }
    }
}
