//! `cargo stampede try`: from an edited file to verdicts.

use std::collections::hash_map::RandomState;
use std::fs;
use std::hash::BuildHasher;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result, anyhow, bail};
use clap::Args;
use contestant::client::ClientError;
use results::format;
use results::schema::Outcome;
use results::stats::TIE_BAND;
use results::store::Store;

use super::{Done, place};
use crate::cell::{Launcher, Task};
use crate::compare::plan::Plan;
use crate::compare::run::{Options, Race, Rounds};
use crate::compare::standing::standing;
use crate::compare::table;
use crate::contestants::names::NamePattern;
use crate::contestants::{Contestant, Gate, Outside, Program, Roster, Workspace, wanted};
use crate::harness::rounds::records;
use crate::interrupt::Interrupt;
use crate::machine;
use crate::matrix::{Cell, Filter, Selection, default_workers};
use crate::noise;
use crate::params::Overrides;
use crate::progress::Progress;
use crate::say::{note, say};
use crate::session::Session;
use crate::value::seconds;

const DETAILS: &str = "\
What it does, one after the other; it stops at the first thing that is wrong:
  1  builds NAME and those that it is compared with
  2  lets NAME check that it conforms, its contract first; what fails is named with the command that
     repeats it
  3  runs every workload once with small parameters and checks the results
  4  compares NAME with the relatives that its descriptor names, in interleaved rounds
  5  prints verdicts and where NAME stands, and draws a page on which NAME is marked

Examples:
  cargo stampede try my-scheduler
  cargo stampede try my-scheduler --against work-stealing,tokio-mt
  cargo stampede try my-scheduler --workload 'tcp_.*|timers'
  cargo stampede try my-scheduler --full          every throughput workload and worker count
  cargo stampede new my-scheduler                 writes the file to begin with

Exit code: 0 with verdicts, 1 when NAME does not compile or conform or a result is wrong, 2 when nothing
could be run.";

const BAD: Style = AnsiColor::Red.on_default().bold();

/// The fewest workloads that tell most: what a task costs to make, to queue again, to wake on
/// another thread, to wake within the runtime, and how work spreads.
const TELLING: &str = "spawn_many_local|yield_many|ping_pong|remote_wake|skynet";

/// The most rounds: what is still undecided then is better left to `compare`.
const MOST_ROUNDS: u16 = 28;

/// Which rounds do not count. It is more than `compare` allows, since who edits rather knows
/// roughly and at once.
const GATE: noise::Gate = noise::Gate { steal: 0.05, others: 0.5 };

/// More rivals than these cost more time than they tell.
const RIVALS: usize = 2;

/// Whom a contestant without relatives is compared with.
const EVERYBODYS: [&str; 2] = ["global-queue", "work-stealing"];

/// Build one scheduler, check it, and say how it compares with its relatives: the loop of an edit.
#[derive(Debug, Args)]
#[command(name = "try", after_help = DETAILS)]
pub(super) struct Try {
    /// The runtime's name
    name: NamePattern,

    /// Whom it is compared with [default: the relatives that its descriptor names]
    #[arg(long, value_name = "NAMES", value_delimiter = ',')]
    against: Vec<NamePattern>,

    /// The workloads, by name, glob or regular expression [default: five that tell most]
    #[arg(long, value_name = "NAMES")]
    workload: Option<NamePattern>,

    /// All relatives, all throughput workloads, all worker counts
    #[arg(long)]
    full: bool,

    /// Just so many rounds, each in fresh processes [default: until every verdict stands, 28 at
    /// most]
    #[arg(long, value_name = "N", conflicts_with = "budget")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,

    /// No round begins after so many seconds
    #[arg(long, value_name = "SECONDS", default_value = "15", value_parser = seconds)]
    budget: Duration,

    /// Seed of the order; without it every run draws and prints one
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// How long the work under the clock takes for each runtime in each round, about
    #[arg(long, value_name = "SECONDS", default_value = "0.05", value_parser = seconds)]
    measurement_time: Duration,

    /// A cell that is silent for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value = "20", value_parser = seconds)]
    deadline: Duration,

    #[command(flatten)]
    outside: Outside,
}

impl Try {
    pub(super) fn run(&self) -> Done {
        let began = Instant::now();
        let workspace = Workspace::find(&self.outside)?;
        let name = self.exact_name()?;
        // What is refused is refused before anything is built.
        let own = wanted::named(&workspace, std::slice::from_ref(&self.name));
        let own =
            own.map_err(|error| anyhow!("{error}; `cargo stampede new {name}` writes a new one"))?;
        let against = wanted::named(&workspace, &self.against)?;
        crate::compare::plan::choose(self.workload.as_ref())?;
        let interrupt = Interrupt::watch().context("cannot watch for Ctrl-C")?;
        let Some((mut roster, rivals)) = self.build(&workspace, name, own, against)? else {
            return Ok(ExitCode::FAILURE);
        };
        let built = began.elapsed();
        let Some(newcomer) = roster.get(name).cloned() else {
            bail!(
                "`{name}` is not among the runtimes of its program: {}",
                roster.names().join(", ")
            );
        };
        let launcher = Launcher { interrupt: interrupt.clone(), ..Launcher::new(self.deadline) };
        let gate = Gate::new(&workspace.stampede_dir());
        let checked = gate.admit(&mut roster, &[name.to_owned()], false);
        if matches!(checked, Err(ClientError::Interrupted)) {
            return Ok(ExitCode::from(interrupt.exit_code()));
        }
        checked?;
        if roster.get(name).is_none() {
            return Ok(ExitCode::FAILURE);
        }
        say!("{name} conforms");
        if !verify(&roster, name, &launcher)? {
            return Ok(ExitCode::FAILURE);
        }
        gate.admit(&mut roster, &rivals, false)?;
        let code = self.compare(&workspace, &roster, &newcomer, &rivals, &launcher)?;
        let (all, building) = (began.elapsed(), format::about(built.as_secs_f64()));
        say!("done after {}, {building} of it building", format::about(all.as_secs_f64()));
        Ok(if interrupt.came() { ExitCode::from(interrupt.exit_code()) } else { code })
    }

    fn exact_name(&self) -> Result<&str> {
        let name = self.name.exact();
        name.with_context(|| {
            format!("`{}` may mean several runtimes: one is tried at a time", self.name)
        })
    }

    /// Builds the newcomer first, which says whom it is to be compared with. `None` when it is
    /// lost.
    fn build(
        &self,
        workspace: &Workspace,
        name: &str,
        own: Vec<&Program>,
        against: Vec<&Program>,
    ) -> Result<Option<(Roster, Vec<String>)>> {
        // Those that are known already are built beside it.
        let mut programs = own.clone();
        programs.extend(against.into_iter().filter(|program| !own.contains(program)));
        let mut roster = Roster::build(workspace, &programs)?;
        let Some(newcomer) = roster.get(name).cloned() else {
            return Ok(if roster.lost().is_empty() { Some((roster, Vec::new())) } else { None });
        };
        if self.against.is_empty() {
            let relatives = self.relatives(workspace, &newcomer)?;
            let programs = wanted::named(workspace, &relatives)?;
            roster.extend(Roster::build(workspace, &programs)?);
            let rivals =
                relatives.iter().filter_map(NamePattern::exact).map(str::to_owned).collect();
            return Ok(Some((roster, rivals)));
        }
        let meant = |other: &&str| {
            *other != name && self.against.iter().any(|pattern| pattern.matches(other))
        };
        let rivals = roster.names().into_iter().filter(meant).map(str::to_owned).collect();
        Ok(Some((roster, rivals)))
    }

    fn relatives(&self, workspace: &Workspace, newcomer: &Contestant) -> Result<Vec<NamePattern>> {
        let named = newcomer.descriptor.relatives.iter().map(String::as_str);
        let known = named.filter(|name| {
            let known = workspace.program_of(name).is_some();
            if !known {
                note!("note: there is no runtime `{name}`, which is named as a relative");
            }
            known
        });
        let mut names: Vec<_> = known.collect();
        if names.is_empty() {
            names.extend(EVERYBODYS.into_iter().filter(|name| *name != newcomer.name()));
        }
        names.truncate(if self.full { usize::MAX } else { RIVALS });
        names.into_iter().map(|name| Ok(name.parse()?)).collect()
    }

    fn compare(
        &self,
        workspace: &Workspace,
        roster: &Roster,
        newcomer: &Contestant,
        rivals: &[String],
        launcher: &Launcher,
    ) -> Result<ExitCode> {
        let name = newcomer.name();
        let names = std::iter::once(name).chain(rivals.iter().map(String::as_str));
        let present = names.filter(|name| roster.get(name).is_some());
        let patterns =
            present.map(|name| Ok(name.parse()?)).collect::<Result<Vec<NamePattern>>>()?;
        let few: NamePattern = TELLING.parse()?;
        let workload = match &self.workload {
            None if self.full => None,
            None => Some(&few),
            chosen => chosen.as_ref(),
        };
        let plan = Plan::new(&[(None, roster)], &patterns, workload, &self.counts(newcomer))?;
        let options = Options {
            rounds: match self.rounds {
                Some(rounds) => Rounds::Fixed(usize::from(rounds)),
                None => Rounds::Adaptive {
                    most: usize::from(MOST_ROUNDS),
                    budget: (!self.full).then_some(self.budget),
                },
            },
            band: TIE_BAND,
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000),
            time: Some(self.measurement_time),
            gate: GATE,
            overrides: Overrides::short(),
        };
        plan.absent.iter().for_each(|absence| note!("note: {absence}, so it is left out there"));
        let mut race = Race::new(&plan, &options, launcher, &launcher.interrupt, None);
        race.keep_outcomes();
        let ended = race.run();
        say!("\n{}", table::render(&plan, race.sheets(), race.design(), None).trim_end());
        say!("\n{}", standing(&plan, race.sheets()).trim_end());
        say!("seed {}", options.seed);
        self.draw(workspace, newcomer, &race.take_outcomes(), &options)?;
        ended?;
        let failed = race.sheets().iter().any(|sheet| sheet.failures.iter().any(Option::is_some));
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// One worker count is enough to see most: the most workers that it takes here.
    fn counts(&self, newcomer: &Contestant) -> Vec<usize> {
        let mut counts = default_workers(machine::cores());
        counts.retain(|&count| newcomer.takes(count));
        if !self.full {
            counts.drain(..counts.len().saturating_sub(1));
        }
        counts
    }

    /// The page of what was measured, in a place of its own: other results may come from other
    /// runs.
    fn draw(
        &self,
        workspace: &Workspace,
        newcomer: &Contestant,
        outcomes: &[(Cell, Outcome)],
        options: &Options,
    ) -> Result<()> {
        let dir = workspace.stampede_dir().join("try").join(newcomer.name());
        let (stored, page) = (dir.join("results"), dir.join("index.html"));
        if stored.exists() {
            fs::remove_dir_all(&stored)
                .with_context(|| format!("cannot empty {}", stored.display()))?;
        }
        let arguments: Vec<_> = std::env::args_os().skip(1).collect();
        let mut session = Session::current(Some(options.seed), true, &[], &[]);
        let words: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
        session.command = results::text::visible(&format!("cargo stampede {}", words.join(" ")));
        let records = records(&session, outcomes, &options.overrides);
        if records.is_empty() {
            return Ok(());
        }
        let store = Store::open(&stored)?;
        for mut record in records {
            record.runtime.newcomer = record.runtime.name == newcomer.name();
            store.write(&record).context("cannot store a result")?;
        }
        reports::render(&stored, &page)?;
        say!("page: {}", place(&page)?.display());
        Ok(())
    }
}

/// Runs every workload once. Whether every result was right.
fn verify(roster: &Roster, name: &str, launcher: &Launcher) -> Result<bool> {
    let runtime = Some(name.parse()?);
    let selection = Selection {
        filter: Filter::All,
        runtime,
        workers: Vec::new(),
        skip: Vec::new(),
        everywhere: true,
    };
    let cells = selection.cells(roster, machine::cores())?;
    let overrides = Overrides::small();
    let mut progress = Progress::on_stderr(cells.len(), Duration::from_millis(60));
    let (mut right, mut wrong) = (0, 0);
    for cell in &cells {
        progress.begin(&cell.to_string());
        let finished = launcher.run(cell, &overrides, &Task::Verify);
        if launcher.interrupt.came() {
            return Ok(false);
        }
        match finished.outcome {
            Outcome::Failed { reason } => {
                wrong += 1;
                let (id, flags) = (cell.id(), cell.runtime.flags());
                progress.finish(&format!(
                    "{BAD}FAILED{BAD:#} {id}: {reason}\n    again: cargo stampede verify --exact {id}{flags}"
                ));
            }
            Outcome::Measured(_) | Outcome::Void { .. } => {
                right += 1;
                progress.advance();
            }
            Outcome::Skipped { .. } => progress.advance(),
        }
    }
    drop(progress);
    note!("{name}: {right} of {} are right", format::count(right + wrong, "cell"));
    Ok(wrong == 0)
}
