//! Many tasks yield many times.

use std::time::Instant;

use futures_lite::future::yield_now;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `yield_many` (benches/rt_multi_threaded.rs: 200 tasks × 1,000 yields). The yield is
/// futures-lite's: it wakes itself and returns pending, so the order in which tasks run next is the
/// runtime's own answer to a self-wake.
#[derive(Debug)]
pub struct YieldMany;

impl Workload for YieldMany {
    const DEFINITION: Definition = Definition {
        name: "yield_many",
        summary: "Every task of a crowd wakes itself and returns pending, again and again.",
        shows: "the cost of one turn through the run queue: self-wake, push, pop, poll",
        unit: "yields",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "tasks",
                default: 200,
                min: 1,
                max: 1_000_000,
                help: "tasks that yield \
             side by side",
            },
            Param {
                name: "yields",
                default: 1_000,
                min: 1,
                max: 1_000_000,
                help: "yields of each \
             task",
            },
        ],
        small: &[("tasks", 20), ("yields", 50)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (tasks, yields) = (params.get("tasks"), params.get("yields"));
        let capacity = params.size("tasks");
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let mut handles = Vec::with_capacity(capacity);
            let start = Instant::now();
            for _ in 0..iterations {
                let crowd = (0..tasks).map(|_| spawner.spawn(yielding(yields)));
                handles.extend(crowd);
                let mut sum = 0;
                for handle in handles.drain(..) {
                    sum += handle.await?;
                }
                check("the yields counted by the tasks", sum, tasks * yields)?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, tasks * yields * iterations))
    }
}

/// Yields `times` times and returns how often it was resumed.
async fn yielding(times: u64) -> u64 {
    let mut resumed = 0;
    for _ in 0..times {
        yield_now().await;
        resumed += 1;
    }
    resumed
}
