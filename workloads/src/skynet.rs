//! A ten-ary tree of tasks whose leaves are summed.

use std::future::Future;
use std::time::Instant;

use runtimes::{JoinError, Runtime, Spawner};

use crate::drive::{drive, require_room, sum_below};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

const FANOUT: u64 = 10;

/// The skynet benchmark (github.com/atemerev/skynet: 1,000,000 leaves, sum 499,999,500,000). The
/// default is one level less, 100,000 leaves, so that a sample stays short.
#[derive(Debug)]
pub struct Skynet;

impl Workload for Skynet {
    const DEFINITION: Definition = Definition {
        name: "skynet",
        summary: "A task spawns ten children, each of them ten more, down to leaves that return \
         their number; sums travel up.",
        shows: "fork–join in a wide tree: how spawning, queues and stealing bear a burst of work",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::AllAnd(&["go-gcoff"]),
        params: &[Param {
            name: "levels",
            default: 5,
            min: 1,
            max: 7,
            help: "levels below the root: 10 to that power leaves (6 is the original's million)",
        }],
        small: &[("levels", 3)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let levels = params.get("levels");
        let leaves = (0..levels).fold(1, |n, _| n * FANOUT);
        // All tasks of the tree: leaves + leaves/10 + … + the root.
        let tasks = (leaves * FANOUT - 1) / (FANOUT - 1);
        require_room(runtime, tasks)?; // in the worst order none has finished before the last is spawned
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                let sum = spawner.spawn(node(spawner.clone(), 0, leaves)).await??;
                check("the sum of the leaves", sum, sum_below(leaves))?;
            }
            Ok(start.elapsed())
        })?;
        Ok(Sample::work(elapsed, tasks * iterations))
    }
}

/// The inner task above the leaves `first .. first + leaves`, of which there are at least ten.
#[expect(
    clippy::manual_async_fn,
    reason = "the bound Send must be stated: the body spawns its \
 own kind"
)]
fn node<S: Spawner>(
    spawner: S,
    first: u64,
    leaves: u64,
) -> impl Future<Output = Result<u64, JoinError>> + Send + 'static {
    async move {
        let below = leaves / FANOUT;
        let mut sum = 0;
        if below == 1 {
            // A leaf spawns nothing, so it is given no spawner.
            let mut children: [_; FANOUT as usize] =
                std::array::from_fn(|i| spawner.spawn(leaf(first + i as u64)));
            for child in &mut children {
                sum += child.await?;
            }
        } else {
            let mut children: [_; FANOUT as usize] = std::array::from_fn(|i| {
                spawner.spawn(node(spawner.clone(), first + i as u64 * below, below))
            });
            for child in &mut children {
                sum += child.await??;
            }
        }
        Ok(sum)
    }
}

async fn leaf(number: u64) -> u64 {
    number
}
