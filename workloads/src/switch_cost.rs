//! What it costs to suspend a task and resume it, by how deep it is in futures.

use std::future::Future;
use std::pin::Pin;

use futures_lite::future::yield_now;
use runtimes::{Config, Runtime, Spawner};

use crate::switching::{Member, PARAMS, config, sizes, switch_cost};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Params, Sample, Workload};

/// Tasks that yield at the bottom of `depth` futures, each in a box of its own, as recursion needs
/// them.
///
/// A stackless task is polled from the top: each switch passes through all futures, down and up
/// again. A stackful runtime that drives the same futures does that too, and changes stacks. What
/// it need not do shows in `switch_cost_direct`.
///
/// The clock covers the switches alone, see `switching`: all tasks begin to wait at the bottom of
/// their futures before it starts, and end after it stops. The figures `tasks_…_depth_…_ns` are the
/// times of one switch in other sizes.
#[derive(Debug)]
pub struct SwitchCost;

impl Workload for SwitchCost {
    const DEFINITION: Definition = Definition {
        name: "switch_cost",
        summary: "A crowd of tasks yields again and again, each from the bottom of a chain of \
         nested futures.",
        shows: "the cost of suspending and resuming a future, and how it grows with the depth of \
         calls",
        unit: "switches",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::Only {
            runtimes: &["local", "work-stealing", "stackful", "tokio-mt", "may"],
            workers: 1,
        },
        params: &PARAMS,
        small: &[("tasks", 20), ("depth", 5), ("switches", 5), ("largest", 10)],
    };

    fn config(workers: usize) -> Config {
        config(workers)
    }

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        switch_cost(runtime, params, iterations, spawn)
    }

    fn figures<R: Runtime>(
        runtime: &R,
        params: &Params,
    ) -> Result<Vec<(&'static str, f64)>, Failure> {
        sizes(runtime, params, spawn)
    }
}

fn spawn<S: Spawner>(spawner: &S, member: Member, depth: usize) -> Result<S::Join<u64>, Failure> {
    Ok(spawner.spawn(nest(member, depth)))
}

/// `depth` futures, and the switches at the bottom. Returns the switches, and one for each level
/// but the last.
fn nest(member: Member, depth: usize) -> Pin<Box<dyn Future<Output = u64> + Send>> {
    Box::pin(async move {
        if depth > 1 {
            return nest(member, depth - 1).await + 1;
        }
        member.first_switch().await;
        for _ in 0..member.yields() {
            yield_now().await;
        }
        member.done().await;
        member.finish()
    })
}
