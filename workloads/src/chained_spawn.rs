//! Each task spawns its successor and ends.

use std::future::Future;
use std::time::Instant;

use futures_channel::oneshot;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `chained_spawn` (benches/rt_multi_threaded.rs, 1,000 links): nobody joins a link; the
/// last one reports over a one-shot channel. Each link counts itself, so that a link left out or
/// run twice shows.
#[derive(Debug)]
pub struct ChainedSpawn;

impl Workload for ChainedSpawn {
    const DEFINITION: Definition = Definition {
        name: "chained_spawn",
        summary: "Each task spawns its successor and ends; the last one reports.",
        shows: "the latency from spawn to first poll when there is only ever one task to run",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::AllAnd(&["go-gcoff"]),
        params: &[Param {
            name: "links",
            default: 1_000,
            min: 1,
            max: 10_000_000,
            help: "tasks in the chain of one iteration",
        }],
        small: &[("links", 200)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let links = params.get("links");
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                let (report, last) = oneshot::channel();
                drop(spawner.spawn(link(spawner.clone(), report, links, 0)));
                let run = last.await.map_err(|_| Failure::Lost("a link of the chain"))?;
                check("the links that ran", run, links)?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, links * iterations))
    }
}

/// The task that has `left` links to go, itself included, after `run` that have run.
#[expect(
    clippy::manual_async_fn,
    reason = "the bound Send must be stated: the body spawns its \
 own kind"
)]
fn link<S: Spawner>(
    spawner: S,
    report: oneshot::Sender<u64>,
    left: u64,
    run: u64,
) -> impl Future<Output = ()> + Send + 'static {
    async move {
        if left == 1 {
            // Fails only when the body has given up already.
            let _ = report.send(run + 1);
        } else {
            drop(spawner.spawn(link(spawner.clone(), report, left - 1, run + 1)));
        }
    }
}
