//! async-executor's `Executor` on worker threads.
//!
//! Its documentation runs it so: N threads in `block_on(executor.run(shutdown))`, the main future beside them in a plain
//! `block_on`. The crate has a faster form, `Executor::leak`, which keeps no list of active tasks; but a `StaticExecutor` is
//! never freed, and its documentation says that tasks left at the end "will not be cancelled". The outer trait
//! promises both, so the form measured here is the one that can keep them.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_executor::Executor;
use futures_channel::oneshot;
use futures_lite::future::block_on;

use super::async_task_join::TaskJoin;
use super::driver::Driver;
use super::gate::{Gate, Resident};
use super::own_net::async_net::AsyncNet;
use crate::metrics::Snapshot;
use crate::{Body, Card, Config, Origin, Runtime, Spawner, StartError, Workers, reactor};

/// async-executor as the registry lists it.
pub const CARD: Card = Card {
    name: "async-executor",
    summary: "async-executor's Executor: a shared queue, bounded worker queues filled in batches, stealing of halves",
    isolates: "what queue batches do against a worker that keeps what it wakes, as in `work-stealing`",
    origin: Origin::Peer { package: "async-executor" },
    workers: Workers::Many,
    body: Body::Stackless,
};

/// An `Executor` and the threads that run it.
#[derive(Debug)]
pub struct Variant {
    workers: Vec<Worker>,
    spawner: ExecutorSpawner,
    driver: Driver,
    own_sockets: bool,
}

#[derive(Debug)]
struct Worker {
    /// Its drop ends the worker's `run`.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

/// With their own sockets smol's threads wait in async-io's `block_on`, which turns the reactor meanwhile.
fn wait<F: Future>(future: F, own_sockets: bool) -> F::Output {
    if own_sockets { async_io::block_on(future) } else { block_on(future) }
}

impl Worker {
    fn start(index: usize, gate: Arc<Gate<Executor<'static>>>, own_sockets: bool) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let name = format!("async-executor-{index}");
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _entered = crate::enter::enter(CARD.name);
            let _resident = Resident::new(Arc::clone(&gate));
            // `None` and the error of a dropped sender both mean: stop.
            let _ = gate.pass(|executor| wait(executor.run(stopped), own_sockets));
        })?;
        Ok(Self { stop, thread })
    }
}

impl Variant {
    fn stop(&mut self) {
        let (stops, threads): (Vec<_>, Vec<_>) =
            self.workers.drain(..).map(|Worker { stop, thread }| (stop, thread)).unzip();
        drop(stops);
        for thread in threads {
            // A worker's panic has been reported by the panic hook; there is nobody else to tell.
            let _ = thread.join();
        }
        // The reactor before the executor: a wake-up of its that overlaps the executor's drop would leave the woken task in
        // a queue that nobody empties any more.
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
        super::check_workers(&CARD, config)?;
        let driver = Driver::start()?;
        let gate = Arc::new(Gate::new(Executor::new()));
        let shared = Arc::new(Shared { gate, reactor: driver.handle().clone() });
        let spawner = ExecutorSpawner { shared };
        let own_sockets = config.own_sockets;
        let mut runtime = Self { workers: Vec::with_capacity(config.workers), spawner, driver, own_sockets };
        for index in 0..config.workers {
            // When one fails, dropping `runtime` stops those before it.
            let worker = Worker::start(index, Arc::clone(&runtime.spawner.shared.gate), own_sockets)
                .map_err(|source| StartError::Os { what: "worker thread", source })?;
            runtime.workers.push(worker);
        }
        Ok(runtime)
    }

    fn spawner(&self) -> &ExecutorSpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<AsyncNet> {
        self.own_sockets.then_some(AsyncNet)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = crate::enter::enter(CARD.name);
        let _resident = Resident::new(Arc::clone(&self.spawner.shared.gate));
        wait(future, self.own_sockets)
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
        TaskJoin::new(self.shared.gate.pass(|executor| executor.spawn(future)))
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
