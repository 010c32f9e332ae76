//! async-executor's `StaticExecutor` on worker threads: its fastest form.
//!
//! It keeps no list of active tasks, and is leaked: "losing the handle to the executor or failing
//! to consistently drive it will cause all spawned tasks to permanently leak". So each runtime
//! leaves an executor behind. What is queued when the runtime ends, or is woken by the end of its
//! reactor, is still taken out and dropped: a future is not polled any more once shutdown has begun
//! (`Guarded`). A pending task that nobody wakes stays for ever.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

use async_executor::{Executor, StaticExecutor};
use pin_project_lite::pin_project;

use crate::async_io_host;
use crate::async_task_join::TaskJoin;
use crate::async_workers::Threads;
use crate::driver::Driver;
use crate::gate::{Gate, Resident};
use crate::own_net::async_net::AsyncNet;
use runtimes::budget::{self, each_poll};
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Join, JoinError, Origin, Property, Runtime, Spawner, StartError,
    TaskKind, Workers, reactor,
};

/// async-executor's leaked form as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "async-static",
    summary: "async-executor's StaticExecutor: the same queues without a list of active tasks. It \
     is never freed, and at \
              shutdown it cannot drop tasks that wait",
    isolates: "against `async-executor`: what being able to end every task costs",
    relatives: &["async-executor", "work-stealing"],
    origin: Origin::Peer {
        package: "async-executor",
        deviations: &[
            Deviation {
                property: Property::ContainsDestructorPanics,
                reason: "async-task drops \
             futures under its `abort_on_panic`: a destructor that panics ends the process",
            },
            Deviation {
                property: Property::DropsUnwokenTasks,
                reason: "a StaticExecutor has no \
             Drop and no list of tasks: those left over \"will not be cancelled\"",
            },
        ],
    },
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// A leaked executor and the threads that run it.
#[derive(Debug)]
pub struct Variant {
    threads: Threads,
    spawner: StaticSpawner,
    driver: Driver,
    own_sockets: bool,
}

impl Variant {
    fn stop(&mut self) {
        // A worker that comes to a closed gate runs nothing: this would wait for it for ever.
        self.threads.stop_turning();
        let shared = &self.spawner.shared;
        // Release: pairs with the Acquire in `Guarded`.
        shared.closing.store(true, Ordering::Release);
        shared.gate.close();
        // Before the threads end: what this wakes they drop.
        self.driver.stop();
        self.threads.stop();
        if let Some(executor) = shared.gate.take() {
            while executor.try_tick() {}
        }
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = StaticSpawner;
    type Sockets = AsyncNet;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let (driver, host) = async_io_host::start(config.workers)?;
        let gate = Arc::new(Gate::new(Executor::new().leak()));
        // Leaked like the executor: a task may outlive everything else.
        let closing = Box::leak(Box::new(AtomicBool::new(false)));
        let shared = Arc::new(Shared { gate, closing, reactor: driver.handle().clone() });
        let threads = Threads::start(DESCRIPTOR.name, config.workers, &shared.gate, host)?;
        Ok(Self {
            threads,
            spawner: StaticSpawner { shared },
            driver,
            own_sockets: config.own_sockets,
        })
    }

    fn spawner(&self) -> &StaticSpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<AsyncNet> {
        self.own_sockets.then_some(AsyncNet)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        let _resident = Resident::new(Arc::clone(&self.spawner.shared.gate));
        async_io::block_on(each_poll(future))
    }

    /// The reactor's counters; async-executor has none.
    fn metrics(&self) -> Snapshot {
        self.driver.snapshot(&[])
    }

    fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }
}

/// Spawns on a [`StaticExecutor`].
#[derive(Clone, Debug)]
pub struct StaticSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gate: Arc<Gate<&'static StaticExecutor>>,
    closing: &'static AtomicBool,
    reactor: reactor::Handle,
}

impl Spawner for StaticSpawner {
    type Join<T: Send + 'static> = StaticJoin<T>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let closing = self.shared.closing;
        StaticJoin(TaskJoin::new(
            self.shared.gate.pass(|executor| executor.spawn(Guarded { future, closing })),
        ))
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}

pin_project! {
    /// Ends early, without an output, once the runtime is closing: the future inside is dropped.
    struct Guarded<F> {
        #[pin]
        future: F,
        closing: &'static AtomicBool,
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Option<F::Output>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.project();
        if this.closing.load(Ordering::Acquire) {
            return Poll::Ready(None);
        }
        budget::refill();
        this.future.poll(cx).map(Some)
    }
}

/// Awaits a task; one that ended without an output was cancelled by shutdown.
#[derive(Debug)]
pub struct StaticJoin<T>(TaskJoin<Option<T>>);

impl<T> Future for StaticJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map(|outcome| outcome?.ok_or(JoinError::Cancelled))
    }
}

impl<T: Send + 'static> Join<T> for StaticJoin<T> {
    fn abort(&mut self) {
        self.0.abort();
    }
}
