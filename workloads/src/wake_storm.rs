//! One event wakes every waiter at once.

use std::time::Instant;

use runtimes::Runtime;

use crate::crowd;
use crate::drive::drive;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `notify_waiters` (benches/sync_notify.rs: 10, 50, 100, 200 or 500 waiters). The event
/// here is one waker slot per waiter, with no lock and no list, so that the wakes are all there is
/// to measure. Tokio's loop fires blindly; here a storm begins only when every waiter has gone
/// pending, so that it wakes each of them exactly once, which is checked.
#[derive(Debug)]
pub struct WakeStorm;

impl Workload for WakeStorm {
    const DEFINITION: Definition = Definition {
        name: "wake_storm",
        summary: "One task fires an event on which a crowd of tasks waits; the last one to wake \
         answers.",
        shows: "a burst of wakes from one place: herd effects, and how the burst is spread over \
         the workers",
        unit: "wakes",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param { name: "waiters", default: 100, min: 1, max: 100_000, help: "tasks that wait" },
            Param {
                name: "storms",
                default: 100,
                min: 1,
                max: 1_000_000,
                help: "events fired in \
             one iteration",
            },
        ],
        small: &[("waiters", 20), ("storms", 10)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (waiters, storms) = (params.get("waiters"), params.get("storms") * iterations);
        let count = params.size("waiters");
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let (event, waiters) = crowd::spawn(&spawner, count, storms);
            event.settle().await?;
            let start = Instant::now();
            event.fire(storms).await?;
            let elapsed = start.elapsed();
            crowd::finish(waiters, storms).await?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, waiters * storms))
    }
}
