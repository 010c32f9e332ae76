//! The future that monoio's `block_on` runs.
//!
//! monoio does not contain panics, and puts a task that woke itself at the front of its queue,
//! `block_on`'s own future included: while that yields, nothing else runs. Here its wake-ups by
//! itself go through a small task, and so to the queue's end. Spawned tasks are left as monoio runs
//! them.

use std::future::Future;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, OnceLock};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use pin_project_lite::pin_project;

use runtimes::budget;

/// It is being polled; whoever wakes it now leaves the rest to the poll's end.
const POLLED: u8 = 0;
/// It waits: the next wake must reach monoio.
const IDLE: u8 = 1;
/// It was woken since its last poll began.
const WOKEN: u8 = 2;

struct Bell {
    state: AtomicU8,
    /// monoio's; set by the first poll.
    task: OnceLock<Waker>,
}

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        // AcqRel: Release pairs with the swap before a poll, Acquire with the exchange after one.
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE
            && let Some(task) = self.task.get()
        {
            task.wake_by_ref();
        }
    }
}

pin_project! {
    /// Polls a future, catching its panic.
    pub(super) struct Root<F> {
        #[pin]
        future: F,
        bell: Arc<Bell>,
        waker: Waker,
    }
}

impl<F> Root<F> {
    pub(super) fn new(future: F) -> Self {
        let bell = Arc::new(Bell { state: AtomicU8::new(POLLED), task: OnceLock::new() });
        Self { future, waker: Waker::from(Arc::clone(&bell)), bell }
    }
}

impl<F: Future> Future for Root<F> {
    type Output = thread::Result<F::Output>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        this.bell.task.get_or_init(|| cx.waker().clone());
        // Acquire pairs with `wake_by_ref`: the poll sees what was written before the wakes that it
        // answers.
        this.bell.state.swap(POLLED, Ordering::AcqRel);
        budget::refill();
        let polled = catch_unwind(AssertUnwindSafe(|| {
            this.future.poll(&mut Context::from_waker(this.waker))
        }));
        match polled {
            Ok(Poll::Ready(output)) => Poll::Ready(Ok(output)),
            Err(payload) => Poll::Ready(Err(payload)),
            Ok(Poll::Pending) => {
                let exchanged = this.bell.state.compare_exchange(
                    POLLED,
                    IDLE,
                    Ordering::AcqRel,
                    Ordering::Relaxed,
                );
                if exchanged.is_err() {
                    let waker = cx.waker().clone();
                    drop(monoio::spawn(async move { waker.wake() }));
                }
                Poll::Pending
            }
        }
    }
}
