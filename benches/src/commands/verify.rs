//! `cargo stampede verify`.

use results::format;
use std::env;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Context;
use clap::Args;
use regex::Regex;
use results::schema::Outcome;

use super::Done;
use crate::cell::{Finished, Launcher, Request, Task};
use crate::machine;
use crate::matrix::{Cell, Filter, Selection};
use crate::params::Overrides;
use crate::paths::Paths;
use crate::progress::Progress;
use crate::say::{note, say};
use crate::value::seconds;

const EXAMPLES: &str = "\
Examples:
  cargo stampede verify
  cargo stampede verify '^(ring|mpsc)/'
  cargo stampede verify --runtime '^work-stealing$' --workers 1,2,8
  cargo stampede verify --exact ping_pong/local/w1 --param ping_pong.pairs=10

Exit code: 0 when every cell is right, 1 when one is not, 2 when nothing could be run.";

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();

/// Run every workload once on every runtime; check its result and the runtime's counters.
///
/// A cell fails when its result is wrong, when a task dies, when the counters break one of their laws,
/// when its process crashes, and when it falls silent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// The cells whose id, such as ping_pong/work-stealing/w2, matches this regular expression
    filter: Option<String>,

    /// Take FILTER for a whole id
    #[arg(long, requires = "filter")]
    exact: bool,

    /// The runtimes whose name matches this regular expression
    #[arg(long, value_name = "REGEX")]
    runtime: Option<Regex>,

    /// Worker counts instead of 1,2; may exceed the cores
    #[arg(long, value_delimiter = ',', value_name = "N,…", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Vec<u16>,

    /// Set a workload's parameter, for example ping_pong.pairs=100; may be repeated
    #[arg(long, value_name = "WORKLOAD.NAME=VALUE")]
    param: Vec<String>,

    /// A cell that is silent for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    deadline: Duration,
}

impl Verify {
    pub(super) fn run(&self) -> Done {
        let selection = Selection {
            filter: Filter::new(self.filter.as_slice(), self.exact)?,
            runtime: self.runtime.clone(),
            workers: self.workers.iter().copied().map(usize::from).collect(),
            skip: Vec::new(),
        };
        let cells = selection.cells(machine::cores())?;
        let overrides = Overrides::short().parse_more(&self.param)?;
        let program = env::current_exe().context("cannot find this program's own file")?;
        let launcher = Launcher::new(program, &[], Paths::new(None).criterion_home, self.deadline);
        verify(&cells, &overrides, &launcher)
    }
}

fn verify(cells: &[Cell], overrides: &Overrides, launcher: &Launcher) -> Done {
    let began = Instant::now();
    let mut progress = Progress::new(cells.len(), Duration::from_millis(100));
    let mut failed = Vec::new();
    let (mut void, mut skipped) = (0, 0);
    for cell in cells {
        progress.begin(&cell.to_string());
        let Finished { outcome, elapsed, .. } = launcher.run(&Request::new(cell, overrides, Task::Verify))?;
        let (style, verdict, reason) = match outcome {
            Outcome::Measured(_) => (GOOD, "ok", format!("  {}", format::time(elapsed.as_nanos() as f64))),
            // The result was right, only the measurement does not count.
            Outcome::Void { reason } => {
                void += 1;
                (DOUBTFUL, "ok", format!("  void: {reason}"))
            }
            Outcome::Skipped { reason } => {
                skipped += 1;
                (DOUBTFUL, "none", format!("  {reason}"))
            }
            Outcome::Failed { reason } => {
                failed.push(cell.id());
                (BAD, "FAILED", format!("  {reason}"))
            }
        };
        progress.finish(&format!("{style}{verdict:6}{style:#} {}{reason}", cell.id()));
    }
    drop(progress);
    let elapsed = format::about(began.elapsed().as_secs_f64());
    let right = cells.len() - failed.len() - skipped;
    let void = if void > 0 { format!(", {void} of them too disturbed to be measured") } else { String::new() };
    let cells = format::count(cells.len() - skipped, "cell");
    let skipped = if skipped > 0 {
        format!("; {skipped} more {} not apply", if skipped == 1 { "does" } else { "do" })
    } else {
        String::new()
    };
    say!("\n{right} of {cells} {} right{void}, after {elapsed}{skipped}", if right == 1 { "is" } else { "are" });
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    note!("{BAD}failed{BAD:#}: {}", failed.join(", "));
    Ok(ExitCode::FAILURE)
}
