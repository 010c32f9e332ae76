//! Renders the page from stored results. Measures nothing and compiles no runtime.

use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Context;
use clap::Parser;
use reports::RenderError;

const EXAMPLES: &str = "\
Examples:
  cargo run -p reports                          render what `cargo bench` stored last
  cargo run -p reports -- --out /tmp/page.html  write the page elsewhere
  cargo run -p reports -- --results saved/2025  render results that were put aside";

/// Render stored results as one HTML page that needs no network.
#[derive(Debug, Parser)]
#[command(name = "reports", version, after_help = EXAMPLES)]
struct Arguments {
    /// Directory with one JSON file per cell [default: target/stampede/results]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// The page to write [default: target/stampede/index.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // When standard error is gone too, the code has to do.
            let _ = writeln!(io::stderr(), "error: {error:#}");
            // As clap does for what it refuses.
            ExitCode::from(2)
        }
    }
}

fn run() -> anyhow::Result<()> {
    let arguments = match Arguments::try_parse() {
        Ok(arguments) => arguments,
        Err(answer) => {
            answer.print().or_else(unread).context("cannot print")?;
            std::process::exit(answer.exit_code());
        }
    };
    let from = arguments.results.unwrap_or_else(results::results_dir);
    let out = arguments.out.unwrap_or_else(results::page_path);
    let output = match reports::render(&from, &out) {
        Err(RenderError::Write(error)) if error.is_unread() => return Ok(()),
        rendered => rendered?,
    };
    // Nothing but the page goes where the page goes.
    if output.is_stdout() {
        return Ok(());
    }
    let page = std::path::absolute(&out)
        .with_context(|| format!("cannot tell where {} lies", out.display()))?;
    let mut stdout = io::stdout().lock();
    let written = writeln!(stdout, "{}", page.display()).and_then(|()| stdout.flush());
    written.or_else(unread).context("cannot write to standard output")
}

/// A reader that has seen enough, such as `head`, is no mistake.
fn unread(error: io::Error) -> io::Result<()> {
    if error.kind() == io::ErrorKind::BrokenPipe { Ok(()) } else { Err(error) }
}
