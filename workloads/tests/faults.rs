//! A runtime that loses or falsifies one task: every workload must notice, and none may hang.

mod support;

use std::any::Any;
use std::cell::Cell;
use std::future::{Future, pending};
use std::marker::PhantomData;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use runtimes::metrics::Snapshot;
use runtimes::policies::{local::Local, work_stealing::WorkStealing};
use runtimes::{Config, Executor, Join, JoinError, Runtime, Spawner, StartError, reactor};
use workloads::{Failure, Sample, Workload};

/// Which task is hit, counted from 1. The body is the first task of most workloads; the third
/// belongs to the load in all of them but those in [`ONE_TASK`].
const VICTIM: u64 = 3;

/// Workloads whose first task is their only one.
const ONE_TASK: [&str; 1] = ["thread_ping_pong"];

/// What is done to the victim.
trait Fault: Send + Sync + 'static {
    /// The victim's future is replaced by what this returns.
    fn strike<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;
    /// Whether the victim is aborted, too.
    const ABORT: bool;
}

/// The future is dropped unpolled and the task is cancelled.
struct Lose;

impl Fault for Lose {
    const ABORT: bool = true;

    fn strike<F>(future: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        drop(future);
        pending()
    }
}

thread_local! {
    /// Whether a number was falsified on this thread.
    static STRUCK: Cell<bool> = const { Cell::new(false) };
}

/// The task runs, but a number that it returns is one too high.
struct Falsify;

impl Fault for Falsify {
    const ABORT: bool = false;

    async fn strike<F>(future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let mut output = future.await;
        if let Some(number) = number(&mut output) {
            *number += 1;
            STRUCK.set(true);
        }
        output
    }
}

/// The number in a task's output, in any of the forms in which the workloads return one.
fn number(output: &mut dyn Any) -> Option<&mut u64> {
    if output.is::<u64>() {
        output.downcast_mut()
    } else if output.is::<Option<u64>>() {
        output.downcast_mut::<Option<u64>>()?.as_mut()
    } else if output.is::<Result<u64, JoinError>>() {
        output.downcast_mut::<Result<u64, JoinError>>()?.as_mut().ok()
    } else {
        output.downcast_mut::<Result<u64, Failure>>()?.as_mut().ok()
    }
}

struct Faulty<R: Runtime, F, const N: u64> {
    runtime: R,
    spawner: FaultySpawner<R::Spawner, F, N>,
}

/// Hits the task with number `N`.
struct FaultySpawner<S, F, const N: u64> {
    spawner: S,
    spawned: Arc<AtomicU64>,
    fault: PhantomData<F>,
}

impl<S: Clone, F, const N: u64> Clone for FaultySpawner<S, F, N> {
    fn clone(&self) -> Self {
        Self {
            spawner: self.spawner.clone(),
            spawned: Arc::clone(&self.spawned),
            fault: PhantomData,
        }
    }
}

impl<S: Spawner, F: Fault, const N: u64> Spawner for FaultySpawner<S, F, N> {
    type Join<T: Send + 'static> = S::Join<T>;

    fn spawn<Fut>(&self, future: Fut) -> Self::Join<Fut::Output>
    where
        Fut: Future + Send + 'static,
        Fut::Output: Send + 'static,
    {
        if self.spawned.fetch_add(1, Ordering::Relaxed) + 1 != N {
            return self.spawner.spawn(future);
        }
        let mut victim = self.spawner.spawn(F::strike(future));
        if F::ABORT {
            victim.abort();
        }
        victim
    }

    fn reactor(&self) -> &reactor::Handle {
        self.spawner.reactor()
    }
}

impl<R: Runtime, F: Fault, const N: u64> Runtime for Faulty<R, F, N> {
    type Spawner = FaultySpawner<R::Spawner, F, N>;
    type Sockets = R::Sockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        let runtime = R::start(config)?;
        let spawner = runtime.spawner().clone();
        Ok(Self {
            runtime,
            spawner: FaultySpawner { spawner, spawned: Arc::default(), fault: PhantomData },
        })
    }

    fn spawner(&self) -> &Self::Spawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<R::Sockets> {
        self.runtime.sockets()
    }

    fn block_on<Fut: Future>(&self, future: Fut) -> Fut::Output {
        self.runtime.block_on(future)
    }

    fn metrics(&self) -> Snapshot {
        self.runtime.metrics()
    }

    fn shutdown(self) -> Snapshot {
        self.runtime.shutdown()
    }
}

fn run<R: Runtime, F: Fault, W: Workload>(
    workers: usize,
    iterations: u64,
) -> Result<Sample, Failure> {
    if ONE_TASK.contains(&W::DEFINITION.name) {
        support::run::<Faulty<R, F, 1>, W>(workers, iterations)
    } else {
        support::run::<Faulty<R, F, VICTIM>, W>(workers, iterations)
    }
}

fn loses<W: Workload>() {
    for iterations in [1, 3] {
        let local = run::<Executor<Local>, Lose, W>(1, iterations);
        local.expect_err("a task was lost on one thread");
        let stealing = run::<Executor<WorkStealing>, Lose, W>(2, iterations);
        stealing.expect_err("a task was lost among two workers");
    }
}

/// A task's number is falsified where it returns one, and then the workload must notice. Where
/// numbers go over channels and sockets, a runtime cannot change them; then all that is checked is
/// false.
fn falsifies<W: Workload>() {
    type Ours = Executor<Local>;
    let struck = || STRUCK.get();
    let (result, struck) = if ONE_TASK.contains(&W::DEFINITION.name) {
        support::run_between::<Faulty<Ours, Falsify, 1>, W, _>(1, 2, || {}, struck)
    } else {
        support::run_between::<Faulty<Ours, Falsify, VICTIM>, W, _>(1, 2, || {}, struck)
    };
    match result {
        Err(Failure::NotOffered(_)) => {}
        Err(Failure::Wrong { .. }) if struck => {}
        Ok(_) if !struck => checks::<W>(),
        Err(other) => panic!("a number was changed: {struck}, and what came of it: {other}"),
        Ok(_) => panic!("a task returned a false number, and the workload did not notice"),
    }
}

/// On its caller's thread, where all tasks of `local` run, everything that is checked is false.
fn checks<W: Workload>() {
    let run = support::run_between::<Executor<Local>, W, ()>;
    match run(1, 1, workloads::workload::faults::falsify, || {}).0 {
        Err(Failure::Wrong { .. } | Failure::NotOffered(_)) => {}
        Err(other) => panic!("it was to be a wrong result: {other}"),
        Ok(_) => panic!("it checks nothing, or does not look at what comes of it"),
    }
}

macro_rules! case {
    ($workload:ident, $Workload:path) => {
        mod $workload {
            #[test]
            fn notices_a_lost_task() {
                crate::loses::<$Workload>();
            }

            #[test]
            fn notices_a_false_result() {
                crate::falsifies::<$Workload>();
            }
        }
    };
}

workloads::for_each_workload!(case);
