//! A task wakes another one and then computes.

use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use runtimes::{Runtime, Spawner};

use crate::alarm::monotonic_ns;
use crate::drive::{drive, sum_below};
use crate::histogram::histogram;
use crate::spin::{Calibration, spin};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// tokio#4941: many schedulers keep the task that was woken last in a slot of its own, to be run
/// next by the same worker, for the sake of its cache. Where nobody can steal from the slot, the
/// task in it waits until the worker has done what it is at.
///
/// A sends B a message, which wakes it, and computes; then it awaits B's answer. `latency` runs
/// from before the send to the moment at which B has the message. With two workers the second has
/// nothing else to do. With one there is none to step in: B waits for all of A's work, which says
/// nothing but how long that is.
#[derive(Debug)]
pub struct SlotPair;

impl Workload for SlotPair {
    const DEFINITION: Definition = Definition {
        name: "slot_pair",
        summary: "A task wakes another and then computes for 2 ms, again and again; other workers \
         have nothing to do.",
        shows: "how long a task that was woken waits behind the one that woke it, although a \
         worker is idle",
        unit: "wakes",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "compute_us",
                default: 2_000,
                min: 1,
                max: 10_000_000,
                help: "microseconds of work after each wake",
            },
            Param {
                name: "rounds",
                default: 100,
                min: 1,
                max: 1_000_000,
                help: "wakes in one \
             iteration",
            },
        ],
        small: &[("rounds", 10), ("compute_us", 100)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let rounds = params.get("rounds") * iterations;
        let steps = Calibration::measure().steps(params.get("compute_us") as f64 * 1e3);
        let spawner = runtime.spawner().clone();
        let (elapsed_ns, waits_ns) = drive(runtime, async move {
            let start_ns = monotonic_ns();
            let waits_ns =
                spawner.spawn(wake_and_compute(spawner.clone(), rounds, steps)).await??;
            Ok((monotonic_ns() - start_ns, waits_ns))
        })?;
        check("the wakes that were answered", waits_ns.len() as u64, rounds)?;
        Ok(Sample {
            histograms: vec![("latency", histogram(waits_ns.into_iter()))],
            ..Sample::work(Duration::from_nanos(elapsed_ns), rounds)
        })
    }
}

/// A. Returns how long B waited each time.
async fn wake_and_compute<S: Spawner>(
    spawner: S,
    rounds: u64,
    steps: u64,
) -> Result<Vec<u64>, Failure> {
    let lost = || Failure::Lost("the task that is woken");
    let (to, from) = (bounded(1), bounded(1));
    let woken = spawner.spawn(note_when_woken(to.1, from.0));
    let (to, from): (Sender<u64>, Receiver<u64>) = (to.0, from.1);
    let want = spin(steps);
    let mut waits_ns = Vec::with_capacity(rounds as usize);
    for round in 0..rounds {
        let sent_ns = monotonic_ns();
        // The channel is empty: this never waits, and what follows is part of the same poll.
        to.send(round).await.map_err(|_| lost())?;
        check("the result of the work", spin(steps), want)?;
        // B is back at its end of the channel before this task is polled for the answer with one
        // worker, and 2 ms before with more.
        let polled_ns = from.recv().await.map_err(|_| lost())?;
        check("a task that was polled before it was woken", polled_ns < sent_ns, false)?;
        waits_ns.push(polled_ns - sent_ns);
    }
    drop(to);
    check("the sum of the messages", woken.await?, sum_below(rounds))?;
    Ok(waits_ns)
}

/// B: answers each message with the time at which it had it. Returns the sum of the messages.
async fn note_when_woken(from: Receiver<u64>, to: Sender<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(round) = from.recv().await {
        let polled_ns = monotonic_ns();
        sum += round;
        if to.send(polled_ns).await.is_err() {
            break;
        }
    }
    sum
}
