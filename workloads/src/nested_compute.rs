//! A task that has been yielding spawns one that computes, and computes itself.

use std::time::Instant;

use futures_lite::future::yield_now;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::pair_compute::{STEPS, compute};
use crate::spin::spin;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// `pair_compute` after a prelude that misleads: 100 short polls, from which a scheduler may
/// conclude that nothing here is worth sharing, and then 200 µs of work twice. The task that
/// spawned goes on computing in the same poll, so only another worker can begin with the other
/// task before it is done.
///
/// With one worker nobody can: that cell shows what the work itself takes.
#[derive(Debug)]
pub struct NestedCompute;

impl Workload for NestedCompute {
    const DEFINITION: Definition = Definition {
        name: "nested_compute",
        summary: "A task yields 100 times, spawns a task that computes for 200 µs, computes as \
         long itself, and awaits it.",
        shows: "whether idle workers still come at once for long work after many short polls",
        unit: "pairs",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "yields",
                default: 100,
                min: 0,
                max: 1_000_000,
                help: "yields before \
             the work",
            },
            STEPS,
        ],
        small: &[("steps", 1_000)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (yields, steps) = (params.get("yields"), params.get("steps"));
        let want = spin(steps);
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                let (own, inner) = spawner.spawn(nest(spawner.clone(), yields, steps)).await??;
                check("the result of the outer task's work", own, want)?;
                check("the result of the inner task's work", inner, want)?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, iterations))
    }
}

/// The outer task. Returns the results of both.
async fn nest<S: Spawner>(spawner: S, yields: u64, steps: u64) -> Result<(u64, u64), Failure> {
    for _ in 0..yields {
        yield_now().await;
    }
    let inner = spawner.spawn(compute(steps));
    let own = spin(steps);
    Ok((own, inner.await?))
}
