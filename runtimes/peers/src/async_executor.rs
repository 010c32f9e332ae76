//! async-executor's `Executor` on worker threads.
//!
//! Its documentation runs it so: N threads in `block_on(executor.run(shutdown))`, the main future
//! beside them in a `block_on` of its own; smol does both with async-io's. This is the form that
//! keeps what the outer trait promises: every task ends with its runtime. The crate's faster form
//! is `async_static`.

use std::future::Future;
use std::sync::Arc;

use async_executor::Executor;

use crate::async_io_host;
use crate::async_task_join::TaskJoin;
use crate::async_workers::Threads;
use crate::driver::Driver;
use crate::gate::{Gate, Resident};
use crate::own_net::async_net::AsyncNet;
use runtimes::budget::each_poll;
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, TaskKind,
    Workers, reactor,
};

/// async-executor as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "async-executor",
    summary: "async-executor's Executor: a shared queue, bounded worker queues filled in batches, \
     stealing of halves",
    isolates: "what queue batches do against a worker that keeps what it wakes, as in \
     `work-stealing`",
    relatives: &["work-stealing", "tokio-mt"],
    origin: Origin::Peer {
        package: "async-executor",
        deviations: &[Deviation {
            property: Property::ContainsDestructorPanics,
            reason: "async-task drops \
             futures under its `abort_on_panic`: a destructor that panics ends the process",
        }],
    },
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// An `Executor` and the threads that run it.
#[derive(Debug)]
pub struct Variant {
    threads: Threads,
    spawner: ExecutorSpawner,
    driver: Driver,
    own_sockets: bool,
}

impl Variant {
    fn stop(&mut self) {
        self.threads.stop();
        // The reactor before the executor: it wakes tasks as it goes, and one that is woken after
        // the executor would stay in a queue that nobody empties any more.
        self.driver.stop();
        self.spawner.shared.gate.close();
        drop(self.spawner.shared.gate.take());
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = ExecutorSpawner;
    type Sockets = AsyncNet;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let (driver, host) = async_io_host::start(config.workers)?;
        let gate = Arc::new(Gate::new(Executor::new()));
        let shared = Arc::new(Shared { gate, reactor: driver.handle().clone() });
        let threads = Threads::start(DESCRIPTOR.name, config.workers, &shared.gate, host)?;
        Ok(Self {
            threads,
            spawner: ExecutorSpawner { shared },
            driver,
            own_sockets: config.own_sockets,
        })
    }

    fn spawner(&self) -> &ExecutorSpawner {
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

/// Spawns on an [`Executor`].
#[derive(Clone, Debug)]
pub struct ExecutorSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    gate: Arc<Gate<Executor<'static>>>,
    reactor: reactor::Handle,
}

impl Spawner for ExecutorSpawner {
    type Join<T: Send + 'static> = TaskJoin<T>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        TaskJoin::new(self.shared.gate.pass(|executor| executor.spawn(each_poll(future))))
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
