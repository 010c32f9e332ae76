//! The matrix runtime × workload × workers: what measures it and what shows it on a terminal.
//!
//! Reading order: [`contestants`] (the programs with the runtimes), [`matrix`] (which cells there
//! are), [`cell`] (how one is run), [`harness`] (how `cargo bench` runs many), [`compare`]
//! (runtimes side by side), [`commands`] (the tool `cargo stampede`).
#![forbid(unsafe_code)]

pub mod cell;
pub mod commands;
pub mod compare;
pub mod contestants;
pub mod harness;
pub mod interrupt;
pub mod machine;
pub mod matrix;
pub mod noise;
pub mod params;
pub mod paths;
pub mod progress;
pub mod record;
mod say;
pub mod session;
pub mod value;
