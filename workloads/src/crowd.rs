//! Tasks that wait for an event and answer it: what `wake_storm` and `remote_wake` fire at.
//!
//! The event is one waker slot per waiter, with no lock and no list, so that the wakes are all
//! there is to measure. It is fired only when every waiter has gone pending, so that it wakes each
//! of them exactly once.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;

use atomic_waker::AtomicWaker;
use runtimes::{Join, Spawner};

use crate::Failure;
use crate::workload::check;

/// What the owner, who fires, and the waiters share.
pub(crate) struct Event {
    /// How often the event was fired.
    fired: AtomicU64,
    /// One for each waiter.
    slots: Vec<AtomicWaker>,
    /// Waiters that have yet to answer the latest firing.
    missing: AtomicU64,
    /// Whether a waiter was dropped before its last firing.
    lost: AtomicBool,
    /// The owner, awaiting `missing` = 0 or `lost`.
    owner: AtomicWaker,
}

/// Spawns `waiters` tasks that each wait out `firings` firings of an event, and then return how
/// many there were.
pub(crate) fn spawn<S: Spawner>(
    spawner: &S,
    waiters: usize,
    firings: u64,
) -> (Arc<Event>, Vec<S::Join<u64>>) {
    let event = Arc::new(Event::new(waiters));
    let handles = (0..waiters)
        .map(|slot| Waiter { event: Arc::clone(&event), slot, finished: false })
        .map(|waiter| spawner.spawn(wait_out(waiter, firings)))
        .collect();
    (event, handles)
}

/// Waits for the ends of `waiters` and checks that each of `firings` firings woke each of them.
pub(crate) async fn finish<J: Join<u64>>(waiters: Vec<J>, firings: u64) -> Result<(), Failure> {
    let want = waiters.len() as u64 * firings;
    let mut woken = 0;
    for waiter in waiters {
        woken += waiter.await?;
    }
    check("the wakes counted by the waiters", woken, want)
}

impl Event {
    fn new(waiters: usize) -> Self {
        Self {
            fired: AtomicU64::new(0),
            slots: (0..waiters).map(|_| AtomicWaker::new()).collect(),
            missing: AtomicU64::new(waiters as u64),
            lost: AtomicBool::new(false),
            owner: AtomicWaker::new(),
        }
    }

    /// Fires `firings` times, each time when every waiter has answered the time before, and waits
    /// for the answers to the last. The waiters must have settled, and this is called once.
    pub(crate) async fn fire(&self, firings: u64) -> Result<(), Failure> {
        for firing in 1..=firings {
            self.fire_once(firing);
            self.settle().await?;
        }
        Ok(())
    }

    fn fire_once(&self, firing: u64) {
        self.missing.store(self.slots.len() as u64, Ordering::Relaxed);
        // Release: pairs with the waiters' Acquire load, after which they count down `missing`.
        self.fired.store(firing, Ordering::Release);
        for slot in &self.slots {
            slot.wake();
        }
    }

    /// Waits until every waiter waits, having answered the latest firing.
    pub(crate) async fn settle(&self) -> Result<(), Failure> {
        poll_fn(|cx| {
            self.owner.register(cx.waker());
            // Acquire: pairs with the Release stores in `Waiter`'s drop and `answer`.
            if self.lost.load(Ordering::Acquire) {
                return Poll::Ready(Err(Failure::Lost("a waiter")));
            }
            if self.missing.load(Ordering::Acquire) == 0 {
                Poll::Ready(Ok(()))
            } else {
                Poll::Pending
            }
        })
        .await
    }

    /// One waiter has answered; the last one wakes the owner.
    fn answer(&self) {
        // Release: the owner's Acquire load then sees what the waiters did.
        if self.missing.fetch_sub(1, Ordering::Release) == 1 {
            self.owner.wake();
        }
    }
}

/// A waiter's end of the event. It tells the owner when it is dropped too soon: nobody would
/// answer.
struct Waiter {
    event: Arc<Event>,
    slot: usize,
    finished: bool,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.finished {
            self.event.lost.store(true, Ordering::Release);
            self.event.owner.wake();
        }
    }
}

/// Waits out `firings` firings and returns how often a firing woke it. It answers from inside the
/// poll that goes pending, so that the owner never fires at a waiter that is not waiting.
fn wait_out(mut waiter: Waiter, firings: u64) -> impl Future<Output = u64> + Send + 'static {
    let mut answered = None;
    let mut woken = 0;
    poll_fn(move |cx| {
        let event = &waiter.event;
        event.slots[waiter.slot].register(cx.waker());
        // Acquire: pairs with the Release store in `fire`, so that `missing` has been set again.
        let fired = event.fired.load(Ordering::Acquire);
        if answered != Some(fired) {
            woken += u64::from(answered.is_some());
            answered = Some(fired);
            event.answer();
        }
        if fired < firings {
            return Poll::Pending;
        }
        waiter.finished = true;
        Poll::Ready(woken)
    })
}
