//! tokio's multi_thread scheduler.

use std::future::Future;
use std::mem;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::runtime::Builder;

use crate::own_net::tokio::TokioSockets;
use crate::tokio_common::{Tokio, TokioSpawner};
use runtimes::adapter::WorkerNames;
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, StartError, TaskKind, Workers,
};

/// tokio multi_thread as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "tokio-mt",
    summary: "tokio's multi_thread scheduler: bounded worker queues with a LIFO slot, an \
     injector, stealing of halves",
    isolates: "what the most used work-stealing executor costs on the same reactor as \
     `work-stealing`",
    relatives: &["work-stealing", "async-executor"],
    origin: Origin::Peer {
        package: "tokio",
        deviations: &[
            Deviation {
                property: Property::BlockedWorkerStrandsNobody,
                reason: "the task in a \
             worker's LIFO slot cannot be stolen; tokio's documentation forbids blocking a worker",
            },
            Deviation {
                property: Property::DropsInsideTasks,
                reason: "\"Cannot drop a runtime in \
             a context where blocking is not allowed\"",
            },
        ],
    },
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// The same with our reactor on a thread: a row that says what that costs a peer.
pub const ON_A_THREAD: Descriptor = Descriptor {
    name: "tokio-mt-reactor-thread",
    summary: "tokio-mt with our reactor on a thread of its own, as an executor without a driver \
     needs it.",
    isolates: "What a reactor's thread costs: one more wake-up for an event, and a competitor for \
     the cores.",
    relatives: &["tokio-mt"],
    ..DESCRIPTOR
};

/// A tokio runtime of the multi_thread flavour.
pub type Variant = Multi<false>;

/// The same, with our reactor on a `THREAD` or as a guest in tokio's driver.
#[derive(Debug)]
pub struct Multi<const THREAD: bool>(Tokio);

impl<const THREAD: bool> Multi<THREAD> {
    const DESCRIPTOR: &'static Descriptor = if THREAD { &ON_A_THREAD } else { &DESCRIPTOR };
}

impl<const THREAD: bool> Runtime for Multi<THREAD> {
    type Spawner = TokioSpawner;
    type Sockets = TokioSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(Self::DESCRIPTOR, config)?; // before tokio's builder, which panics on 0
        let mut builder = Builder::new_multi_thread();
        builder.worker_threads(config.workers);
        // The mark lasts as long as the thread, which runs nothing but tasks.
        builder.on_thread_start(|| mem::forget(runtimes::adapter::enter(Self::DESCRIPTOR.name)));
        let (names, started) =
            (WorkerNames::new(Self::DESCRIPTOR.name, config.workers), AtomicUsize::new(0));
        // Relaxed: only its uniqueness counts.
        builder.thread_name_fn(move || names.of(started.fetch_add(1, Ordering::Relaxed)));
        Tokio::start(Self::DESCRIPTOR, config, config.workers, THREAD, builder).map(Self)
    }

    fn spawner(&self) -> &TokioSpawner {
        self.0.spawner()
    }

    fn sockets(&self) -> Option<TokioSockets> {
        self.0.sockets()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(Self::DESCRIPTOR, future)
    }

    fn metrics(&self) -> Snapshot {
        self.0.metrics()
    }

    fn shutdown(self) -> Snapshot {
        self.0.shutdown()
    }
}
