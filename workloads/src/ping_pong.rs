//! Pairs of tasks exchange one message each way.

use std::time::Instant;

use futures_channel::oneshot;
use runtimes::{Runtime, Spawner};

use crate::drive::{drive, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `ping_pong` (benches/rt_multi_threaded.rs, 1,000 pairs): a task makes two one-shot
/// channels, spawns its partner, sends, and awaits the answer. The channels are futures-channel's,
/// so that every runtime pays for the same ones.
#[derive(Debug)]
pub struct PingPong;

impl Workload for PingPong {
    const DEFINITION: Definition = Definition {
        name: "ping_pong",
        summary: "Each task spawns a partner, sends it a message over a one-shot channel and \
         awaits the answer.",
        shows: "the cost of handing control from one task to another and back",
        unit: "round trips",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[Param {
            name: "pairs",
            default: 1_000,
            min: 1,
            max: 1_000_000,
            help: "pairs of tasks in one iteration",
        }],
        small: &[("pairs", 100)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (pairs, capacity) = (params.get("pairs"), params.size("pairs"));
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let mut handles = Vec::with_capacity(capacity);
            let start = Instant::now();
            for _ in 0..iterations {
                handles.extend((0..pairs).map(|i| spawner.spawn(ping(spawner.clone(), i))));
                let mut sum = 0;
                for handle in handles.drain(..) {
                    sum += handle.await?.ok_or(Failure::Lost("a partner of a pair"))?;
                }
                check("the sum of the answers", sum, sum_below(pairs) + pairs)?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, pairs * iterations))
    }
}

/// Sends `value` to a partner of its own and returns the answer, which must be one more; `None`
/// when the partner is gone.
async fn ping<S: Spawner>(spawner: S, value: u64) -> Option<u64> {
    let (ping, pinged) = oneshot::channel::<u64>();
    let (pong, ponged) = oneshot::channel::<u64>();
    drop(spawner.spawn(async move {
        if let Ok(value) = pinged.await {
            // Fails only when the first task is gone, which its own handle reports.
            let _ = pong.send(value + 1);
        }
    }));
    ping.send(value).ok()?;
    ponged.await.ok()
}
