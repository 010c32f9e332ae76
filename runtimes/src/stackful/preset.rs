//! `stackful` with one thing of its configuration as part of its name, so that several can stand
//! side by side.

use std::future::Future;
use std::marker::PhantomData;

use super::Stackful;
use crate::contract;
use crate::engine::{EngineSpawner, Executor};
use crate::metrics::Snapshot;
use crate::runtime::{Config, Runtime, StartError};
use crate::schedulers::work_stealing::WorkStealing;

/// What is configured, and the name of the variant that has it so.
pub trait Preset: 'static {
    /// The registered name.
    const NAME: &'static str;

    /// Sets it.
    fn apply(config: &mut Config);
}

/// `stackful` with the preset `P`.
pub struct Preconfigured<P>(Executor<WorkStealing, Stackful>, PhantomData<P>);

impl<P: Preset> Runtime for Preconfigured<P> {
    type Spawner = EngineSpawner<WorkStealing, Stackful>;
    type Sockets = <Executor<WorkStealing, Stackful> as Runtime>::Sockets;

    fn check_policy(rule: contract::Rule) -> Result<(), contract::Broken> {
        Executor::<WorkStealing, Stackful>::check_policy(rule)
    }

    fn start(config: &Config) -> Result<Self, StartError> {
        let mut config = config.clone();
        P::apply(&mut config);
        Executor::start_as(P::NAME, &config).map(|executor| Self(executor, PhantomData))
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
