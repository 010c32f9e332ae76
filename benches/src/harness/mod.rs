//! What `cargo bench` runs: each harness measures its kind of workload and renders the page.
//!
//! The harness itself only plans, watches and stores; the cells run in the processes of
//! contestants.

mod args;
mod baseline;
mod builds;
mod criterion_args;
mod criterions_process;
mod line;
mod plan;
mod quiet;
pub(crate) mod rounds;
mod run;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use workloads::Kind;

pub use args::{Args, Mode};
pub use criterion_args::{Against, CriterionArgs};
pub use criterions_process::handed_over;
pub use plan::{How, Step, plan};
use run::kind_name;
pub use run::run;

/// The hidden subcommand that makes the tool a harness; a kind and the flags of `cargo bench`
/// follow.
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
    let criterion_runs =
        kind == Kind::Throughput && matches!(args.mode(), Mode::Measure | Mode::Unrecorded);
    if criterion_runs && handed_over().is_none() {
        return Err(criterions_process::become_it(kind, arguments, &args.criterion));
    }
    run(kind, &args, arguments)
}
