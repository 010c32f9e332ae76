//! One event wakes every waiter at once.

use std::future::{Future, poll_fn};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;

use atomic_waker::AtomicWaker;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::workload::check;
use crate::{Card, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `notify_waiters` (benches/sync_notify.rs: 10, 50, 100, 200 or 500 waiters). The event here
/// is one waker slot per waiter, with no lock and no list, so that the wakes are all there is to
/// measure. Tokio's loop fires blindly; here a storm begins only when every waiter has gone pending,
/// so that it wakes each of them exactly once, which is checked.
#[derive(Debug)]
pub struct WakeStorm;

impl Workload for WakeStorm {
    const CARD: Card = Card {
        name: "wake_storm",
        summary: "One task fires an event on which a crowd of tasks waits; the last one to wake answers.",
        shows: "a burst of wakes from one place: herd effects, and how the burst is spread over the workers",
        unit: "wakes",
        kind: Kind::Throughput,
        params: &[
            Param { name: "waiters", default: 100, min: 1, max: 100_000, help: "tasks that wait" },
            Param { name: "storms", default: 100, min: 1, max: 1_000_000, help: "events fired in one iteration" },
        ],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (waiters, storms) = (params.get("waiters"), params.get("storms") * iterations);
        let event = Arc::new(Event::new(params.size("waiters")));
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let handles: Vec<_> = (0..event.slots.len())
                .map(|slot| Waiter { event: Arc::clone(&event), slot, finished: false })
                .map(|waiter| spawner.spawn(wait_out(waiter, storms)))
                .collect();
            event.all_wait().await?;
            let start = Instant::now();
            for storm in 1..=storms {
                event.fire(storm);
                event.all_wait().await?;
            }
            let elapsed = start.elapsed();
            let mut woken = 0;
            for handle in handles {
                woken += handle.await?;
            }
            check("the wakes counted by the waiters", woken, waiters * storms)?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, waiters * storms))
    }
}

/// What the body and the waiters share.
struct Event {
    /// How often the event was fired.
    fired: AtomicU64,
    /// One for each waiter.
    slots: Vec<AtomicWaker>,
    /// Waiters that have yet to answer the latest storm.
    missing: AtomicU64,
    /// Whether a waiter was dropped before its last storm.
    lost: AtomicBool,
    /// The body, awaiting `missing` = 0 or `lost`.
    body: AtomicWaker,
}

impl Event {
    fn new(waiters: usize) -> Self {
        Self {
            fired: AtomicU64::new(0),
            slots: (0..waiters).map(|_| AtomicWaker::new()).collect(),
            missing: AtomicU64::new(waiters as u64),
            lost: AtomicBool::new(false),
            body: AtomicWaker::new(),
        }
    }

    /// Fires for the `storm`-th time. All waiters must be waiting.
    fn fire(&self, storm: u64) {
        self.missing.store(self.slots.len() as u64, Ordering::Relaxed);
        // Release: pairs with the waiters' Acquire load, after which they count down `missing`.
        self.fired.store(storm, Ordering::Release);
        for slot in &self.slots {
            slot.wake();
        }
    }

    /// Waits until every waiter has answered the latest storm.
    async fn all_wait(&self) -> Result<(), Failure> {
        poll_fn(|cx| {
            self.body.register(cx.waker());
            // Acquire: pairs with the Release stores in `Waiter`'s drop and `answer`.
            if self.lost.load(Ordering::Acquire) {
                return Poll::Ready(Err(Failure::Lost("a waiter")));
            }
            if self.missing.load(Ordering::Acquire) == 0 { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// One waiter has answered; the last one wakes the body.
    fn answer(&self) {
        // Release: the body's Acquire load then sees what the waiters did.
        if self.missing.fetch_sub(1, Ordering::Release) == 1 {
            self.body.wake();
        }
    }
}

/// A waiter's end of the event. It tells the body when it is dropped too soon: nobody would answer.
struct Waiter {
    event: Arc<Event>,
    slot: usize,
    finished: bool,
}

impl Drop for Waiter {
    fn drop(&mut self) {
        if !self.finished {
            self.event.lost.store(true, Ordering::Release);
            self.event.body.wake();
        }
    }
}

/// Waits out `storms` storms and returns how often a storm woke it. It answers from inside the poll that
/// goes pending, so that the body never fires at a waiter that is not waiting.
fn wait_out(mut waiter: Waiter, storms: u64) -> impl Future<Output = u64> + Send + 'static {
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
        if fired < storms {
            return Poll::Pending;
        }
        waiter.finished = true;
        Poll::Ready(woken)
    })
}
