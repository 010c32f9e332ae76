//! The worker threads of the async-executor peers: each waits in `block_on(executor.run(stopped))`.
//!
//! The `block_on` is async-io's, as smol's documentation has it for threads that also serve I/O: an
//! idle one turns the driver, and in it our reactor.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_executor::{Executor, StaticExecutor, Task};
use async_io::block_on;
use futures_channel::oneshot;

use crate::async_io_host::Host;
use crate::gate::{Gate, Resident};
use runtimes::StartError;
use runtimes::adapter::WorkerNames;

/// An executor that threads run until they are told to stop.
pub(super) trait Run: Send + Sync + 'static {
    /// Runs tasks until `stopped` resolves, in whatever way.
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future;

    /// Spawns what turns our reactor.
    fn host(&self, host: Host) -> Task<()>;
}

impl Run for Executor<'static> {
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future {
        Executor::run(self, stopped)
    }

    fn host(&self, host: Host) -> Task<()> {
        self.spawn(host.serve())
    }
}

impl Run for &'static StaticExecutor {
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future {
        StaticExecutor::run(self, stopped)
    }

    fn host(&self, host: Host) -> Task<()> {
        self.spawn(host.serve())
    }
}

/// Threads that run an executor, and the task with which they turn our reactor.
#[derive(Debug, Default)]
pub(super) struct Threads {
    workers: Vec<Worker>,
    host: Option<Task<()>>,
}

#[derive(Debug)]
struct Worker {
    /// Its drop ends the worker's `run`.
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Threads {
    /// Starts `count` threads called after the runtime `name`, for the executor behind `gate`.
    pub(super) fn start<E: Run>(
        name: &'static str,
        count: usize,
        gate: &Arc<Gate<E>>,
        host: Host,
    ) -> Result<Self, StartError> {
        let names = WorkerNames::new(name, count);
        let mut threads = Self::default();
        for index in 0..count {
            match Worker::start(name, names.of(index), Arc::clone(gate)) {
                Ok(worker) => threads.workers.push(worker),
                Err(source) => {
                    threads.stop();
                    return Err(StartError::Os { what: "worker thread", source });
                }
            }
        }
        threads.host = gate.pass(|executor| executor.host(host));
        Ok(threads)
    }

    /// Ends the task that turns the reactor while there is somebody to drop it: async-io's own
    /// thread might wake it as the executor goes, and it would stay in a queue that nobody empties.
    pub(super) fn stop_turning(&mut self) {
        if let Some(host) = self.host.take() {
            block_on(host.cancel());
        }
    }

    /// Stops and joins them.
    pub(super) fn stop(&mut self) {
        self.stop_turning();
        let (stops, threads): (Vec<_>, Vec<_>) =
            self.workers.drain(..).map(|Worker { stop, thread }| (stop, thread)).unzip();
        drop(stops);
        for thread in threads {
            // A worker's panic has been reported by the panic hook; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

impl Worker {
    fn start<E: Run>(runtime: &'static str, name: String, gate: Arc<Gate<E>>) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _entered = runtimes::adapter::enter(runtime);
            let _resident = Resident::new(Arc::clone(&gate));
            // `None` and the error of a dropped sender both mean: stop.
            gate.pass(|executor| drop(block_on(executor.run(stopped))));
        })?;
        Ok(Self { stop, thread })
    }
}
