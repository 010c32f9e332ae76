//! The mechanism that all our executors share, generic over the policy.
//!
//! Reading order: `core` (what the threads of a runtime share), `worker` (the loop), `sleep` and
//! `park` (who sleeps and how), `gate` (calls from outside against shutdown), `pool` (task memory),
//! `executor` (start and stop), `diagnosis` (what a hang looks like from outside). Nothing here
//! asks which policy runs.

pub(crate) mod barrier;
mod block_on;
mod context;
mod core;
mod diagnosis;
mod executor;
mod gate;
mod idle_backoff;
#[cfg(all(test, stampede_loom))]
mod loop_models;
#[cfg(all(test, stampede_loom))]
mod models;
mod park;
mod pool;
mod sleep;
mod spawner;
mod worker;

pub(crate) use context::count;
pub use diagnosis::diagnoses;
pub use executor::Executor;
#[cfg(all(test, stampede_loom))]
pub(crate) use gate::Gate;
pub use sleep::MAX_WORKERS;
pub use spawner::EngineSpawner;
