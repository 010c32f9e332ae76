//! Queues that policies and the engine are built of.

mod biased;
mod injector;
#[cfg(all(test, stampede_loom))]
mod models;

pub(crate) use biased::Biased;
pub use injector::{Injector, Inlet};
