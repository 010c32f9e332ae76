//! The naive Fibonacci recursion, a task per call.

use std::future::Future;
use std::hint::black_box;
use std::time::Instant;

use runtimes::{JoinError, Runtime, Spawner};

use crate::drive::drive;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Fork–join in its smallest form, as in the Cilk papers and in most work-stealing suites since:
/// fib(n) spawns fib(n − 1) and fib(n − 2) and awaits both, with no cut-off. The plain recursion's
/// time stands beside it as `serial_ns`.
#[derive(Debug)]
pub struct Fib;

impl Workload for Fib {
    const DEFINITION: Definition = Definition {
        name: "fib",
        summary: "fib(n) spawns fib(n − 1) and fib(n − 2) as tasks and awaits both.",
        shows: "fork–join in a deep, uneven binary tree whose tasks do next to nothing",
        unit: "tasks",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::AllAnd(&["go-gcoff"]),
        params: &[Param {
            name: "n",
            default: 20,
            min: 2,
            max: 35,
            help: "which Fibonacci number \
         is computed",
        }],
        small: &[("n", 11)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let n = params.get("n");
        let (recursed, serial_ns) = timed_serial(n);
        check("the serial recursion's value", recursed, fib(n))?;
        let spawner = runtime.spawner().clone();
        let elapsed = drive(runtime, async move {
            let start = Instant::now();
            for _ in 0..iterations {
                let value = spawner.spawn(node(Some(spawner.clone()), n)).await??;
                check("the Fibonacci number", value, fib(n))?;
            }
            Ok(start.elapsed())
        })?;
        // Calls of the recursion: c(n) = c(n − 1) + c(n − 2) + 1 = 2·fib(n + 1) − 1.
        let tasks = 2 * fib(n + 1) - 1;
        let mut sample = Sample::work(elapsed, tasks * iterations);
        sample.figures.push(("serial_ns", serial_ns));
        Ok(sample)
    }
}

/// The task for fib(`n`). A leaf (`n` < 2) spawns nothing, so it is given no spawner.
#[expect(
    clippy::manual_async_fn,
    reason = "the bound Send must be stated: the body spawns its \
 own kind"
)]
fn node<S: Spawner>(
    spawner: Option<S>,
    n: u64,
) -> impl Future<Output = Result<u64, JoinError>> + Send + 'static {
    async move {
        let Some(spawner) = spawner else { return Ok(n) };
        let inner = |n: u64| (n >= 2).then(|| spawner.clone());
        let one = spawner.spawn(node(inner(n - 1), n - 1));
        let two = spawner.spawn(node(inner(n - 2), n - 2));
        Ok(one.await?? + two.await??)
    }
}

/// fib(`n`) by plain recursion, and the best of five times that it took, in nanoseconds.
fn timed_serial(n: u64) -> (u64, f64) {
    let mut best_ns = u128::MAX;
    let mut value = 0;
    for _ in 0..5 {
        let start = Instant::now();
        value = serial(black_box(n));
        best_ns = best_ns.min(start.elapsed().as_nanos());
    }
    (value, best_ns as f64)
}

/// fib(`n`) by addition.
fn fib(n: u64) -> u64 {
    (0..n).fold((0, 1), |(a, b), _| (b, a + b)).0
}

fn serial(n: u64) -> u64 {
    if n < 2 { n } else { serial(black_box(n - 1)) + serial(n - 2) }
}
