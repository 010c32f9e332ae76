//! A task spawns two tasks that compute, and awaits them both.

use std::time::Instant;

use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::spin::spin;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// The smallest job that two workers can share: `join(a, b)` of rayon's, as tasks.
///
/// With two workers it takes the time of one task and a wake-up, if the second worker takes its
/// task at once; it takes the time of both, if the worker that spawned them runs one after the
/// other. With one worker there is nobody to share with: that cell shows what the work itself
/// takes, twice.
///
/// The work is a constant number of steps and not a calibrated time, so that all runtimes and
/// processes do the same.
#[derive(Debug)]
pub struct PairCompute;

impl Workload for PairCompute {
    const DEFINITION: Definition = Definition {
        name: "pair_compute",
        summary: "A task spawns two tasks that compute for 200 µs each, and awaits both.",
        shows: "how soon work that one worker spawned is shared with another that is idle",
        unit: "pairs",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[STEPS],
        small: &[("steps", 1_000)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let steps = params.get("steps");
        let want = spin(steps);
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                let pair = [(); 2].map(|()| spawner.spawn(compute(steps)));
                for task in pair {
                    check("the result of a task's work", task.await?, want)?;
                }
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, iterations))
    }
}

/// Computes without a pause. Returns the result.
pub(crate) async fn compute(steps: u64) -> u64 {
    spin(steps)
}

/// How much a task computes.
pub(crate) const STEPS: Param = Param {
    name: "steps",
    default: 120_000,
    min: 1,
    max: 1_000_000_000,
    help: "steps of work of each task; 120,000 take some 200 µs",
};
