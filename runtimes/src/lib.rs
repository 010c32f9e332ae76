//! Interchangeable async executors that differ in their scheduling policy and in nothing else.
//!
//! Reading order: [`runtime`] (what a workload may ask of any executor), then `scheduler` (what a
//! policy answers), [`policies`] (those of our schedulers), `engine` and `task` (the shared
//! mechanism), [`reactor`] (epoll and timers). `sync` is the ground floor; `tests/layers.rs` has
//! the storeys above it, and fails when an import climbs.

pub mod adapter;
pub mod budget;
pub mod contract;
mod descriptor;
mod engine;
mod enter;
pub mod metrics;
pub mod net;
pub mod policies;
pub mod queue;
pub mod reactor;
pub mod runtime;
pub mod scheduler;
pub mod sockets;
pub mod spin;
pub mod stackful;
mod sync;
mod task;
mod threads;
pub mod time;

pub use descriptor::{Descriptor, Deviation, Origin, Property, TaskKind, Workers};
pub use engine::{EngineSpawner, Executor, Stackless, TaskBody, diagnoses};
pub use runtime::{Config, Join, Runtime, Spawner, StartError, Suspend};
pub use task::{JoinError, JoinHandle, Runnable};
