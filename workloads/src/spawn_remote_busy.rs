//! A thread outside the runtime spawns many tasks while the workers are busy.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use async_channel::{Sender, bounded};
use futures_lite::future::{block_on, yield_now};
use runtimes::{Runtime, Spawner};

use crate::drive::{drive_from_outside, sum_below};
use crate::spin::spin;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `spawn_many_remote_busy1` (benches/rt_multi_threaded.rs): `spawn_many_remote` beside
/// tasks that compute for 10 µs and yield, two for each worker.
///
/// Two things differ. Work is a constant number of steps, where Tokio's hogs look at the clock.
/// And the yield is futures-lite's for all: it wakes its own task, which so is in the queue again
/// at once. Tokio's own yield puts the task aside until nothing else is to be done.
///
/// How often a busy worker looks at what comes from outside is the policy under test, and its price
/// differs by orders of magnitude: a runtime that takes one such task after every twenty polls of
/// 10 µs needs a second for 10,000 of them on two workers. Hence 100 tasks, where Tokio has 10,000.
///
/// A runtime is left out on which a task from outside never gets in beside the hogs:
/// futures-executor's thread pool polls a task that yields again at once; may and monoio look
/// outside only when they have nothing else to do.
#[derive(Debug)]
pub struct SpawnRemoteBusy;

impl Workload for SpawnRemoteBusy {
    const DEFINITION: Definition = Definition {
        name: "spawn_remote_busy",
        summary: "A thread outside spawns many tasks that return at once, and awaits them, while \
         four others compute for 10 µs and yield.",
        shows: "how soon busy workers take in what comes from outside, and how much of it at a \
         time",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "tasks",
                default: 100,
                min: 1,
                max: 10_000_000,
                help: "tasks spawned in \
             one iteration",
            },
            Param {
                name: "hogs",
                default: 4,
                min: 1,
                max: 10_000,
                help: "tasks that compute and yield; Tokio's benchmark has two for each worker",
            },
            Param {
                name: "steps",
                default: 6_000,
                min: 1,
                max: 1_000_000_000,
                help: "steps that a hog computes before it yields; 6,000 take some 10 µs",
            },
        ],
        small: &[("tasks", 20), ("steps", 1_000)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (tasks, capacity) = (params.get("tasks"), params.size("tasks"));
        let (hogs, steps) = (params.size("hogs"), params.get("steps"));
        let spawner = runtime.spawner().clone();
        let elapsed = drive_from_outside(runtime, move || {
            let shared = Arc::new(Shared::default());
            let stop = Stop(Arc::clone(&shared));
            let (started, begun) = bounded(hogs);
            let hog = |_| spawner.spawn(Arc::clone(&shared).hog(steps, started.clone()));
            let hogs: Vec<_> = (0..hogs).map(hog).collect();
            drop(started);
            shared.awaited.store(hogs.len() as u64, Ordering::Relaxed);
            for _ in &hogs {
                begun.recv_blocking().map_err(|_| shared.why_lost())?;
            }
            // One more, to see that a task gets in beside all of them before the clock starts.
            let probe = Arc::clone(&shared);
            let probe = spawner.spawn(async move { probe.begun.fetch_add(1, Ordering::Relaxed) });
            shared.awaited.fetch_add(1, Ordering::Relaxed);
            block_on(probe)?;
            if shared.unfair.load(Ordering::Relaxed) {
                return Err(shared.why_lost());
            }
            let mut handles = Vec::with_capacity(capacity);
            let start = Instant::now();
            for _ in 0..iterations {
                handles.extend((0..tasks).map(|i| spawner.spawn(async move { i })));
                let sum = block_on(async {
                    let mut sum = 0;
                    for handle in handles.drain(..) {
                        sum += handle.await?;
                    }
                    Ok::<_, Failure>(sum)
                })?;
                check("the sum of the tasks' outputs", sum, sum_below(tasks))?;
            }
            let elapsed = start.elapsed();
            drop(stop);
            let mut turns = 0;
            for hog in hogs {
                turns += block_on(hog)?;
            }
            check(
                "the turns that the hogs say they had",
                turns,
                shared.turns.load(Ordering::Relaxed),
            )?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, tasks * iterations))
    }
}

/// So many turns in a row a hog has while a task that was spawned has had none, before it concludes
/// that the other never will: a second of work. What is fair lets each in after a few dozen; a
/// worker that the kernel keeps from running for a while needs more.
const PATIENCE: u64 = 100_000;

/// What the hogs and their owner share. All of it is Relaxed: numbers and flags, and nothing behind
/// them.
#[derive(Debug, Default)]
struct Shared {
    stop: AtomicBool,
    /// Turns that all hogs had.
    turns: AtomicU64,
    /// How many tasks have been spawned that should begin: the hogs, and then the probe.
    awaited: AtomicU64,
    /// How many of them have begun.
    begun: AtomicU64,
    /// Whether a hog has lost its patience.
    unfair: AtomicBool,
}

impl Shared {
    /// Computes and yields until it is told to stop. Says when its first turn is over, and returns
    /// how many it had.
    async fn hog(self: Arc<Self>, steps: u64, started: Sender<()>) -> u64 {
        let mut started = Some(started);
        let (mut turns, mut waited) = (0, 0);
        while !self.stop.load(Ordering::Relaxed) {
            spin(steps);
            turns += 1;
            self.turns.fetch_add(1, Ordering::Relaxed);
            if let Some(started) = started.take() {
                self.begun.fetch_add(1, Ordering::Relaxed);
                // There is room for every hog, and the owner listens until all have begun.
                let _ = started.try_send(());
            }
            let all = self.begun.load(Ordering::Relaxed) >= self.awaited.load(Ordering::Relaxed);
            waited = if all { 0 } else { waited + 1 };
            if waited > PATIENCE {
                self.unfair.store(true, Ordering::Relaxed);
                self.stop.store(true, Ordering::Relaxed);
            }
            yield_now().await;
        }
        turns
    }

    /// Why a task did not begin.
    fn why_lost(&self) -> Failure {
        if self.unfair.load(Ordering::Relaxed) {
            return Failure::NotOffered(
                "here a task from outside never gets in beside tasks that \
             compute and yield",
            );
        }
        Failure::Lost("a hog")
    }
}

/// Stops the hogs when it is dropped, also when the run fails half-way.
struct Stop(Arc<Shared>);

impl Drop for Stop {
    fn drop(&mut self) {
        self.0.stop.store(true, Ordering::Relaxed);
    }
}
