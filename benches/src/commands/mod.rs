//! `cargo stampede`: one file per subcommand.

mod compare;
mod conform;
mod list;
mod new;
mod report;
mod try_one;
mod verify;

use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand, ValueEnum};
use workloads::Kind;

use crate::harness;
use crate::say::{self, note};

pub(crate) use report::place;

const EXAMPLES: &str = "\
Examples:
  cargo stampede new my-scheduler         the file of a scheduler, to be changed
  cargo stampede try my-scheduler         build, check and compare it, in a minute
  cargo stampede list                     what there is to measure, and on what
  cargo stampede verify                   every workload once on every runtime
  cargo stampede verify '^ring/'          one workload
  cargo bench -- ring --quick             measure it
  cargo stampede report                   render the page of stored results again
  cargo stampede compare local tokio-ct   side by side, with a verdict";

/// A laboratory for async task schedulers: lists, verifies and shows what `cargo bench` measures.
#[derive(Debug, Parser)]
#[command(name = "cargo stampede", bin_name = "cargo stampede", version, after_help = EXAMPLES, max_term_width = 100)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    Compare(compare::Compare),
    Conform(conform::Conform),
    List(list::List),
    New(new::New),
    Verify(verify::Verify),
    Report(report::Report),
    Try(try_one::Try),
    /// Be a harness of `cargo bench`
    #[command(name = harness::SUBCOMMAND, hide = true, disable_help_flag = true)]
    Bench {
        kind: HarnessKind,
        /// The flags of `cargo bench`
        #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
        flags: Vec<OsString>,
    },
}

/// The harnesses by the names of their targets.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum HarnessKind {
    Throughput,
    Latency,
    Memory,
}

/// Carries out the command line of this process.
pub fn main() -> ExitCode {
    // Its arguments are criterion's then, and not ours to parse.
    if let Some((kind, flags)) = harness::handed_over() {
        return finish(harness::main(kind, &flags));
    }
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(answer) => return print_answer(&answer),
    };
    finish(match cli.command {
        Command::Compare(compare) => compare.run(),
        Command::Conform(conform) => conform.run(),
        Command::List(list) => list.run(),
        Command::New(new) => new.run(),
        Command::Try(try_one) => try_one.run(),
        Command::Verify(verify) => verify.run(),
        Command::Report(report) => report.run(),
        Command::Bench { kind: HarnessKind::Throughput, flags } => {
            harness::main(Kind::Throughput, &flags)
        }
        Command::Bench { kind: HarnessKind::Latency, flags } => {
            harness::main(Kind::Latency, &flags)
        }
        Command::Bench { kind: HarnessKind::Memory, flags } => harness::main(Kind::Memory, &flags),
    })
}

fn finish(done: Done) -> ExitCode {
    let code = done.unwrap_or_else(|error: anyhow::Error| {
        note!("error: {error:#}");
        // As clap does for what it refuses: the command was not carried out.
        ExitCode::from(2)
    });
    say::ended(code)
}

/// Shows what the parser has to say: help on standard output, a refusal on standard error.
pub(crate) fn print_answer(answer: &clap::Error) -> ExitCode {
    let code = ExitCode::from(u8::try_from(answer.exit_code()).unwrap_or(2));
    if answer.use_stderr() {
        note!("{}", answer.render().ansi().to_string().trim_end());
    } else {
        say::text(&answer.render().ansi().to_string());
    }
    say::ended(code)
}

/// What a subcommand comes to: a code, or the reason why it was not carried out.
type Done = Result<ExitCode>;

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    #[test]
    fn the_definition_is_consistent() {
        super::Cli::command().debug_assert();
    }
}
