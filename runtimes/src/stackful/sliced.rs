//! `stackful` with a time slice that is part of its name, so that several can stand side by side.

use std::future::Future;
use std::marker::PhantomData;
use std::time::Duration;

use super::Stackful;
use crate::engine::{EngineSpawner, Executor};
use crate::metrics::Snapshot;
use crate::runtime::{Config, Runtime, StartError};
use crate::schedulers::work_stealing::WorkStealing;

/// A time slice and the name of the variant that has it.
pub trait Slice: 'static {
    /// The registered name.
    const NAME: &'static str;
    /// The slice unless the configuration says otherwise.
    const LENGTH: Duration;
}

/// `stackful` with the slice `L`.
pub struct Sliced<L>(Executor<WorkStealing, Stackful>, PhantomData<L>);

impl<L: Slice> Runtime for Sliced<L> {
    type Spawner = EngineSpawner<WorkStealing, Stackful>;
    type Sockets = <Executor<WorkStealing, Stackful> as Runtime>::Sockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        let mut config = config.clone();
        config.slice.get_or_insert(L::LENGTH);
        Executor::start_as(L::NAME, &config).map(|executor| Self(executor, PhantomData))
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
