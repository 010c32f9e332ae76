//! `cargo stampede`: the command-line tool.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::commands::main()
}
