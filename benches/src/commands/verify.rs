//! `cargo stampede verify`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use clap::Args;
use results::format;
use results::schema::Outcome;

use super::Done;
use crate::cell::{Finished, Launcher, Task};
use crate::contestants::names::NamePattern;
use crate::contestants::wanted::{self, Extent};
use crate::contestants::{Outside, Roster, Workspace};
use crate::machine;
use crate::matrix::{Cell, Filter, Selection};
use crate::params::Overrides;
use crate::progress::Progress;
use crate::say::{note, say};
use crate::value::seconds;

const EXAMPLES: &str = "\
Examples:
  cargo stampede verify
  cargo stampede verify '^(ring|mpsc)/'
  cargo stampede verify --full                                 everything
  cargo stampede verify work-stealing                          one runtime on every workload
  cargo stampede verify --runtime 'stackful*' --workers 1,2,8
  cargo stampede verify --exact ping_pong/local/w1 --param ping_pong.pairs=10

Exit code: 0 when every cell is right, 1 when one is not, 2 when nothing could be run.";

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();
const DOUBTFUL: Style = AnsiColor::Yellow.on_default().bold();

/// Run every workload once on every runtime; check its result and the runtime's counters.
///
/// A cell fails when its result is wrong, when a task dies, when the counters break one of their
/// laws, when its process crashes, and when it falls silent.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Verify {
    /// A runtime's name, for all of its cells; else the cells whose id, such as
    /// ping_pong/work-stealing/w2, matches this regular expression
    filter: Option<String>,

    /// Take FILTER for a whole id
    #[arg(long, requires = "filter")]
    exact: bool,

    /// The runtimes of this name, glob or regular expression, on every workload
    #[arg(long, value_name = "NAMES")]
    runtime: Option<NamePattern>,

    /// Everybody, not only the core set
    #[arg(long)]
    full: bool,

    /// Worker counts instead of 1,2; may exceed the cores
    #[arg(long, value_delimiter = ',', value_name = "N,…", value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Vec<u16>,

    /// Set a workload's parameter, for example ping_pong.pairs=100; may be repeated
    #[arg(long, value_name = "WORKLOAD.NAME=VALUE")]
    param: Vec<String>,

    /// A cell that is silent for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    deadline: Duration,

    #[command(flatten)]
    outside: Outside,
}

impl Verify {
    pub(super) fn run(&self) -> Done {
        let workspace = Workspace::find(&self.outside)?;
        let selection = self.selection(&workspace)?;
        let overrides = Overrides::short().parse_more(&self.param)?;
        let extent = if self.full { Extent::Full } else { Extent::CoreSet };
        let programs = wanted::programs(&workspace, &selection, extent, machine::cores());
        if programs.is_empty() {
            selection.cells(&Roster::default(), machine::cores())?;
        }
        let roster = Roster::build(&workspace, &programs)?;
        let cells = selection.cells(&roster, machine::cores())?;
        let left_out = left_out(&selection, &roster, cells.len());
        let verified = verify(&cells, &overrides, &Launcher::new(self.deadline));
        if let Some(left_out) = left_out {
            say!("{left_out}");
        }
        if roster.lost().is_empty() { Ok(verified) } else { Ok(ExitCode::FAILURE) }
    }

    fn selection(&self, workspace: &Workspace) -> anyhow::Result<Selection> {
        let workers = self.workers.iter().copied().map(usize::from).collect();
        let name =
            self.filter.as_ref().filter(|text| wanted::known_names(workspace).contains(text));
        if let (Some(name), None, false) = (name, &self.runtime, self.exact) {
            let runtime = Some(name.parse()?);
            return Ok(Selection {
                filter: Filter::All,
                runtime,
                workers,
                skip: Vec::new(),
                everywhere: true,
            });
        }
        let filter = Filter::new(self.filter.as_slice(), self.exact)?;
        Ok(Selection {
            filter,
            runtime: self.runtime.clone(),
            workers,
            skip: Vec::new(),
            everywhere: false,
        })
    }
}

/// What of the selection is not run because its workload does not ask for it.
fn left_out(selection: &Selection, roster: &Roster, taken: usize) -> Option<String> {
    let everywhere = Selection { everywhere: true, ..selection.clone() };
    let all = everywhere.cells(roster, machine::cores()).map_or(0, |cells| cells.len());
    let more = all.checked_sub(taken).filter(|&more| more > 0)?;
    Some(format!(
        "{more} more cells are run only where their runtime is named: `cargo stampede verify \
         NAME` runs all of its"
    ))
}

fn verify(cells: &[Cell], overrides: &Overrides, launcher: &Launcher) -> ExitCode {
    let began = Instant::now();
    let mut progress = Progress::new(cells.len(), Duration::from_millis(100));
    let mut failed = Vec::new();
    let (mut void, mut skipped) = (0, 0);
    for cell in cells {
        progress.begin(&cell.to_string());
        let Finished { outcome, elapsed, .. } = launcher.run(cell, overrides, &Task::Verify);
        let (style, verdict, reason) = match outcome {
            Outcome::Measured(_) => {
                (GOOD, "ok", format!("  {}", format::time(elapsed.as_nanos() as f64)))
            }
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
    let void = if void > 0 {
        format!(", {void} of them too disturbed to be measured")
    } else {
        String::new()
    };
    let cells = format::count(cells.len() - skipped, "cell");
    let skipped = if skipped > 0 {
        format!("; {skipped} more {} not apply", if skipped == 1 { "does" } else { "do" })
    } else {
        String::new()
    };
    say!(
        "\n{right} of {cells} {} right{void}, after {elapsed}{skipped}",
        if right == 1 { "is" } else { "are" }
    );
    if failed.is_empty() {
        return ExitCode::SUCCESS;
    }
    note!("{BAD}failed{BAD:#}: {}", failed.join(", "));
    ExitCode::FAILURE
}
