//! A loop without a yield point, and tasks that wait for the worker it runs on.

use std::sync::atomic::AtomicU64;

use runtimes::spin::spin_preemptible;
use runtimes::{Runtime, Spawner};

use crate::alarm::monotonic_ns;
use crate::completions::{Closed, Completions};
use crate::drive::drive;
use crate::histogram::histogram;
use crate::hogs::{ROUND_STEPS, RUNTIMES, rounds};
use crate::spin::Calibration;
use crate::workload::check;
use crate::{Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Go's old starvation case (golang/go#10958): a task spawns others and enters a loop that nothing
/// leaves. There the program hung; here the loop ends after `loop_ms` of work, so that starvation
/// is a figure. The tasks are spawned by the looping task itself: they lie in the queues of a
/// worker that will not look there.
///
/// `latency` is a task's time from its spawn to its poll. `polled_beside_percent` says how many
/// were polled before the loop ended.
#[derive(Debug)]
pub struct TightLoop;

impl Workload for TightLoop {
    const DEFINITION: Definition = Definition {
        name: "tight_loop",
        summary: "A task spawns others and then computes for 300 ms in a loop without a yield \
         point.",
        shows: "whether the scheduler can step in where a task does not let it: without \
         preemption the others wait for the loop's end",
        unit: "tasks",
        kind: Kind::Latency,
        runtimes: RUNTIMES,
        params: &[
            Param {
                name: "tasks",
                default: 1_000,
                min: 1,
                max: 1_000_000,
                help: "tasks that wait",
            },
            Param {
                name: "loop_ms",
                default: 300,
                min: 1,
                max: 60_000,
                help: "milliseconds of \
             work in the loop",
            },
        ],
        small: &[("tasks", 50), ("loop_ms", 10)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let tasks = params.size("tasks");
        let rounds = rounds(&Calibration::measure(), params.get("loop_ms") as f64 * 1e6);
        let spawner = runtime.spawner().clone();
        let (elapsed_ns, waits) = drive(runtime, async move {
            let mut waits = Vec::with_capacity(tasks * iterations as usize);
            let start_ns = monotonic_ns();
            for _ in 0..iterations {
                let looping = spawner.spawn(spawn_and_loop(spawner.clone(), tasks, rounds));
                let Looped { spawned_ns, closed, end_ns } = looping.await?;
                let polled_ns = closed.wait().await?;
                let lost = polled_ns.iter().filter(|&&at| at == 0).count();
                check("the tasks that were never polled", lost, 0)?;
                let times = spawned_ns.into_iter().zip(polled_ns);
                waits.extend(times.map(|(spawned, polled)| (polled - spawned, polled < end_ns)));
            }
            Ok((monotonic_ns() - start_ns, waits))
        })?;
        let beside = waits.iter().filter(|(_, beside)| *beside).count();
        Ok(Sample {
            histograms: vec![("latency", histogram(waits.iter().map(|(wait_ns, _)| *wait_ns)))],
            figures: vec![("polled_beside_percent", beside as f64 / waits.len() as f64 * 100.0)],
            ..Sample::work(std::time::Duration::from_nanos(elapsed_ns), waits.len() as u64)
        })
    }
}

/// What the looping task leaves behind.
struct Looped {
    /// When each task was spawned.
    spawned_ns: Vec<u64>,
    /// Gives the times at which they were polled.
    closed: Closed,
    /// When the loop was over.
    end_ns: u64,
}

async fn spawn_and_loop<S: Spawner>(spawner: S, tasks: usize, rounds: u64) -> Looped {
    let (completions, closed) = Completions::new(tasks);
    let spawn = |slot| {
        let entry = completions.entry(slot);
        let now_ns = monotonic_ns();
        drop(spawner.spawn(async move { entry.fill(monotonic_ns()) }));
        now_ns
    };
    let spawned_ns = (0..tasks).map(spawn).collect();
    spin_preemptible(rounds, ROUND_STEPS, &AtomicU64::new(0));
    Looped { spawned_ns, closed, end_ns: monotonic_ns() }
}
