//! The cooperative budget: how many operations one poll of a task may complete before it gives way.
//!
//! A descriptor that is always ready, a timer that is always due and a channel that is always full
//! never make a future wait. A task that loops over them would keep its worker for ever, although
//! each line of it awaits something. So every leaf future of ours (sockets and other sources,
//! timers, the channels of direct style) takes one unit of its task's budget whenever it completes,
//! and once the budget is used up it wakes its task and reports `Pending` instead of trying. The
//! task then waits behind those that are due, and its next poll has a new budget. Tokio does the
//! same and calls it "coop"; an `.await` that really waits costs nothing here.
//!
//! # Who refills it
//! Whoever polls a task says so with `refill`: the engine for its tasks and for the futures of
//! its `block_on`, and [`each_poll`] for those that a peer polls. A thread that runs no runtime has
//! no budget, and nothing on it is ever sent away: it serves one future, and there is nobody to
//! give way to.
//!
//! # What is never lost
//! - *A wake-up.* A refusal changes nothing but the future's own `Share`: readiness, timer and
//!   stored waker stay as they are, and the task is woken before `Pending` is returned.
//! - *Progress.* A future that has been sent away once completes at its next poll even if its
//!   siblings in the same task have used up the new budget by then, so that a greedy branch of a
//!   `join` starves none of the others; and code that polls a leaf future in a loop of its own
//!   inside of a task goes on.
//! - *The bound.* One poll of a task completes [`BUDGET`] operations and one more for each future
//!   that was sent away before: never more than a constant for each future that it holds.
//! - *A destructor.* While its thread unwinds from a panic nobody is sent away: direct-style code
//!   cannot suspend there.
//!
//! The budget is a thread's own variable and no part of a task: it is set when a poll begins, which
//! costs one store, and no task that is polled by one thread is polled by another at the same time.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::thread;

use pin_project_lite::pin_project;

/// How many operations one poll may complete. At a microsecond or two for a small transfer, others
/// wait for a few hundred microseconds at most, and what it costs to give way is spread over more
/// than a hundred system calls. Tokio uses the same number.
pub const BUDGET: u64 = 128;

/// What is left on a thread that runs no runtime.
const UNLIMITED: u64 = u64::MAX;

thread_local! {
    static LEFT: Cell<u64> = const { Cell::new(UNLIMITED) };
}

/// The poll of a task begins on this thread.
#[inline]
pub fn refill() {
    LEFT.set(BUDGET);
}

/// This thread runs no runtime any more.
pub(crate) fn lift() {
    LEFT.set(UNLIMITED);
}

/// Whether the poll that has just ended on this thread had used up its budget.
#[inline]
pub(crate) fn is_used_up() -> bool {
    LEFT.get() == 0
}

/// A leaf future's view of its task's budget. It is a part of the future.
#[derive(Debug, Default)]
pub(crate) struct Share {
    /// Sent away when it was polled last.
    refused: bool,
}

impl Share {
    /// At the begin of a poll: pending if the budget is used up, and then the task is woken.
    #[inline]
    pub(crate) fn poll_proceed(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if is_used_up() { self.poll_without_budget(cx) } else { self.proceed() }
    }

    #[inline]
    fn proceed(&mut self) -> Poll<()> {
        self.refused = false;
        Poll::Ready(())
    }

    #[cold]
    fn poll_without_budget(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        if self.refused || thread::panicking() {
            return self.proceed();
        }
        self.refused = true;
        cx.waker().wake_by_ref();
        Poll::Pending
    }
}

/// Takes one unit: an operation has completed.
#[inline]
pub(crate) fn spend() {
    LEFT.set(LEFT.get().saturating_sub(1));
}

/// Takes one unit, and waits for the task's next poll if there is none: for operations that are
/// ready without any future of ours.
pub(crate) fn consume() -> impl Future<Output = ()> + Send {
    let mut share = Share::default();
    poll_fn(move |cx| {
        ready!(share.poll_proceed(cx));
        spend();
        Poll::Ready(())
    })
}

/// Gives `future`, a task's whole future, a new budget whenever it is polled.
///
/// Executors of ours do that by themselves. Others need it where they run tasks that use our
/// sockets and timers, on threads that serve several tasks:
/// ```
/// # let executor = async_executor::Executor::new();
/// # let future = std::future::ready(1);
/// let task = executor.spawn(runtimes::budget::each_poll(future));
/// # assert_eq!(futures_lite::future::block_on(executor.run(task)), 1);
/// ```
pub fn each_poll<F>(future: F) -> EachPoll<F> {
    EachPoll { future }
}

pin_project! {
    /// The future of [`each_poll`].
    #[derive(Debug)]
    #[must_use = "a future does nothing unless it is polled"]
    pub struct EachPoll<F> {
        #[pin]
        future: F,
    }
}

impl<F: Future> Future for EachPoll<F> {
    type Output = F::Output;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<F::Output> {
        refill();
        self.project().future.poll(cx)
    }
}

#[cfg(all(test, not(stampede_loom)))]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
    use std::task::{Wake, Waker};

    use super::*;

    #[derive(Default)]
    struct Wakes(AtomicUsize);

    impl Wake for Wakes {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, SeqCst);
        }
    }

    /// Lifts the budget again, as the end of a `block_on` does: a harness may run the next test on
    /// the same thread.
    struct Lifted;

    impl Drop for Lifted {
        fn drop(&mut self) {
            lift();
        }
    }

    #[test]
    fn a_thread_without_a_runtime_has_no_budget() {
        for _ in 0..10 * BUDGET {
            assert!(
                Share::default().poll_proceed(&mut Context::from_waker(Waker::noop())).is_ready()
            );
            spend();
        }
    }

    #[test]
    fn who_was_sent_away_goes_next_time_and_everybody_else_waits() {
        let _lifted = Lifted;
        let wakes = Arc::new(Wakes::default());
        let waker = Waker::from(Arc::clone(&wakes));
        let mut cx = Context::from_waker(&waker);
        refill();
        let mut share = Share::default();
        for _ in 0..BUDGET {
            assert!(share.poll_proceed(&mut cx).is_ready());
            spend();
        }
        assert!(share.poll_proceed(&mut cx).is_pending());
        assert_eq!(wakes.0.load(SeqCst), 1, "its task is woken");
        assert!(share.poll_proceed(&mut cx).is_ready(), "it has waited for its turn");
        assert!(share.poll_proceed(&mut cx).is_pending(), "once");
        assert!(Share::default().poll_proceed(&mut cx).is_pending());
        refill();
        assert!(share.poll_proceed(&mut cx).is_ready());
        (0..BUDGET).for_each(|_| spend());
        assert!(
            share.poll_proceed(&mut cx).is_pending(),
            "a new budget forgives no refusal in advance"
        );
    }

    #[test]
    fn nobody_is_sent_away_while_the_thread_unwinds() {
        struct AtDrop<'a>(&'a Cell<bool>);
        impl Drop for AtDrop<'_> {
            fn drop(&mut self) {
                let polled = Share::default().poll_proceed(&mut Context::from_waker(Waker::noop()));
                self.0.set(polled.is_ready());
            }
        }
        let _lifted = Lifted;
        refill();
        (0..BUDGET).for_each(|_| spend());
        let went_on = Cell::new(false);
        let caught = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| {
            let _at_drop = AtDrop(&went_on);
            std::panic::resume_unwind(Box::new(()));
        }));
        assert!(caught.is_err() && went_on.get());
    }
}
