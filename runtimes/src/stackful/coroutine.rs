//! Stackful tasks that drive futures: each started task has a stack, and every poll runs on it.

use std::fmt;
use std::future::Future;
use std::ops::Deref;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::thread;

use pin_project_lite::pin_project;

use super::Pool;
use super::fiber::{Fiber, Header};
use crate::engine::count;
use crate::metrics::Counter;

pin_project! {
    /// A future whose polls run on a stack of its own, taken from the pool by the first poll and given back
    /// when it is ready, panics or is dropped.
    ///
    /// Where the inner future returns `Pending`, the coroutine suspends; the next poll resumes it with that
    /// poll's context. The inner future lies in this one, not on the stack.
    ///
    /// It is `Send` if the inner future is: between polls nothing of the future is on the stack. `P` is how it
    /// refers to its pool: shared ownership, unless something else is known to keep the pool alive.
    pub struct Coroutine<F, P = Arc<Pool>> {
        stack: Option<Fiber>,
        pool: P,
        #[pin]
        future: F,
    }
}

/// What one resume carries onto the stack and back.
struct Turn<'a, 'w, F: Future> {
    future: Pin<&'a mut F>,
    context: &'a mut Context<'w>,
    result: thread::Result<Poll<F::Output>>,
}

impl<F: Future, P: Deref<Target = Pool>> Coroutine<F, P> {
    /// Makes a coroutine of `future`. No stack is taken before the first poll.
    #[inline]
    pub fn new(pool: P, future: F) -> Self {
        Self { stack: None, pool, future }
    }
}

impl<F: Future, P: Deref<Target = Pool>> Future for Coroutine<F, P> {
    type Output = F::Output;

    /// # Panics
    /// With the panic of the inner future, or when the system refuses a stack.
    #[inline]
    fn poll(self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<F::Output> {
        let this = self.project();
        let stack = match this.stack {
            Some(stack) => stack,
            None => this.stack.insert(take(this.pool)),
        };
        let mut turn = Turn { future: this.future, context, result: Ok(Poll::Pending) };
        // SAFETY: a job of this type never suspends half-way, so the fiber is parked between polls; `poll_once`
        // expects such a turn, which outlives the call.
        unsafe { stack.start(poll_once::<F>, (&raw mut turn).cast()) };
        count(Counter::Switches, 1);
        match turn.result {
            Ok(Poll::Pending) => Poll::Pending,
            Ok(ready) => {
                *this.stack = None;
                ready
            }
            Err(payload) => {
                *this.stack = None;
                resume_unwind(payload)
            }
        }
    }
}

impl<F, P> fmt::Debug for Coroutine<F, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Coroutine").field("has_stack", &self.stack.is_some()).finish_non_exhaustive()
    }
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

/// A stack for a task that starts.
///
/// # Panics
/// When the system refuses one: a poll has no other way to say so.
pub(super) fn take(pool: &Pool) -> Fiber {
    pool.take().unwrap_or_else(|error| {
        panic!("no stack for a coroutine: {error} (too many live ones, or memory is short?)");
    })
}
