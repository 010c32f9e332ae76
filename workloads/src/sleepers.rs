//! Tasks that sleep on a far timer and are woken one at a time; each notes when it was polled.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Duration;

use atomic_waker::AtomicWaker;
use runtimes::time::sleep;
use runtimes::{Spawner, reactor};

use crate::Failure;
use crate::alarm::monotonic_ns;

/// A sleep that no run outlasts: it keeps a timer armed in the reactor of an idle runtime.
const FAR: Duration = Duration::from_secs(24 * 60 * 60);

/// What the sleeping tasks and the one thread that wakes them share.
pub(crate) struct Sleepers {
    beds: Vec<Bed>,
    /// When the task was polled for each wake; 0 before that.
    polled_ns: Vec<AtomicU64>,
    /// Tasks that have yet to fall asleep, then wakes that have yet to be answered.
    missing: AtomicU64,
    /// Whether the tasks are to end.
    released: AtomicBool,
    /// Whether a task was dropped before its end.
    lost: AtomicBool,
    /// The thread that wakes, awaiting `missing` = 0 or `lost`.
    owner: AtomicWaker,
}

/// Where one task sleeps.
struct Bed {
    waker: AtomicWaker,
    /// How often its task was woken.
    woken: AtomicU64,
}

/// Spawns `tasks` sleepers for `wakes` wakes in all. Each returns how many of them were its own.
pub(crate) fn spawn<S: Spawner>(
    spawner: &S,
    tasks: usize,
    wakes: usize,
) -> (Arc<Sleepers>, Vec<S::Join<u64>>) {
    let sleepers = Arc::new(Sleepers {
        beds: (0..tasks)
            .map(|_| Bed { waker: AtomicWaker::new(), woken: AtomicU64::new(0) })
            .collect(),
        polled_ns: (0..wakes).map(|_| AtomicU64::new(0)).collect(),
        missing: AtomicU64::new(tasks as u64),
        released: AtomicBool::new(false),
        lost: AtomicBool::new(false),
        owner: AtomicWaker::new(),
    });
    let task = |bed| {
        let sleeper = Sleeper { sleepers: Arc::clone(&sleepers), bed, finished: false };
        spawner.spawn(sleeper.sleep(spawner.reactor().clone()))
    };
    let handles = (0..tasks).map(task).collect();
    (sleepers, handles)
}

impl Sleepers {
    /// Waits until every task sleeps, and then for `wakes` more answers.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        self.all_answered().await?;
        self.missing.store(self.polled_ns.len() as u64, Ordering::Relaxed);
        Ok(())
    }

    /// Waits until every task sleeps; after [`settle`](Self::settle), until every wake was
    /// answered.
    pub(crate) async fn all_answered(&self) -> Result<(), Failure> {
        poll_fn(|cx| {
            self.owner.register(cx.waker());
            // Acquire: pairs with the Release stores in `Sleeper`'s drop and `answer`.
            if self.lost.load(Ordering::Acquire) {
                return Poll::Ready(Err(Failure::Lost("a sleeping task")));
            }
            if self.missing.load(Ordering::Acquire) == 0 {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// Wakes a task for the `wake`-th time in all, counted from 0: the tasks take turns. To be
    /// called in order, by one thread, once the tasks have settled.
    pub(crate) fn wake(&self, wake: usize) {
        let bed = &self.beds[wake % self.beds.len()];
        // Release: pairs with the task's Acquire load, which then sees that `missing` has been set
        // again.
        bed.woken.store((wake / self.beds.len()) as u64 + 1, Ordering::Release);
        bed.waker.wake();
    }

    /// Lets every task end. All wakes must have been answered.
    pub(crate) fn release(&self) {
        // Release: pairs with the tasks' Acquire load.
        self.released.store(true, Ordering::Release);
        self.beds.iter().for_each(|bed| bed.waker.wake());
    }

    /// When each wake's task was polled, in nanoseconds on the monotonic clock; 0 for one that was
    /// not.
    pub(crate) fn polled_ns(&self) -> impl Iterator<Item = u64> {
        self.polled_ns.iter().map(|at| at.load(Ordering::Relaxed))
    }

    fn answer(&self) {
        // Release: the owner's Acquire load then sees what the tasks noted.
        if self.missing.fetch_sub(1, Ordering::Release) == 1 {
            self.owner.wake();
        }
    }
}

/// One task. It tells the owner when it is dropped too soon: nobody would answer.
struct Sleeper {
    sleepers: Arc<Sleepers>,
    bed: usize,
    finished: bool,
}

impl Drop for Sleeper {
    fn drop(&mut self) {
        if !self.finished {
            self.sleepers.lost.store(true, Ordering::Release);
            self.sleepers.owner.wake();
        }
    }
}

impl Sleeper {
    async fn sleep(mut self, reactor: reactor::Handle) -> u64 {
        let mut far = pin!(sleep(&reactor, FAR));
        let mut asleep = false;
        let mut seen = 0;
        poll_fn(move |cx| {
            let now_ns = monotonic_ns();
            let Sleepers { beds, polled_ns, released, .. } = &*self.sleepers;
            let bed = &beds[self.bed];
            bed.waker.register(cx.waker());
            if !asleep {
                asleep = true;
                // It stays armed with this waker: polling it again at each wake would only cost
                // time.
                let _ = far.as_mut().poll(cx);
                self.sleepers.answer();
            }
            // Acquire: pairs with the Release stores in `wake` and `release`.
            let woken = bed.woken.load(Ordering::Acquire);
            // More than one when the runtime was so late that the task's turn came round again.
            while seen < woken {
                polled_ns[seen as usize * beds.len() + self.bed].store(now_ns, Ordering::Relaxed);
                seen += 1;
                self.sleepers.answer();
            }
            if !released.load(Ordering::Acquire) {
                return Poll::Pending;
            }
            self.finished = true;
            Poll::Ready(seen)
        })
        .await
    }
}
