//! One task spawns many and awaits them all.

use std::time::Instant;

use runtimes::{Runtime, Spawner};

use crate::drive::{drive, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `spawn_many_local` (benches/rt_multi_threaded.rs, 10,000 tasks), with one difference:
/// the parent awaits each handle instead of a count, so that joining is part of the cost.
#[derive(Debug)]
pub struct SpawnManyLocal;

impl Workload for SpawnManyLocal {
    const DEFINITION: Definition = Definition {
        name: "spawn_many_local",
        summary: "A task spawns many tasks that return at once, and awaits them all.",
        shows: "the cost of a task made inside the runtime: allocation, queue, one poll, join",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::AllAnd(&["stackful-unpooled", "go-gcoff"]),
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
        let elapsed = drive(runtime, async move {
            let mut handles = Vec::with_capacity(capacity);
            let start = Instant::now();
            for _ in 0..iterations {
                handles.extend((0..tasks).map(|i| spawner.spawn(async move { i })));
                let mut sum = 0;
                for handle in handles.drain(..) {
                    sum += handle.await?;
                }
                check("the sum of the tasks' outputs", sum, sum_below(tasks))?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, tasks * iterations))
    }
}
