//! The flags of `cargo bench -- …`: criterion's, libtest's and our own, the same in every harness.
//!
//! Cargo hands the same command line to each harness, so all of them take all flags, and what one
//! has no use for is accepted and has no effect there.

use std::ffi::OsString;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use super::criterion_args::CriterionArgs;
use crate::cell::Timing;
use crate::commands::print_answer;
use crate::contestants::Outside;
use crate::contestants::names::NamePattern;
use crate::contestants::wanted::Extent;
use crate::matrix::{Filter, FilterError, Selection};
use crate::say::note;
use crate::value::seconds;

const EXAMPLES: &str = "\
Examples:
  cargo bench                                     the core set on every workload, then the page
  cargo bench -- --quick                          the same with wider intervals
  cargo bench -- --full                           everybody
  cargo bench -- ping_pong                        one workload on every runtime
  cargo bench -- '/(work-stealing|tokio-mt)/w2$'  two runtimes with two workers
  cargo bench -- --list                           the ids that filters are matched against
  cargo bench -- --runtime 'stackful*' --param ping_pong.pairs=100
  cargo bench -- --save-baseline before           … change something …
  cargo bench -- --baseline before

Results lie in target/stampede/results, one file per cell, as soon as the cell is done.
`cargo stampede --help` tells what can be done with them.";

/// Measures the matrix runtime × workload × workers. Builds the contestants that it needs.
#[derive(Clone, Debug, Parser)]
#[command(name = "cargo bench --", after_help = EXAMPLES, max_term_width = 100, disable_version_flag = true)]
pub struct Args {
    /// Measure the cells whose id, such as ping_pong/work-stealing/w2, matches this regular
    /// expression, or one of several
    #[arg(value_name = "FILTER")]
    pub filters: Vec<String>,

    /// Take FILTER for a whole id
    #[arg(long)]
    pub exact: bool,

    /// Leave out the cells whose id holds this text; may be repeated
    #[arg(long, value_name = "TEXT")]
    pub skip: Vec<String>,

    /// Measure the runtimes of this name, glob or regular expression
    #[arg(long, value_name = "NAMES")]
    pub runtime: Option<NamePattern>,

    /// Measure everybody, not only the core set
    #[arg(long)]
    pub full: bool,

    /// Time runtimes that do not conform as well, and mark them
    #[arg(long)]
    pub allow_nonconforming: bool,

    /// Worker counts instead of 1,2; may exceed the cores
    #[arg(long, value_delimiter = ',', value_name = "N,…", value_parser = clap::value_parser!(u16).range(1..=1024))]
    pub workers: Vec<u16>,

    /// Set a workload's parameter, for example ping_pong.pairs=100; may be repeated
    #[arg(long, value_name = "WORKLOAD.NAME=VALUE")]
    pub param: Vec<String>,

    /// Seed of the order of cells; without it every run draws and prints one
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,

    /// Short samples, fewer of them, and a single round of the latency workloads
    #[arg(long, conflicts_with = "sample_size")]
    pub quick: bool,

    /// List the cells and measure nothing
    #[arg(long, conflicts_with_all = ["test", "profile_time"])]
    pub list: bool,

    /// Independent rounds of each latency cell [default: 3, with --quick 1]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1..))]
    pub rounds: Option<u16>,

    /// Give a cell up that is silent for so many seconds; large parameters may need more
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    pub deadline: Duration,

    /// Keep results, page and criterion's files in this directory, relative to the workspace,
    /// instead of target
    #[arg(long, value_name = "DIR")]
    pub out: Option<PathBuf>,

    /// From elsewhere.
    #[command(flatten)]
    pub outside: Outside,

    /// Criterion's own.
    #[command(flatten, next_help_heading = "Criterion's options (throughput workloads)")]
    pub criterion: CriterionArgs,

    #[command(flatten)]
    libtest: LibtestArgs,
}

/// What Cargo and tools around libtest pass.
#[derive(Clone, Debug, clap::Args)]
struct LibtestArgs {
    #[arg(long, hide = true)]
    bench: bool,
    #[arg(long, hide = true)]
    test: bool,
    #[arg(long, hide = true)]
    ignored: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, alias = "no-capture", hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(
        long,
        hide = true,
        value_parser = ["pretty", "terse", "json", "junit"],
        default_value = "pretty"
    )]
    format: String,
    /// Cells run one after the other: what else would disturb them most?
    #[arg(long, hide = true, value_parser = clap::value_parser!(u16).range(1..))]
    test_threads: Option<u16>,
    #[arg(long, hide = true)]
    logfile: Option<PathBuf>,
    #[arg(long, hide = true)]
    exclude_should_panic: bool,
    #[arg(long, hide = true)]
    force_run_in_process: bool,
    #[arg(long, hide = true)]
    report_time: bool,
    #[arg(long, hide = true)]
    ensure_time: bool,
    /// Cells are shuffled anyhow, by --seed.
    #[arg(long, hide = true)]
    shuffle: bool,
    #[arg(long, hide = true)]
    shuffle_seed: Option<u64>,
    #[arg(short = 'Z', hide = true, value_name = "OPTION")]
    unstable: Vec<String>,
}

/// What a harness is asked to do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Print the ids.
    List,
    /// Run every cell once and verify it: what `cargo test --benches` wants.
    Test,
    /// Let criterion do something that yields no result of ours: profile, or compare kept results.
    Unrecorded,
    /// Measure and store.
    Measure,
}

impl Args {
    /// The arguments of a harness; where they ask for help, or are refused, the code of a process
    /// that has said so, with the list of flags.
    pub(super) fn from_harness(arguments: &[OsString]) -> Result<Self, ExitCode> {
        let name = OsString::from("cargo bench --");
        Self::try_parse_from(std::iter::once(&name).chain(arguments)).map_err(|error| {
            let code = print_answer(&error);
            if error.kind() == ErrorKind::UnknownArgument {
                note!("\nFlags: {}", known_flags());
            }
            code
        })
    }

    /// What is asked for. As with criterion, `--bench`, which Cargo adds, makes the difference
    /// between measuring and testing.
    pub fn mode(&self) -> Mode {
        if self.list {
            Mode::List
        } else if self.libtest.test || !self.libtest.bench {
            Mode::Test
        } else if self.criterion.yields_no_result() {
            Mode::Unrecorded
        } else {
            Mode::Measure
        }
    }

    /// The cells that are meant.
    ///
    /// # Errors
    /// [`FilterError`] when FILTER is no regular expression.
    pub fn selection(&self) -> Result<Selection, FilterError> {
        let filter = Filter::new(&self.filters, self.exact)?;
        Ok(Selection {
            filter: if self.libtest.ignored { Filter::Nothing } else { filter },
            runtime: self.runtime.clone(),
            workers: self.workers.iter().copied().map(usize::from).collect(),
            skip: self.skip.clone(),
            everywhere: false,
        })
    }

    /// How much of everything is meant.
    pub fn extent(&self) -> Extent {
        if self.full { Extent::Full } else { Extent::CoreSet }
    }

    /// How criterion measures a cell.
    pub fn timing(&self) -> Timing {
        self.criterion.timing(if self.quick { QUICK } else { FULL })
    }

    /// How long a cell may be silent: a sample, or all of a profile, is one call of the workload.
    pub fn longest_silence(&self) -> Duration {
        let Timing { warm_up, measurement, .. } = self.timing();
        self.deadline + 2 * warm_up + measurement + self.criterion.profile_time()
    }

    /// Rounds of each latency cell.
    pub fn rounds(&self) -> u16 {
        self.rounds.unwrap_or(if self.quick { 1 } else { 3 })
    }
}

/// How a cell is measured.
pub(super) const FULL: Timing = Timing {
    samples: 20,
    adapt: true,
    warm_up: Duration::from_millis(150),
    measurement: Duration::from_millis(550),
    counted: Duration::from_millis(100),
    resamples: 10_000,
};

/// The same with `--quick`.
pub(super) const QUICK: Timing = Timing {
    samples: 10,
    adapt: true,
    warm_up: Duration::from_millis(30),
    measurement: Duration::from_millis(120),
    counted: Duration::from_millis(30),
    resamples: 2_000,
};

fn known_flags() -> String {
    let command = Args::command();
    let visible = command.get_arguments().filter(|argument| !argument.is_hide_set());
    let names: Vec<_> =
        visible.filter_map(|argument| Some(format!("--{}", argument.get_long()?))).collect();
    names.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(line: &str) -> Args {
        Args::try_parse_from(arguments(line)).expect("accepted")
    }

    fn arguments(line: &str) -> Vec<OsString> {
        std::iter::once("harness").chain(line.split_whitespace()).map(OsString::from).collect()
    }

    fn refused(line: &str) -> clap::Error {
        Args::try_parse_from(arguments(line)).expect_err("must be refused")
    }

    #[test]
    fn the_definition_is_consistent() {
        Args::command().debug_assert();
    }

    #[test]
    fn cargos_own_flag_decides_between_measuring_and_testing() {
        assert_eq!(parse("--bench").mode(), Mode::Measure);
        assert_eq!(parse("--bench --test").mode(), Mode::Test);
        assert_eq!(parse("").mode(), Mode::Test);
        assert_eq!(parse("--bench --list --format terse").mode(), Mode::List);
        assert_eq!(parse("--bench --profile-time 5").mode(), Mode::Unrecorded);
        assert_eq!(parse("--bench --load-baseline a --baseline b").mode(), Mode::Unrecorded);
    }

    #[test]
    fn criterions_command_line_is_accepted() {
        parse(
            "ping --bench -v -n -s before --sample-size 10 --color always --plotting-backend \
             plotters",
        );
        parse(
            "--bench --baseline before --noise-threshold 0.05 --output-format bencher --nocapture",
        );
        parse(
            "--bench --warm-up-time 0.5 --measurement-time 2 --nresamples 5000 --confidence-level \
             0.9",
        );
        parse(
            "--bench --discard-baseline --significance-level 0.1 --quiet --show-output \
             --include-ignored",
        );
    }

    #[test]
    fn what_users_of_libtest_pass_is_accepted() {
        parse("--test-threads 1 --skip timers --skip=ring -q --format json --color never");
        parse(
            "--test-threads=4 ping ring --exact --nocapture --report-time --shuffle \
             --shuffle-seed 3",
        );
        parse(
            "-Zunstable-options --format=junit --logfile log --ensure-time --exclude-should-panic",
        );
        assert_eq!(parse("--list --format terse -Z unstable-options").mode(), Mode::List);
        assert_eq!(parse("--skip timers").selection().expect("valid").skip, ["timers"]);
        assert!(refused("--test-threads 0").to_string().contains("--test-threads"));
    }

    #[test]
    fn the_defaults_that_help_states_are_those_that_are_used() {
        let help = Args::command().render_long_help().to_string();
        let seconds = |full: Duration, quick: Duration| {
            format!("[default: {}, with --quick {}]", full.as_secs_f64(), quick.as_secs_f64())
        };
        let after = |flag: &str| {
            let rest =
                help.split_once(&format!("{flag} <")).unwrap_or_else(|| panic!("{flag}: {help}")).1;
            let text = rest.split_once("[default: ").expect("it states one").1;
            format!(
                "[default: {}]",
                text.split_once(']')
                    .expect("it ends")
                    .0
                    .split_whitespace()
                    .collect::<Vec<_>>()
                    .join(" ")
            )
        };
        assert_eq!(after("--warm-up-time"), seconds(FULL.warm_up, QUICK.warm_up));
        assert_eq!(after("--measurement-time"), seconds(FULL.measurement, QUICK.measurement));
        assert_eq!(
            after("--sample-size"),
            format!("[default: {}, with --quick {}]", FULL.samples, QUICK.samples)
        );
        assert_eq!(
            after("--nresamples"),
            format!("[default: {}, with --quick {}]", FULL.resamples, QUICK.resamples)
        );
        let rounds = |line| parse(line).rounds();
        assert_eq!(
            after("--rounds"),
            format!("[default: {}, with --quick {}]", rounds(""), rounds("--quick"))
        );
    }

    #[test]
    fn what_is_unknown_or_contradictory_is_refused_with_code_2() {
        for line in [
            "--nonesuch",
            "--sample-size 3",
            "--quick --sample-size 20",
            "--workers 0",
            "--rounds 0",
        ] {
            assert_eq!(refused(line).exit_code(), 2, "{line}");
        }
        assert!(refused("--warm-up-time=-1").to_string().contains("warm-up-time"));
        assert!(refused("--runtime [").to_string().contains("--runtime"));
        assert!(
            known_flags().contains("--measurement-time") && !known_flags().contains("--nocapture")
        );
    }

    #[test]
    fn times_come_from_the_profile_unless_given() {
        assert_eq!(parse("--bench").timing(), FULL);
        let timing = parse("--bench --quick --measurement-time 0.5").timing();
        assert_eq!(timing, Timing { measurement: Duration::from_millis(500), ..QUICK });
        let timing = parse("--bench --sample-size 50").timing();
        assert_eq!((timing.samples, timing.adapt), (50, false));
        assert_eq!(
            (parse("--quick").rounds(), parse("").rounds(), parse("--quick --rounds 4").rounds()),
            (1, 3, 4)
        );
    }

    #[test]
    fn a_long_measurement_is_not_taken_for_a_hang() {
        let silence = |line| parse(line).longest_silence().as_secs();
        assert_eq!(silence("--measurement-time 500 --warm-up-time 10"), 580);
        assert_eq!(
            silence("--profile-time 100 --measurement-time 1 --warm-up-time 1 --deadline 5"),
            108
        );
    }

    #[test]
    fn selections_follow_the_flags() {
        let selection = parse("^ring/ --workers 1,4 --runtime local").selection().expect("valid");
        assert!(matches!(selection.filter, Filter::Patterns(_)));
        assert_eq!(selection.workers, [1, 4]);
        let exact = parse("ring/local/w1 --exact").selection().expect("valid");
        assert!(matches!(exact.filter, Filter::Exact(_)));
        assert!(matches!(parse("--ignored").selection().expect("valid").filter, Filter::Nothing));
        assert!(parse("(").selection().is_err());
    }
}
