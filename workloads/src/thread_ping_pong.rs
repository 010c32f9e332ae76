//! A thread outside the runtime and a task inside answer each other.

use std::time::Instant;

use async_channel::{Receiver, Sender, bounded};
use futures_lite::future::block_on;
use runtimes::{Runtime, Spawner};

use crate::drive::{drive_from_outside, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// What a program with one foot in threads does all day: a blocking call into the runtime, and
/// the answer.
///
/// Each side sleeps until the other has answered, so a round trip holds two wake-ups. How dear they
/// are is up to the runtime, too: whether its worker looks for the next message for a moment before
/// it sleeps, on what it sleeps, and how many it wakes. `remote_wake` measures bursts, where they
/// are shared by a thousand wakes; this is the other end.
///
/// The thread blocks in async-channel's `send_blocking` and `recv_blocking`, which no runtime takes
/// part in.
#[derive(Debug)]
pub struct ThreadPingPong;

impl Workload for ThreadPingPong {
    const DEFINITION: Definition = Definition {
        name: "thread_ping_pong",
        summary: "A thread outside the runtime and a task answer each other over two channels of \
         capacity 1.",
        shows: "the way into a runtime that has nothing else to do, and out of it: two wake-ups \
         across threads",
        unit: "round trips",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[Param {
            name: "round_trips",
            default: 100,
            min: 1,
            max: 10_000_000,
            help: "round trips in one iteration",
        }],
        small: &[("round_trips", 20)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let round_trips = params.get("round_trips") * iterations;
        let spawner = runtime.spawner().clone();
        let elapsed = drive_from_outside(runtime, move || {
            let (to, from) = (bounded(1), bounded(1));
            let task = spawner.spawn(answer(to.1, from.0));
            let elapsed = ask(round_trips, to.0, from.1)?;
            check(
                "the sum of the numbers that the task had",
                block_on(task)?,
                sum_below(round_trips),
            )?;
            Ok(elapsed)
        })?;
        Ok(Sample::work(elapsed, round_trips))
    }
}

/// The thread: sends each number and waits for the next higher one. Returns how long that took.
fn ask(
    round_trips: u64,
    to: Sender<u64>,
    from: Receiver<u64>,
) -> Result<std::time::Duration, Failure> {
    let lost = || Failure::Lost("the task that answers the thread");
    let mut trip = |number| {
        to.send_blocking(number).map_err(|_| lost())?;
        check("an answer", from.recv_blocking().map_err(|_| lost())?, number + 1)
    };
    let start = Instant::now();
    (0..round_trips).try_for_each(&mut trip)?;
    Ok(start.elapsed())
}

/// The task: answers each number with the next higher one until the thread hangs up. Returns the
/// sum of what came.
async fn answer(from: Receiver<u64>, to: Sender<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(number) = from.recv().await {
        sum += number;
        if to.send(number + 1).await.is_err() {
            break;
        }
    }
    sum
}
