//! A token travels round a ring of tasks.

use std::time::Instant;

use async_channel::{Receiver, Sender, bounded};
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// The ring of Armstrong's exercise for Erlang (N processes, M times round), with 300 tasks × 300
/// laps over channels of capacity 1, as smol's and glommio's users measure it. The tasks and
/// channels are made once; the body is one of the tasks.
#[derive(Debug)]
pub struct Ring;

impl Workload for Ring {
    const DEFINITION: Definition = Definition {
        name: "ring",
        summary: "One token goes round a ring of tasks that are joined by channels of capacity 1.",
        shows: "the latency of one wake when exactly one task is ever ready",
        unit: "hops",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param { name: "tasks", default: 300, min: 2, max: 100_000, help: "tasks in the ring" },
            Param {
                name: "laps",
                default: 300,
                min: 1,
                max: 1_000_000,
                help: "times round in one \
             iteration",
            },
        ],
        small: &[("tasks", 20), ("laps", 20)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (tasks, laps) = (params.get("tasks"), params.get("laps"));
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let (first, mut last) = bounded(1);
            let mut handles = Vec::new();
            for _ in 1..tasks {
                let (to, from) = bounded(1);
                handles.push(spawner.spawn(pass_on(last, to)));
                last = from;
            }
            let start = Instant::now();
            for _ in 0..iterations {
                let mut token = 0;
                for _ in 0..laps {
                    first.send(token + 1).await.map_err(|_| LOST)?;
                    token = last.recv().await.map_err(|_| LOST)?;
                }
                check("the hops that the token counted", token, tasks * laps)?;
            }
            let elapsed = start.elapsed();
            // The first channel closes, so the first task ends and closes the next one, and so on.
            drop(first);
            for handle in handles {
                handle.await?;
            }
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, tasks * laps * iterations))
    }
}

const LOST: Failure = Failure::Lost("a task of the ring");

/// Passes tokens on, one more each, until either neighbour is gone.
async fn pass_on(from: Receiver<u64>, to: Sender<u64>) {
    while let Ok(token) = from.recv().await {
        if to.send(token + 1).await.is_err() {
            return;
        }
    }
}
