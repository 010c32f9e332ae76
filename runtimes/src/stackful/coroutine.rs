//! Stackful tasks that drive futures: each started task has a stack, and every poll runs on it.

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::mem::ManuallyDrop;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::ptr;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use pin_project_lite::pin_project;

use super::Pool;
use super::fiber::{Entry, Fiber, Header, Job, nameless};
use super::preempt;
use crate::metrics::{Counter, count};
use crate::sync::no_preempt::guard;

pin_project! {
    /// A future whose polls run on a stack of its own, taken from the pool by the first poll and
    /// given back when it is ready, panics or is dropped.
    ///
    /// Where the inner future returns `Pending`, the coroutine suspends; the next poll resumes it
    /// with that poll's context. The inner future lies in this one, not on the stack.
    ///
    /// It is `Send` if the inner future is: between polls nothing of the future is on the stack.
    /// `P` is how it refers to its pool: shared ownership, unless something else is known to keep
    /// the pool alive.
    ///
    /// Only the bodies of a runtime's own tasks can be preempted in the middle of a poll; see
    /// [`PoolRef`].
    pub struct Coroutine<F, P = Arc<Pool>> {
        stack: Option<Fiber>,
        #[pin]
        pool: P,
        #[pin]
        future: F,
    }
}

/// How a coroutine refers to its pool.
///
/// # Safety
/// With `OWN_TASK`, coroutines with this reference are polled by the workers of their pool's
/// runtime alone, as the whole body of a task, with the task's own waker; the engine keeps a
/// preempted one (`task::mark_preempted`) on its worker; and the reference is not [`Unpin`], as the
/// interrupted poll uses the future between two polls.
pub unsafe trait PoolRef: Deref<Target = Pool> {
    /// Whether the coroutine may be preempted.
    const OWN_TASK: bool = false;
}

// SAFETY: nothing is claimed.
unsafe impl PoolRef for Arc<Pool> {}
// SAFETY: nothing is claimed.
unsafe impl PoolRef for &Pool {}

/// What one resume carries onto the stack and back.
struct Turn<'a, 'w, F: Future> {
    future: Pin<&'a mut F>,
    context: &'a mut Context<'w>,
    result: thread::Result<Poll<F::Output>>,
}

impl<F: Future, P: PoolRef> Coroutine<F, P> {
    /// Makes a coroutine of `future`. No stack is taken before the first poll.
    #[inline]
    pub fn new(pool: P, future: F) -> Self {
        Self { stack: None, pool, future }
    }
}

impl<F: Future, P: PoolRef> Future for Coroutine<F, P> {
    type Output = F::Output;

    /// # Panics
    /// With the panic of the inner future, or when the system refuses a stack.
    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        if P::OWN_TASK && self.pool.slicer().is_some() {
            return self.poll_sliced(context);
        }
        let this = self.project();
        let stack = match this.stack {
            Some(stack) => stack,
            None => this.stack.insert(take(&this.pool, P::OWN_TASK)),
        };
        let mut turn = Turn { future: this.future, context, result: Ok(Poll::Pending) };
        // SAFETY: a job of this type never suspends half-way, so the fiber is parked between polls;
        // `poll_once` expects such a turn, which outlives the call.
        unsafe { stack.start(const { &job::<F>(poll_once::<F>) }, (&raw mut turn).cast()) };
        count(Counter::Switches, 1);
        finish(this.stack, turn.result)
    }
}

/// Gives the stack back if the future needs no more polls.
#[inline]
fn finish<T>(stack: &mut Option<Fiber>, result: thread::Result<Poll<T>>) -> Poll<T> {
    match result {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(ready) => {
            *stack = None;
            ready
        }
        Err(payload) => {
            *stack = None;
            resume_unwind(payload)
        }
    }
}

impl<F, P> fmt::Debug for Coroutine<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine")
            .field("has_stack", &self.stack.is_some())
            .finish_non_exhaustive()
    }
}

/// A job that polls an `F`.
const fn job<F>(run: Entry) -> Job {
    Job { run, code: type_name::<F>, name: nameless }
}

/// The job: polls once. The panic that it catches goes on where the coroutine was polled.
///
/// # Safety
/// The header's turn is a `Turn` of this future.
unsafe fn poll_once<F: Future>(header: &Header) {
    // SAFETY: the caller's; the resumer does not touch the turn until the job is over.
    let turn = unsafe { &mut *header.turn().cast::<Turn<'_, '_, F>>() };
    turn.result = catch_unwind(AssertUnwindSafe(|| turn.future.as_mut().poll(turn.context)));
}

// Polls that may be preempted. Such a poll outlives calls of `Coroutine::poll`, so it must not
// refer to the resumer's frames: it has a context of its own, and looks for its turn only at its
// ends.

/// What one resume of a poll that may be preempted carries onto the stack and back.
struct SlicedTurn<F: Future> {
    future: *mut F,
    waker: *const Waker,
    result: thread::Result<Poll<F::Output>>,
}

impl<F: Future, P: PoolRef> Coroutine<F, P> {
    /// The same as `poll` on a worker whose runtime slices.
    #[inline(never)]
    fn poll_sliced(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let stack = match this.stack {
            Some(stack) => stack,
            None => this.stack.insert(take(&this.pool, true)),
        };
        // SAFETY: only the pointer is taken: whether the interrupted poll or a new one uses it, the
        // future stays there.
        let future = &raw mut *unsafe { this.future.get_unchecked_mut() };
        let was_preempted = stack.is_preempted();
        let mut turn = SlicedTurn { future, waker: context.waker(), result: Ok(Poll::Pending) };
        let at = (&raw mut turn).cast();
        let slot = preempt::current();
        let outer = slot.map(|slot| slot.enter(Some(stack.header())));
        if was_preempted {
            // SAFETY: the fiber's job is `poll_once_sliced` of this type, preempted on this thread,
            // where a preempted task stays; it expects such a turn.
            unsafe { stack.resume(at) };
        } else {
            // SAFETY: no job is suspended on the fiber, and this one expects such a turn, which
            // outlives the call.
            unsafe { stack.start(const { &job::<F>(poll_once_sliced::<F>) }, at) };
        }
        let preempted = slot.zip(outer).is_some_and(|(slot, outer)| slot.leave(outer));
        count(Counter::Switches, 1);
        if preempted || was_preempted {
            // SAFETY: the waker is that of the task whose whole body this is (`OWN_TASK`), polled
            // by this worker.
            unsafe { preempt::mark_or_clear(context.waker(), preempted) };
        }
        if preempted {
            stack.set_preempted();
            return Poll::Pending;
        }
        finish(this.stack, turn.result)
    }
}

/// The job: polls once, however many turns that takes.
///
/// # Safety
/// The header's turn is a `SlicedTurn` of this future, in this turn and each later one of the job.
/// The future stays where it is and the waker works until the job is over.
unsafe fn poll_once_sliced<F: Future>(header: &Header) {
    // SAFETY: the caller's.
    let first = unsafe { &*header.turn().cast_const().cast::<SlicedTurn<F>>() };
    let future = first.future;
    // SAFETY: a copy that is never dropped. The original borrows the task, which is alive as long
    // as it runs or, was_preempted, is scheduled.
    let waker = ManuallyDrop::new(unsafe { ptr::read(first.waker) });
    let result = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the coroutine is pinned, and its owner does not touch the future while the job
        // runs.
        unsafe { Pin::new_unchecked(&mut *future) }.poll(&mut Context::from_waker(&waker))
    }));
    // SAFETY: the turn of whoever resumed last.
    unsafe { (*header.turn().cast::<SlicedTurn<F>>()).result = result };
}

/// A stack for a task that starts, polled by the engine (`own_task`) or by whoever has it.
///
/// # Panics
/// When the system refuses one: a poll has no other way to say so.
#[inline]
pub(super) fn take(pool: &Pool, own_task: bool) -> Fiber {
    // A coroutine polled by hand may be polled by code that is preemptible.
    let _closed = if own_task { None } else { guard() };
    pool.take().unwrap_or_else(|error| {
        panic!("no stack for a coroutine: {error} (too many live ones, or memory is short?)");
    })
}
