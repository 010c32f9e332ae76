//! What the two tokio flavours share: spawner, join handle, counters, shutdown.

use std::future::Future;
use std::os::fd::{AsFd, AsRawFd, RawFd};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::Interest;
use tokio::io::unix::AsyncFd;
use tokio::runtime;
use tokio::task::JoinHandle;

use crate::check_workers;
use crate::driver::Driver;
use crate::own_net::tokio::TokioSockets;
use crate::rehearsal;
use runtimes::budget::each_poll;
use runtimes::metrics::{Counter, Snapshot};
use runtimes::reactor::Guest;
use runtimes::{Config, Descriptor, Join, JoinError, Spawner, StartError, reactor};

/// A tokio runtime of either flavour and what turns our reactor for it: a task that waits in tokio's
/// driver, or a thread.
#[derive(Debug)]
pub(super) struct Tokio {
    /// `None` once stopped.
    runtime: Option<runtime::Runtime>,
    spawner: TokioSpawner,
    driver: Driver,
    own_sockets: bool,
}

impl Tokio {
    /// Starts what `builder` describes, with tokio's I/O driver: an idle worker waits there, for our
    /// reactor too. Tokio's clock is not needed. With a `reactor_thread` its driver is enabled for
    /// its own sockets only, and idle workers wait on a condition variable otherwise. `threads` is
    /// how many it will make.
    pub(super) fn start(
        descriptor: &'static Descriptor,
        config: &Config,
        threads: usize,
        reactor_thread: bool,
        mut builder: runtime::Builder,
    ) -> Result<Self, StartError> {
        check_workers(descriptor, config)?;
        let (driver, guest) = if reactor_thread {
            (Driver::start()?, None)
        } else {
            let (driver, guest) = Driver::guest()?;
            (driver, Some(guest))
        };
        if config.own_sockets || !reactor_thread {
            builder.enable_io();
        }
        // Tokio panics when it gets no thread, and if it has some already, waits for ever for those
        // to end.
        rehearsal::threads(threads)?;
        let runtime = rehearsal::or_panic(|| builder.build()).flatten();
        let runtime = runtime.map_err(|source| StartError::Os { what: "tokio runtime", source })?;
        if let Some(guest) = guest {
            host(&runtime, guest)?;
        }
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

/// Spawns the task that turns our reactor whenever tokio's driver sees that there is something. Who
/// polls that driver runs the task next.
fn host(runtime: &runtime::Runtime, guest: Arc<Guest>) -> Result<(), StartError> {
    let _context = runtime.enter();
    // SAFETY: the descriptor is the guest's own, the same at every call, and open as long as the
    // guest, which `AsyncFd` keeps.
    let registered = unsafe { AsyncFd::register_with_interest(GuestFd(guest), Interest::READABLE) };
    let descriptor = registered.map_err(|error| StartError::Os {
        what: "place in tokio's driver",
        source: error.into(),
    })?;
    runtime.spawn(async move {
        // What is readable is forgotten before a turn takes it: see `Guest`.
        while descriptor.get_ref().0.turn().is_ok() {
            match descriptor.readable().await {
                Ok(mut ready) => ready.clear_ready(),
                // The driver has shut down.
                Err(_) => break,
            }
        }
    });
    Ok(())
}

/// A descriptor that tokio takes.
#[derive(Debug)]
struct GuestFd(Arc<Guest>);

impl AsRawFd for GuestFd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
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
