//! `stackful` with a time slice that is part of its name, so that several can stand side by side.

use std::future::Future;
use std::time::Duration;

use super::Stackful;
use crate::engine::{EngineSpawner, Executor};
use crate::metrics::Snapshot;
use crate::runtime::{Config, Runtime, StartError};
use crate::schedulers::work_stealing::WorkStealing;

/// `stackful` whose slice is `SLICE_US` microseconds unless the configuration says otherwise.
pub struct Sliced<const SLICE_US: u64>(Executor<WorkStealing, Stackful>);

impl<const SLICE_US: u64> Runtime for Sliced<SLICE_US> {
    type Spawner = EngineSpawner<WorkStealing, Stackful>;
    type Sockets = <Executor<WorkStealing, Stackful> as Runtime>::Sockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        let mut config = config.clone();
        config.slice.get_or_insert(Duration::from_micros(SLICE_US));
        Executor::start(&config).map(Self)
    }

    fn spawner(&self) -> &Self::Spawner {
        self.0.spawner()
    }

    fn sockets(&self) -> Option<Self::Sockets> {
        self.0.sockets()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        self.0.block_on(future)
    }

    fn metrics(&self) -> Snapshot {
        self.0.metrics()
    }

    fn shutdown(self) -> Snapshot {
        self.0.shutdown()
    }
}
