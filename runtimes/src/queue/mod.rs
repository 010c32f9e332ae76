//! Queues that policies and the engine are built of.

mod biased;
mod injector;
#[cfg(all(test, stampede_loom))]
mod models;
mod slot;

pub(crate) use biased::Biased;
pub use injector::{Injector, InjectorBatcher};
pub use slot::{Lookout, Slot};
