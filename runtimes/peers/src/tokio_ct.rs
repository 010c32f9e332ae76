//! tokio's current_thread scheduler.

use std::future::Future;

use tokio::runtime::Builder;

use crate::own_net::tokio::TokioSockets;
use crate::tokio_common::{Tokio, TokioSpawner};
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, StartError, TaskKind, Workers,
};

/// tokio current_thread as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "tokio-ct",
    summary: "tokio's current_thread scheduler: one queue on the caller's thread, an injector for \
     other threads",
    isolates: "what a widely used single-threaded executor costs on the same reactor as `local`",
    relatives: &["local", "async-local"],
    origin: Origin::Peer {
        package: "tokio",
        deviations: &[Deviation {
            property: Property::DropsInsideTasks,
            reason: "\"Cannot drop a runtime in \
             a context where blocking is not allowed\"",
        }],
    },
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

/// A tokio runtime of the current_thread flavour.
#[derive(Debug)]
pub struct Variant(Tokio);

impl Runtime for Variant {
    type Spawner = TokioSpawner;
    type Sockets = TokioSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        Tokio::start(&DESCRIPTOR, config, 0, false, Builder::new_current_thread()).map(Self)
    }

    fn spawner(&self) -> &TokioSpawner {
        self.0.spawner()
    }

    fn sockets(&self) -> Option<TokioSockets> {
        self.0.sockets()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(&DESCRIPTOR, future)
    }

    fn metrics(&self) -> Snapshot {
        self.0.metrics()
    }

    fn shutdown(self) -> Snapshot {
        self.0.shutdown()
    }
}
