//! The waker of a task: a pointer to its header, with a vtable for each engine so that a wake is
//! one indirect call.

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
    // SAFETY: the waker that is cloned keeps the task alive (or RUNNING does, for the borrowed
    // one).
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

/// Takes a step on the word of `task` that may make it due, and queues it then. False, and no step,
/// once its engine has closed.
///
/// # Safety
/// The caller has a reference to the task, made for an `H`, which at most the step gives up.
#[inline]
unsafe fn admit<H: Home>(task: NonNull<Header>, step: impl FnOnce(&State) -> Wake) -> bool {
    // SAFETY: the caller's reference keeps task and engine alive until the step; from then on the
    // engine keeps itself open.
    unsafe { cell::admit::<H>(task, || step(&task.as_ref().state)) }
}

unsafe fn drop_waker(data: *const ()) {
    let task = header(data);
    // SAFETY: the dropped waker counts, so the task is alive until the count goes down.
    let release = unsafe { task.as_ref() }.state.drop_waker(Engine::MayBeOpen);
    // SAFETY: as above, and this is what the word said.
    unsafe { settle(task, Reference::Waker, release) };
}

/// Does what is left to do after the `last` reference to `task`, so it may be, was to be dropped.
///
/// # Safety
/// The caller owns such a reference, and `release` is what the state word answered when it dropped
/// it, with an engine that may be open. If that was the handle, and the task is done, its output is
/// gone.
#[inline]
pub(super) unsafe fn settle(task: NonNull<Header>, last: Reference, release: Release) {
    match release {
        Release::Kept => {}
        // SAFETY: the state word says that this thread is the last.
        Release::Free => unsafe { cell::free_raw(task) },
        // SAFETY: the word has kept the reference: it is the caller's still.
        Release::Ask => unsafe { reap(task, last) },
    }
}

/// The rest of [`settle`], for the last reference to a task that was idle: the engine is asked.
/// What is rare is apart, so that the paths of those who drop one of many references stay short.
///
/// # Safety
/// The caller owns such a reference.
#[cold]
#[inline(never)]
unsafe fn reap(task: NonNull<Header>, last: Reference) {
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
        let engine = if open { Engine::MayBeOpen } else { Engine::Closed };
        // SAFETY: the reference keeps the task alive up to this step.
        let state = unsafe { &task.as_ref().state };
        let release = match last {
            Reference::Waker => state.drop_waker(engine),
            // SAFETY: the caller's reference is the handle.
            Reference::Handle => unsafe { drop_handle(task, false, engine) },
        };
        match release {
            Release::Kept => return,
            // SAFETY: the state word says that this thread is the last.
            Release::Free => return unsafe { cell::free_raw(task) },
            Release::Ask => {}
        }
    }
}

/// Drops the handle, and before it the output, unless that is gone.
///
/// # Safety
/// The caller owns the handle of `task`; it is alive no longer than `Release` says.
#[inline]
pub(super) unsafe fn drop_handle(
    task: NonNull<Header>,
    output_gone: bool,
    engine: Engine,
) -> Release {
    // SAFETY: the handle keeps the task alive until it is dropped.
    let state = unsafe { &task.as_ref().state };
    if let Some(release) = state.drop_handle(output_gone, engine) {
        return release;
    }
    // SAFETY: DONE, and the output was not taken.
    unsafe { cell::drop_output_raw(task) };
    match state.drop_handle(true, engine) {
        Some(release) => release,
        None => unreachable!("a handle whose output is gone can be dropped"),
    }
}
