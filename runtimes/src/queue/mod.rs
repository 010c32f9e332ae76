//! Queues that policies and the engine are built of.

mod injector;
#[cfg(all(test, stampede_loom))]
mod models;

pub use injector::Injector;
