//! What every runtime must do, ours, the peers' and anybody else's alike.
//!
//! The suite is data: a list of behaviours, each with a theme, a name and a function. A
//! contestant's program checks them on itself when it is asked to, see the package `contestant`;
//! `cargo test` asks every program. What a peer does not promise by its own design stands in
//! `deviations`.
//!
//! Each behaviour is checked with 1, 2 and 4 workers where a runtime has threads of its own, and
//! with 2 where its threads serve the whole process.

mod abort;
mod budget;
mod check;
mod contract;
mod counters;
mod direct;
mod drop_order;
mod entering;
mod erased;
mod fairness;
mod join;
mod layout;
mod migration;
mod panics;
mod shutdown;
mod sockets;
mod spawn;
mod suite;
mod support;
mod timers;
mod wakers;

pub use check::{Broken, Subject, UnknownBehaviour};
