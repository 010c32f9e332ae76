//! A thread outside the runtime spawns many tasks and awaits them all.

use std::time::Instant;

use futures_lite::future::block_on;
use runtimes::{Runtime, Spawner};

use crate::drive::{drive_from_outside, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `spawn_many_remote_idle` (benches/rt_multi_threaded.rs, 10,000 tasks). The spawning
/// thread awaits the handles itself, parked by futures-lite's `block_on`, which no runtime takes
/// part in.
#[derive(Debug)]
pub struct SpawnManyRemote;

impl Workload for SpawnManyRemote {
    const DEFINITION: Definition = Definition {
        name: "spawn_many_remote",
        summary: "A thread outside an idle runtime spawns many tasks that return at once, and \
         awaits them all.",
        shows: "the cost of a task that comes from outside: shared queue, waking sleeping \
         workers, join across threads",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[Param {
            name: "tasks",
            default: 10_000,
            min: 1,
            max: 10_000_000,
            help: "tasks spawned in one iteration",
        }],
        small: &[("tasks", 500)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (tasks, capacity) = (params.get("tasks"), params.size("tasks"));
        let spawner = runtime.spawner().clone();
        let elapsed = drive_from_outside(runtime, move || {
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
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, tasks * iterations))
    }
}
