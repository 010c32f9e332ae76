//! What `cargo bench` runs: each harness measures its kind of workload and renders the page.
//!
//! The harness itself only plans, watches and stores. The cells run in child processes of the tool
//! `stampede`, which alone holds the compiled matrix.

mod args;
mod baseline;
mod criterion_args;
mod line;
mod plan;
mod rounds;
mod run;

use std::path::PathBuf;
use std::process::ExitCode;

use workloads::Kind;

pub use args::{Args, Mode};
pub use criterion_args::{Against, CriterionArgs};
pub use plan::{Step, plan};
pub use run::run;

/// The whole of a harness for workloads of `kind`. `tool` is the built command-line tool.
pub fn main(kind: Kind, tool: &str) -> ExitCode {
    let args = Args::from_process();
    match run(kind, &args, PathBuf::from(tool)) {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::from(2)
        }
    }
}
