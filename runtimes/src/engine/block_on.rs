//! Running one future to its end on the calling thread.

use std::cell::Cell;
use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::{Context, Poll, Wake, Waker};

use super::core::Core;
use super::worker::{Pause, Worker};
use crate::budget;
use crate::scheduler::Scheduler;
use crate::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::sync::thread::{self, Thread};

/// Whether the future was woken and has not been polled since.
#[derive(Debug)]
pub(super) struct Flag(AtomicBool);

impl Flag {
    pub(super) fn new(raised: bool) -> Self {
        Self(AtomicBool::new(raised))
    }

    /// A wake. True: nobody else has interrupted the thread for this, so the caller must.
    pub(super) fn raise(&self) -> bool {
        // Release pairs with the Acquire swap in `take`, which a chain of these swaps leads to.
        !self.0.swap(true, Release)
    }

    /// Whether there is a wake to answer. A thread that sees none and blocks is interrupted by the
    /// wake.
    #[inline]
    pub(super) fn is_raised(&self) -> bool {
        self.0.load(Relaxed)
    }

    /// Before the poll that answers: what those who raised it did before is visible to it.
    pub(super) fn take(&self) -> bool {
        self.0.swap(false, Acquire)
    }
}

/// Runs `future` while the calling thread, no worker, sleeps between its polls.
pub(super) fn on_thread<F: Future>(future: F) -> F::Output {
    struct Unpark {
        woken: Flag,
        thread: Thread,
    }
    impl Wake for Unpark {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            if self.woken.raise() {
                self.thread.unpark();
            }
        }
    }
    let unpark = Arc::new(Unpark { woken: Flag::new(false), thread: thread::current() });
    let waker = Waker::from(unpark.clone());
    let mut future = pin!(future);
    loop {
        budget::refill();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        // The flag tells a wake from a stray unpark.
        while !unpark.woken.take() {
            thread::park();
        }
    }
}

/// How many tasks run before a root future that woke itself is polled again, if so many are due.
/// The root counts as one task among many: a root that yields in a loop must not starve them, nor
/// they it.
const TASKS_BEFORE_YIELDED_ROOT: u32 = 32;

/// Runs `future` on the thread that is also the runtime's one worker: tasks run between its polls.
pub(super) fn on_worker<S: Scheduler, F: Future>(
    core: &Arc<Core<S>>,
    worker: &Worker<S>,
    future: F,
) -> F::Output {
    struct Root<S: Scheduler> {
        woken: Flag,
        core: Arc<Core<S>>,
    }
    impl<S: Scheduler> Wake for Root<S> {
        fn wake(self: Arc<Self>) {
            self.wake_by_ref();
        }
        fn wake_by_ref(self: &Arc<Self>) {
            // A worker about to sleep either sees the flag or finds the token that this leaves; see
            // `park`.
            if self.woken.raise() {
                self.core.unpark(0);
            }
        }
    }
    let root = Arc::new(Root { woken: Flag::new(true), core: core.clone() });
    let waker = Waker::from(root.clone());
    let mut future = pin!(future);
    // Tasks that still go before the root, which is due.
    let first = Cell::new(0_u32);
    let ready = |idle: bool| {
        if !root.woken.is_raised() {
            return false;
        }
        let left = if idle { 0 } else { first.get() };
        first.set(left.saturating_sub(1));
        left == 0
    };
    loop {
        match worker.run(ready) {
            Pause::Ready => {}
            Pause::Stopping => {
                unreachable!("a runtime is not stopped while it blocks its own thread")
            }
        }
        root.woken.take();
        let _current = worker.enter();
        budget::refill();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        worker.after_poll();
        // Woken during its own poll, it gave way to others. Woken by another thread soon after, it
        // still lets one task run, or a thread that wakes it all the time would starve them.
        first.set(if root.woken.is_raised() { TASKS_BEFORE_YIELDED_ROOT } else { 1 });
    }
}
