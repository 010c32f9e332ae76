//! `cargo stampede compare`.

use results::format;
use std::env;
use std::hash::{BuildHasher, RandomState};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::{Context, Result};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use results::output::Output;
use results::stats::LEAST_ROUNDS;

use super::Done;
use crate::cell::Launcher;
use crate::compare::builds::{self, Origin};
use crate::compare::plan::{self, Plan};
use crate::compare::run::{Options, Race, Rounds};
use crate::compare::sheet::Sheet;
use crate::compare::table;
use crate::contestants::names::NamePattern;
use crate::contestants::{Build, Gate as Conformance, Outside, Program, Roster, Workspace, wanted};
use crate::interrupt::Interrupt;
use crate::noise::{Gate, percent};
use crate::params::Overrides;
use crate::paths::Paths;
use crate::say::{self, note};
use crate::session::{now_unix_s, quoted};
use crate::value::seconds;
use crate::{machine, matrix};

const DETAILS: &str = "\
How it is measured:
  In each round the runtimes of a workload are started in fresh processes and take turns in slices
  of about 3 ms, in an order that is drawn anew each time (--seed), until each has had
  --measurement-time. A slice has as many iterations for one runtime as for the others. The figure
  of a round is the first quartile of its slices. Latency and memory workloads have no slices: the
  runtimes run one right after the other. Results are verified; a runtime that fails is named and
  not timed. The first runtime is entered once more, as a control: if it does not tie with itself,
  every verdict is doubtful.

How it is judged:
  RATIO is the time of a runtime over that of the first one named, taken within each round; shown
  are the trimmed mean of its logarithm over the rounds and its 95 % interval (Student's t, widened
  where rounds are correlated).
  faster     it takes less than 1/1.05 of the time of the first one: it is at least 5 % faster
  slower     it takes more than 1.05 times as long
  tie        it takes neither: whatever the difference is, it is smaller
  undecided  the rounds do not tell; shown is about how many more would
  It goes on until every verdict stands, and looks after 5, 7, 10, 14, 20, 28, 40, 56 and 80 rounds
  (as far as --max-rounds and --budget allow). That a verdict of the command is a mistake has a
  probability of 5 % at most, all looks and comparisons together. Of fewer than 5 rounds nothing is
  said.
  A round with too much noise does not count and is made up for, up to a limit.

  With --builds everybody is measured in each of these builds, in the same rounds, and compared with
  the first one in the same build; the first one itself is compared with its main build. A verdict
  is robust when it is the same in all builds; otherwise it depends on the build.

  Throughput workloads are compared by time per operation, latency workloads by their 99th
  percentile, memory workloads by bytes per operation (less is smaller, not faster; one iteration a
  process). Without --workload the throughput workloads are meant; means are never taken over two
  kinds.

Examples:
  cargo stampede compare work-stealing tokio-mt async-executor
  cargo stampede compare local tokio-ct --workload '^(fib|ring)$' --budget 60
  cargo stampede compare work-stealing tokio-mt --workload poisson --workers 2
  cargo stampede compare work-stealing work-stealing       the same twice: must come out as a tie
  cargo stampede compare local tokio-ct --workload ring --band 1%      differences from 1 % count
  cargo stampede compare local futures-local --json out.json
  cargo stampede compare local tokio-ct --builds fat,thin,plain      is it the policy or the build?

Exit code: 0 when everything was measured, 1 when a cell failed or none of its rounds counts, 2 when
nothing could be run, 130 after Ctrl-C and 143 after SIGTERM, which keep and show what was measured
before.";

const BAD: Style = AnsiColor::Red.on_default().bold();

/// Measure runtimes side by side in interleaved rounds and say which is faster.
#[derive(Debug, Args)]
#[command(after_help = DETAILS)]
pub(super) struct Compare {
    /// The runtimes, by name, glob or regular expression; each is compared with the first. One
    /// named twice is measured twice
    #[arg(required = true, num_args = 1.., value_name = "RUNTIME")]
    runtimes: Vec<NamePattern>,

    /// The workloads, by name, glob or regular expression [default: all throughput workloads]
    #[arg(long, value_name = "NAMES")]
    workload: Option<NamePattern>,

    /// Worker counts, which may exceed the cores [default: 1,2]
    #[arg(long, value_delimiter = ',', value_name = "N,…")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=1024))]
    workers: Vec<u16>,

    /// Measure everybody in several builds, the first of which is the main one, and say which
    /// verdicts hold in all of them
    #[arg(long, value_name = "BUILD,…", value_delimiter = ',', long_help = builds_help())]
    #[arg(value_parser = build_names())]
    builds: Vec<Build>,

    /// Time runtimes that do not conform as well
    #[arg(long)]
    allow_nonconforming: bool,

    /// Just so many rounds, each in fresh processes [default: until every verdict stands]
    #[arg(long, value_name = "N", conflicts_with_all = ["max_rounds", "budget"])]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    rounds: Option<u16>,

    /// The most rounds
    #[arg(long, value_name = "N", default_value = "80")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..))]
    max_rounds: u16,

    /// No round begins after so many seconds; what is undecided then stays so
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    budget: Option<Duration>,

    /// Differences of less than this are none
    #[arg(long, value_name = "PERCENT", default_value = "5", value_parser = band)]
    band: f64,

    /// Seed of the order; without it every run draws and prints one
    #[arg(long, value_name = "N")]
    seed: Option<u64>,

    /// Set a workload's parameter, for example ping_pong.pairs=100; may be repeated
    #[arg(long, value_name = "WORKLOAD.NAME=VALUE")]
    param: Vec<String>,

    /// Write the results to this file, an array with one object per workload, worker count and
    /// runtime
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,

    /// How long the work under the clock takes for each runtime in each round, about [default:
    /// 0.04, in one piece 0.1]
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    measurement_time: Option<Duration>,

    /// Reject a round in which the hypervisor took more than this much of the processors' time
    #[arg(long, value_name = "PERCENT", default_value = "2", value_parser = share)]
    max_steal: f64,

    /// Reject a round in which other processes took more than this much of the processors' time
    #[arg(long, value_name = "PERCENT", default_value = "20", value_parser = share)]
    max_others: f64,

    /// A cell that is silent for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    deadline: Duration,

    #[command(flatten)]
    outside: Outside,
}

/// The builds by name.
fn build_names() -> impl TypedValueParser<Value = Build> {
    let names = PossibleValuesParser::new(Build::ALL.map(|build| build.name));
    names.map(|name| Build::named(&name).unwrap_or(Build::FAT))
}

fn builds_help() -> String {
    let builds = Build::ALL.map(|build| format!("\n- {}: {}", build.name, build.summary)).concat();
    format!(
        "Measure everybody in several builds, the first of which is the main one, and say which \
         verdicts hold in all of them:{builds}"
    )
}

/// A percentage as a share of 1.
fn share(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').unwrap_or(text).trim_end();
    let percent = number.parse::<f64>().ok().filter(|percent| (0.0..=100.0).contains(percent));
    percent
        .map(|percent| percent / 100.0)
        .ok_or_else(|| "must be a percentage between 0 and 100".to_owned())
}

/// A percentage that a band can have.
fn band(text: &str) -> Result<f64, String> {
    let band = share(text)?;
    if band > 0.0 && band < 1.0 { Ok(band) } else { Err("must be between 0 and 100 %".to_owned()) }
}

impl Compare {
    pub(super) fn run(&self) -> Done {
        let options = Options {
            rounds: match self.rounds {
                Some(rounds) => Rounds::Fixed(usize::from(rounds)),
                None => {
                    Rounds::Adaptive { most: usize::from(self.max_rounds), budget: self.budget }
                }
            },
            band: self.band,
            // Short enough to be typed again.
            seed: self.seed.unwrap_or_else(|| RandomState::new().hash_one(()) % 1_000_000),
            time: self.measurement_time,
            gate: Gate { steal: self.max_steal, others: self.max_others },
            overrides: Overrides::short().parse_more(&self.param)?,
        };
        let workspace = Workspace::find(&self.outside)?;
        // What is refused is refused before anything is built.
        let programs = wanted::named(&workspace, &self.runtimes)?;
        plan::choose(self.workload.as_ref())?;
        let file = self.json.as_deref().map(Output::prepare).transpose()?;
        let rosters = self.rosters(&workspace, &programs)?;
        let entered: Vec<_> = rosters.iter().map(|(build, roster)| (*build, roster)).collect();
        let plan = Plan::new(&entered, &self.runtimes, self.workload.as_ref(), &self.counts())?;
        let interrupt = Interrupt::watch().context("cannot watch for Ctrl-C")?;
        let launcher = Launcher { interrupt: interrupt.clone(), ..Launcher::new(self.deadline) };
        announce(&plan, &options);
        let (began, started_unix_s) = (Instant::now(), now_unix_s());
        // What is written to standard output for programs stands alone there.
        let for_programs = file.as_ref().is_some_and(Output::is_stdout);
        let mut race = Race::new(&plan, &options, &launcher, &interrupt, file);
        let ended = race.run();
        let done = if interrupt.came() { "interrupted" } else { "done" };
        let command = command_line(&env::args().skip(1).collect::<Vec<_>>(), options.seed);
        let origin = Origin { started_unix_s, command: &command, doubt: race.doubt() };
        let builds = builds::sum_up(&plan, race.sheets(), origin);
        let mut table = table::render(&plan, race.sheets(), race.design(), builds.as_ref());
        let elapsed = format::about(began.elapsed().as_secs_f64());
        table.push_str(&format!("\n{done} after {elapsed}; again: {command}\n"));
        // The table is what the user has waited for: where standard output is full, the other will
        // do.
        if for_programs || !say::text(&table) {
            note!("{table}");
        }
        // Shown before anything is complained about.
        race.store().or_else(|error| if error.is_unread() { Ok(()) } else { Err(error) })?;
        // Half a comparison, or one that says nothing about speed, does not replace a whole one.
        let whole = !interrupt.came() && !cfg!(debug_assertions);
        if let Some(builds) = builds.filter(|_| whole) {
            let kept = builds.write(&Paths::new(None, &workspace).results);
            kept.context("cannot store what the builds came to")?;
            note!("`cargo stampede report` shows the builds on the page");
        }
        ended?;
        Ok(if interrupt.came() {
            ExitCode::from(interrupt.exit_code())
        } else {
            exit_code(race.sheets())
        })
    }

    /// Those who were named, as far as they may be timed, in each build that was asked for.
    fn rosters(
        &self,
        workspace: &Workspace,
        programs: &[&Program],
    ) -> Result<Vec<(Option<Build>, Roster)>> {
        let main = self.builds.first().copied();
        let roster = self.main_roster(workspace, programs, main)?;
        if main.is_none() {
            return Ok(vec![(None, roster)]);
        }
        let rosters = Roster::in_builds(workspace, roster, &self.builds, programs)?;
        Ok(rosters.into_iter().map(|(build, roster)| (Some(build), roster)).collect())
    }

    fn main_roster(
        &self,
        workspace: &Workspace,
        programs: &[&Program],
        build: Option<Build>,
    ) -> Result<Roster> {
        let mut roster = Roster::build_as(workspace, build.unwrap_or(Build::FAT), programs)?;
        let meant = |name: &&str| self.runtimes.iter().any(|pattern| pattern.matches(name));
        let names: Vec<_> = roster.names().into_iter().filter(meant).map(str::to_owned).collect();
        Conformance::new(&workspace.stampede_dir()).admit(
            &mut roster,
            &names,
            self.allow_nonconforming,
        )?;
        Ok(roster)
    }

    fn counts(&self) -> Vec<usize> {
        if self.workers.is_empty() {
            return matrix::default_workers(machine::cores());
        }
        let mut counts: Vec<_> = self.workers.iter().copied().map(usize::from).collect();
        counts.sort_unstable();
        counts.dedup();
        counts
    }
}

/// Says on standard error what will be done and under which rules, before anything is measured.
fn announce(plan: &Plan, options: &Options) {
    let labels: Vec<_> = plan.contenders.iter().map(|contender| contender.label.as_str()).collect();
    let (first, others) = (labels[0], labels[1..].join(", "));
    let rounds = match options.rounds {
        Rounds::Fixed(rounds) => format::count(rounds, "round"),
        Rounds::Adaptive { most, budget } => {
            let budget = budget
                .map(|budget| format!(", for {} at most", format::about(budget.as_secs_f64())));
            format!("up to {}{}", format::count(most, "round"), budget.unwrap_or_default())
        }
    };
    let Gate { steal, others: busy } = options.gate;
    note!(
        "comparing {others} with {first}: {} in {rounds}, seed {}; rounds with more than {} steal \
         time or {} of other processes are rejected",
        format::count(plan.endpoints.len(), "case"),
        options.seed,
        percent(steal),
        percent(busy),
    );
    plan.absent.iter().for_each(|absence| note!("note: {absence}, so it is left out there"));
    if let Rounds::Fixed(rounds) | Rounds::Adaptive { most: rounds, .. } = options.rounds
        && rounds < LEAST_ROUNDS
    {
        let rounds = format::count(rounds, "round");
        note!("note: {rounds} cannot decide anything: take at least {LEAST_ROUNDS}");
    }
    if cfg!(debug_assertions) {
        note!("note: this is a debug build, which says nothing about speed: use `cargo stampede`");
    }
}

fn exit_code(sheets: &[Sheet]) -> ExitCode {
    let mut bad = Vec::new();
    for sheet in sheets {
        for (column, row) in sheet.rows().iter().enumerate() {
            if let Some(reason) = &row.reason
                && !sheet.endpoint.columns[column].control
            {
                bad.push(format!("{}: {reason}", sheet.endpoint.id(column)));
            }
        }
    }
    bad.iter().for_each(|line| note!("{BAD}no result{BAD:#} for {line}"));
    if bad.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// The command with the seed that was drawn, fit for a shell.
fn command_line(arguments: &[String], seed: u64) -> String {
    let mut line = String::from("cargo stampede");
    for argument in arguments {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    if !arguments.iter().any(|argument| argument == "--seed" || argument.starts_with("--seed=")) {
        line.push_str(&format!(" --seed {seed}"));
    }
    line
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentages_become_shares() {
        assert_eq!((share("2"), share("0"), share("100")), (Ok(0.02), Ok(0.0), Ok(1.0)));
        assert_eq!((share("1%"), band("0.5 %")), (Ok(0.01), Ok(0.005)));
        for refused in ["-1", "101", "NaN", "two", "", "%"] {
            assert!(share(refused).is_err(), "{refused}");
        }
        for refused in ["0", "100%"] {
            assert!(band(refused).is_err(), "{refused}");
        }
    }

    #[test]
    fn the_command_repeats_the_comparison() {
        let line = |arguments: &[&str]| {
            command_line(&arguments.iter().map(|&a| a.to_owned()).collect::<Vec<_>>(), 7)
        };
        assert_eq!(line(&["compare", "a", "b"]), "cargo stampede compare a b --seed 7");
        assert_eq!(
            line(&["compare", "--workload", "^a$", "--seed=3"]),
            "cargo stampede compare --workload '^a$' --seed=3"
        );
    }
}
