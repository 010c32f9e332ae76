//! What `cargo bench` runs: each harness measures its kind of workload and renders the page.
//!
//! The harness itself only plans, watches and stores; the cells run in child processes.

mod args;
mod baseline;
mod criterion_args;
mod line;
mod plan;
mod rounds;
mod run;

use std::env;
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Result};
use workloads::Kind;

pub use args::{Args, Mode};
pub use criterion_args::{Against, CriterionArgs};
pub use plan::{Step, plan};
pub use run::run;

/// The hidden subcommand that makes the tool a harness; a kind and the flags of `cargo bench` follow.
pub const SUBCOMMAND: &str = "__bench";

/// The harness for workloads of `kind`, given the arguments that `cargo bench` passed.
///
/// # Errors
/// When nothing could be run or stored.
pub fn main(kind: Kind, arguments: &[OsString]) -> Result<ExitCode> {
    let args = match Args::from_harness(arguments) {
        Ok(args) => args,
        Err(code) => return Ok(code),
    };
    let tool = env::current_exe().context("cannot find this program's own file")?;
    run(kind, &args, arguments, tool)
}
