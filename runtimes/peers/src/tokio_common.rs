//! What the two tokio flavours share: spawner, join handle, counters, shutdown.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::runtime;
use tokio::task::JoinHandle;

use crate::check_workers;
use crate::driver::Driver;
use crate::own_net::tokio::TokioSockets;
use crate::rehearsal;
use runtimes::budget::each_poll;
use runtimes::metrics::{Counter, Snapshot};
use runtimes::{Config, Descriptor, Join, JoinError, Spawner, StartError, reactor};

/// A tokio runtime of either flavour and the thread that runs our reactor for it.
#[derive(Debug)]
pub(super) struct Tokio {
    /// `None` once stopped.
    runtime: Option<runtime::Runtime>,
    spawner: TokioSpawner,
    driver: Driver,
    own_sockets: bool,
}

impl Tokio {
    /// Starts what `builder` describes. Neither tokio's I/O driver nor its clock is enabled: ours
    /// serve. With its own sockets the driver is; an idle worker then waits in tokio's epoll
    /// instead of on a condition variable. `threads` is how many it will make.
    pub(super) fn start(
        descriptor: &'static Descriptor,
        config: &Config,
        threads: usize,
        mut builder: runtime::Builder,
    ) -> Result<Self, StartError> {
        check_workers(descriptor, config)?;
        let driver = Driver::start()?;
        if config.own_sockets {
            builder.enable_io();
        }
        // Tokio panics when it gets no thread, and if it has some already, waits for ever for those
        // to end.
        rehearsal::threads(threads)?;
        let runtime = rehearsal::or_panic(|| builder.build()).flatten();
        let runtime = runtime.map_err(|source| StartError::Os { what: "tokio runtime", source })?;
        let shared = Shared { handle: runtime.handle().clone(), reactor: driver.handle().clone() };
        let spawner = TokioSpawner { shared: Arc::new(shared) };
        Ok(Self { runtime: Some(runtime), spawner, driver, own_sockets: config.own_sockets })
    }

    pub(super) fn spawner(&self) -> &TokioSpawner {
        &self.spawner
    }

    pub(super) fn sockets(&self) -> Option<TokioSockets> {
        self.own_sockets.then(TokioSockets::new)
    }

    pub(super) fn block_on<F: Future>(
        &self,
        descriptor: &'static Descriptor,
        future: F,
    ) -> F::Output {
        let _entered = runtimes::adapter::enter(descriptor.name);
        let runtime = self.runtime.as_ref().expect("a runtime is stopped only when it is consumed");
        runtime.block_on(each_poll(future))
    }

    /// The reactor's counters, and the one of ours that tokio keeps without `--cfg tokio_unstable`.
    pub(super) fn metrics(&self) -> Snapshot {
        let metrics = self.spawner.shared.handle.metrics();
        let parks =
            (0..metrics.num_workers()).map(|worker| metrics.worker_park_count(worker)).sum();
        self.driver.snapshot(&[(Counter::Parks, parks)])
    }

    pub(super) fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }

    /// Tokio's own shutdown drops the futures and joins its threads. The reactor goes last, because
    /// those futures deregister from it.
    fn stop(&mut self) {
        self.runtime = None;
        self.driver.stop();
    }
}

impl Drop for Tokio {
    fn drop(&mut self) {
        self.stop();
    }
}

/// Spawns on a tokio runtime through its `Handle`, which refuses tasks after shutdown by itself.
#[derive(Clone, Debug)]
pub struct TokioSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    handle: runtime::Handle,
    reactor: reactor::Handle,
}

impl Spawner for TokioSpawner {
    type Join<T: Send + 'static> = TokioJoin<T>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        TokioJoin(self.shared.handle.spawn(each_poll(future)))
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}

/// Tokio's join handle with our error.
#[derive(Debug)]
pub struct TokioJoin<T>(JoinHandle<T>);

impl<T> Future for TokioJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(cx).map_err(|error| match error.try_into_panic() {
            Ok(payload) => JoinError::Panicked(payload),
            Err(_) => JoinError::Cancelled,
        })
    }
}

impl<T: Send + 'static> Join<T> for TokioJoin<T> {
    fn abort(&mut self) {
        self.0.abort();
    }
}
