//! Several producers send to one consumer over a bounded channel.

use std::time::Instant;

use async_channel::{Sender, bounded};
use runtimes::{Runtime, Spawner};

use crate::drive::{drive, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tokio's `contention_bounded` (benches/sync_mpsc.rs: 5 producers × 1,000 messages, capacity 100;
/// its `contention_bounded_full` and unbounded cases are other capacities, up to 1,000,000). The
/// channel is async-channel's for every runtime, and is made once: its buffer is not what is
/// measured.
#[derive(Debug)]
pub struct Mpsc;

impl Workload for Mpsc {
    const DEFINITION: Definition = Definition {
        name: "mpsc",
        summary: "Producer tasks send numbers to one consumer task over a bounded channel.",
        shows: "wakes under back-pressure: how many messages move before control changes hands",
        unit: "messages",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param { name: "producers", default: 5, min: 1, max: 1_000, help: "tasks that send" },
            Param {
                name: "messages",
                default: 1_000,
                min: 1,
                max: 1_000_000,
                help: "messages of \
             each producer",
            },
            Param {
                name: "capacity",
                default: 100,
                min: 1,
                max: 1_000_000,
                help: "messages the \
             channel holds",
            },
        ],
        small: &[("messages", 100), ("capacity", 7)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (producers, messages) = (params.get("producers"), params.get("messages"));
        let all = producers * messages;
        let (tasks, capacity) = (params.size("producers"), params.size("capacity"));
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let (sender, receiver) = bounded(capacity);
            let mut handles = Vec::with_capacity(tasks);
            let start = Instant::now();
            for _ in 0..iterations {
                handles.extend((0..producers).map(|producer| {
                    let channel = CloseIfLost { sender: sender.clone(), finished: false };
                    spawner.spawn(produce(channel, producer * messages, messages))
                }));
                let mut sum = 0;
                for _ in 0..all {
                    sum += receiver.recv().await.map_err(|_| Failure::Lost("a producer"))?;
                }
                check("the sum of the messages", sum, sum_below(all))?;
                for handle in handles.drain(..) {
                    handle.await?;
                }
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, all * iterations))
    }
}

/// Sends `first .. first + count`.
async fn produce(mut channel: CloseIfLost, first: u64, count: u64) {
    for message in first..first + count {
        if channel.sender.send(message).await.is_err() {
            return;
        }
    }
    channel.finished = true;
}

/// The body keeps a sender for the next iteration, so a producer that vanishes would leave it
/// waiting: this end closes the channel instead.
struct CloseIfLost {
    sender: Sender<u64>,
    finished: bool,
}

impl Drop for CloseIfLost {
    fn drop(&mut self) {
        if !self.finished {
            self.sender.close();
        }
    }
}
