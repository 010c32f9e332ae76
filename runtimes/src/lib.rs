//! Interchangeable async executors that differ in their scheduling policy and in nothing else.
//!
//! Reading order: [`runtime`] (what a workload may ask of any executor), then `scheduler` (what a
//! policy answers), `schedulers` (the policies, one a file), `engine` and `task` (the shared
//! mechanism), [`reactor`] (epoll and timers).

mod card;
mod enter;
pub mod metrics;
pub mod reactor;
pub mod runtime;
mod task;

pub use card::{Body, Card, Origin, Workers};
pub use runtime::{Config, Join, Runtime, Spawner, StartError};
pub use task::JoinError;
