//! What the test files share: small parameters, and a limit on how long a run may take.

use std::sync::mpsc;
use std::thread;
use std::time::{Duration, Instant};

use runtimes::Runtime;
use workloads::{Failure, Params, Sample, Workload};

/// Far beyond any run with small parameters: a run that takes longer hangs.
const PATIENCE: Duration = Duration::from_secs(120);

/// Runs `W` on a fresh `R`, on a thread of its own, because a run that never ends is a failure too.
/// A run that does not count, because the machine was busy with something else, is made again.
///
/// # Panics
/// When the runtime does not start or the run takes longer than `PATIENCE`.
pub(crate) fn run<R: Runtime, W: Workload>(
    workers: usize,
    iterations: u64,
) -> Result<Sample, Failure> {
    run_between::<R, W, ()>(workers, iterations, || {}, || {}).0
}

/// The same with `before` and `after` called around the run, on its thread.
pub(crate) fn run_between<R: Runtime, W: Workload, T: Send + 'static>(
    workers: usize,
    iterations: u64,
    before: fn(),
    after: fn() -> T,
) -> (Result<Sample, Failure>, T) {
    let start = Instant::now();
    loop {
        match run_once::<R, W, T>(workers, iterations, before, after) {
            (Err(Failure::Void(_)), _) if start.elapsed() < PATIENCE => {}
            result => return result,
        }
    }
}

fn run_once<R: Runtime, W: Workload, T: Send + 'static>(
    workers: usize,
    iterations: u64,
    before: fn(),
    after: fn() -> T,
) -> (Result<Sample, Failure>, T) {
    let (report, result) = mpsc::channel();
    let thread = thread::Builder::new().name(W::DEFINITION.name.to_owned());
    let runner = thread.spawn(move || {
        let mut params = Params::defaults(&W::DEFINITION);
        for &(name, value) in workloads::small_params(W::DEFINITION.name) {
            params
                .set(&W::DEFINITION, name, value)
                .expect("the table of small parameters is right");
        }
        let runtime = R::start(&W::config(workers)).expect("the runtime starts");
        before();
        let result = W::run(&runtime, &params, iterations);
        let result = (result, after());
        runtime.shutdown();
        report.send(result).expect("the test waits");
    });
    let runner = runner.expect("a thread starts");
    match result.recv_timeout(PATIENCE) {
        Ok(result) => result,
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("{} hangs", W::DEFINITION.name),
        Err(mpsc::RecvTimeoutError::Disconnected) => match runner.join() {
            Err(payload) => std::panic::resume_unwind(payload),
            Ok(()) => unreachable!("the runner reports before it ends"),
        },
    }
}
