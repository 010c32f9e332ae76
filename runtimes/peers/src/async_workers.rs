//! The worker threads of the async-executor peers: each waits in `block_on(executor.run(stopped))`.

use std::future::Future;
use std::io;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use async_executor::{Executor, StaticExecutor};
use futures_channel::oneshot;
use futures_lite::future::block_on;

use crate::gate::{Gate, Resident};
use crate::own_net::async_net;
use runtimes::StartError;
use runtimes::adapter::WorkerNames;

/// An executor that threads run until they are told to stop.
pub(super) trait Run: Send + Sync + 'static {
    /// Runs tasks until `stopped` resolves, in whatever way.
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future;
}

impl Run for Executor<'static> {
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future {
        Executor::run(self, stopped)
    }
}

impl Run for &'static StaticExecutor {
    fn run(&self, stopped: oneshot::Receiver<()>) -> impl Future {
        StaticExecutor::run(self, stopped)
    }
}

/// Threads that run an executor.
#[derive(Debug, Default)]
pub(super) struct Threads(Vec<Worker>);

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
        own_sockets: bool,
    ) -> Result<Self, StartError> {
        if own_sockets {
            async_net::start_reactor()?;
        }
        let names = WorkerNames::new(name, count);
        let mut threads = Self::default();
        for index in 0..count {
            match Worker::start(name, names.of(index), Arc::clone(gate), own_sockets) {
                Ok(worker) => threads.0.push(worker),
                Err(source) => {
                    threads.stop();
                    return Err(StartError::Os { what: "worker thread", source });
                }
            }
        }
        Ok(threads)
    }

    /// Stops and joins them.
    pub(super) fn stop(&mut self) {
        let (stops, threads): (Vec<_>, Vec<_>) =
            self.0.drain(..).map(|Worker { stop, thread }| (stop, thread)).unzip();
        drop(stops);
        for thread in threads {
            // A worker's panic has been reported by the panic hook; there is nobody else to tell.
            let _ = thread.join();
        }
    }
}

impl Worker {
    fn start<E: Run>(
        runtime: &'static str,
        name: String,
        gate: Arc<Gate<E>>,
        own_sockets: bool,
    ) -> io::Result<Self> {
        let (stop, stopped) = oneshot::channel();
        let thread = thread::Builder::new().name(name).spawn(move || {
            let _entered = runtimes::adapter::enter(runtime);
            let _resident = Resident::new(Arc::clone(&gate));
            // `None` and the error of a dropped sender both mean: stop.
            gate.pass(|executor| drop(wait(executor.run(stopped), own_sockets)));
        })?;
        Ok(Self { stop, thread })
    }
}

/// Blocks on `future`. With their own sockets smol's threads wait in async-io's `block_on`, which
/// turns the reactor meanwhile.
pub(super) fn wait<F: Future>(future: F, own_sockets: bool) -> F::Output {
    if own_sockets { async_io::block_on(future) } else { block_on(future) }
}
