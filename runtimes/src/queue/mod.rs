//! Queues that policies and the engine are built of.

mod injector;

pub use injector::Injector;
