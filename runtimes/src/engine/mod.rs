//! The mechanism that all our executors share, generic over the policy.
//!
//! Reading order: `core` (what the threads of a runtime share), `worker` (the loop), `sleep` and
//! `park` (who sleeps and how), `pool` (task memory), `body` (what a task is made of),
//! `executor` (start and stop), `diagnosis` (what a hang looks like from outside). Nothing here
//! asks which policy runs.

mod block_on;
mod body;
mod context;
mod core;
mod diagnosis;
mod executor;
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

pub use body::{Stackless, TaskBody};
pub use diagnosis::diagnoses;
pub use executor::Executor;
pub use sleep::MAX_WORKERS;
pub use spawner::EngineSpawner;
