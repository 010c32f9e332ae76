//! The waker of a task: a pointer to its header, with a vtable for each engine so that a wake is one
//! indirect call.

use std::ptr::NonNull;
use std::task::{RawWaker, RawWakerVTable};

use super::Home;
use super::cell::{self, Header};
use super::state::{Engine, Reference, Release, State, Wake};

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
    // SAFETY: the waker, which is owned, keeps the task alive until the step that gives it up.
    if H::yields(task) || !unsafe { admit::<H>(task, State::wake_by_value) } {
        // SAFETY: nothing was decided, so the waker is still owned, and is dropped once.
        unsafe { drop_waker(data) };
    }
}

#[inline]
unsafe fn wake_by_ref<H: Home>(data: *const ()) {
    let task = header(data);
    if !H::yields(task) {
        // Once its engine has closed, a task is not run any more: there is nobody to wake.
        // SAFETY: the caller's waker keeps the task alive for the duration of the call.
        unsafe { admit::<H>(task, State::wake) };
    }
}

/// Takes a step on the word of `task` that may make it due, and queues it then. False, and no step, once its engine has closed.
///
/// # Safety
/// The caller has a reference to the task, made for an `H`, which at most the step gives up.
#[inline]
unsafe fn admit<H: Home>(task: NonNull<Header>, step: impl FnOnce(&State) -> Wake) -> bool {
    // SAFETY: the caller's reference keeps task and engine alive until the step; from then on the engine keeps itself open.
    unsafe { cell::admit::<H>(task, || step(&task.as_ref().state)) }
}

unsafe fn drop_waker(data: *const ()) {
    let task = header(data);
    // SAFETY: the dropped waker counts, so the task is alive until the count goes down.
    let drop = |engine| unsafe { task.as_ref() }.state.drop_waker(engine);
    // SAFETY: as above; the results come from this task's state word.
    unsafe { settle(task, Reference::Waker, drop) };
}

/// Drops a reference to `task` with `drop`, and does what that leaves to do.
///
/// # Safety
/// The caller owns such a reference, and `drop` drops it as the state word does.
#[inline]
pub(super) unsafe fn settle(task: NonNull<Header>, last: Reference, mut drop: impl FnMut(Engine) -> Release) {
    match drop(Engine::MayBeOpen) {
        Release::Kept => {}
        // SAFETY: the state word says that this thread is the last.
        Release::Free => unsafe { cell::free_raw(task) },
        // SAFETY: the caller's.
        Release::Ask => unsafe { reap(task, last, &mut drop) },
    }
}

/// The rest of [`settle`], for the last reference to an idle task.
///
/// # Safety
/// As for [`settle`].
#[cold]
#[inline(never)]
unsafe fn reap(task: NonNull<Header>, last: Reference, drop: &mut dyn FnMut(Engine) -> Release) {
    loop {
        // Whether the reference is gone.
        let mut reaped = false;
        let mut step = || {
            // SAFETY: the reference keeps the task alive up to this step.
            reaped = unsafe { task.as_ref() }.state.reap(last);
            if reaped { Wake::Queue } else { Wake::Nothing }
        };
        // SAFETY: as above.
        let open = unsafe { cell::admit_raw(task, &mut step) };
        if reaped {
            return;
        }
        match drop(if open { Engine::MayBeOpen } else { Engine::Closed }) {
            Release::Kept => return,
            // SAFETY: the state word says that this thread is the last.
            Release::Free => return unsafe { cell::free_raw(task) },
            Release::Ask => {}
        }
    }
}
