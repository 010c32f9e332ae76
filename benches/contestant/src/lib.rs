//! The protocol between the harness and its contestants, and what a program needs to speak it.
//!
//! A contestant is a program with one or more runtimes in it; `PROTOCOL.md` says how it is talked
//! to. [`protocol`] has the messages. `serve` has the contestant's side for runtimes that implement
//! `runtimes::Runtime`: such a program is one call of `main`. `client` is the other side, and
//! `testing` asks every program of a package to check itself.
#![forbid(unsafe_code)]

#[cfg(feature = "client")]
pub mod client;
pub mod protocol;
#[cfg(feature = "serve")]
mod serve;
#[cfg(feature = "testing")]
pub mod testing;

#[cfg(feature = "serve")]
pub use serve::{Entry, main};
