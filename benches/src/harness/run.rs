//! One run of a harness, from the selection of cells to the page.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::process::ExitCode;

use anyhow::{Context, Error, Result};
use results::Store;
use results::format;
use results::noise::{self, Noise};
use results::schema::{Controls, Outcome};
use results::stats::Location;
use workloads::Kind;

use super::baseline::{Baselines, Now};
use super::plan::{How, Step, expected, in_rounds, plan};
use super::quiet::{Retries, Tried};
use super::rounds::Rounds;
use super::{Args, Mode, builds, line};
use crate::cell::{CriterionsPlace, Finished, Launcher};
use crate::commands::place;
use crate::contestants::{Gate as Conformance, Roster, Workspace, wanted};
use crate::interrupt::Interrupt;
use crate::machine;
use crate::matrix::{Cell, of_kind};
use crate::noise::Reading;
use crate::params::Overrides;
use crate::paths::Paths;
use crate::progress::Progress;
use crate::record::record;
use crate::say::{note, say};
use crate::session::Session;

/// Carries out what `args` ask for on the cells of `kind`. `arguments` are what `args` were read
/// from: the records quote them.
///
/// # Errors
/// When nothing could be run or stored. A cell that fails is a stored result, no error.
pub fn run(kind: Kind, args: &Args, arguments: &[OsString]) -> Result<ExitCode> {
    let selection = args.selection()?;
    let short = args.quick || args.mode() == Mode::Test;
    let overrides =
        if short { Overrides::short() } else { Overrides::default() }.parse_more(&args.param)?;
    let workspace = Workspace::find(&args.outside)?;
    let programs = wanted::programs(&workspace, &selection, args.extent(), machine::cores());
    if programs.is_empty() {
        selection.cells(&Roster::default(), machine::cores())?;
        return Ok(ExitCode::SUCCESS);
    }
    // The filter may mean cells of the other harnesses alone.
    if !programs
        .iter()
        .any(|program| selection.may_mean_kind(&program.name, kind, machine::cores()))
    {
        return Ok(ExitCode::SUCCESS);
    }
    if args.mode() == Mode::Unrecorded && kind != Kind::Throughput {
        note!(
            "{}: passed over, criterion profiles and compares throughput workloads only",
            kind_name(kind)
        );
        return Ok(ExitCode::SUCCESS);
    }
    let mut roster = Roster::build(&workspace, &programs)?;
    if matches!(args.mode(), Mode::Measure | Mode::Unrecorded) {
        let meant: BTreeSet<_> = selection
            .cells(&roster, machine::cores())?
            .iter()
            .map(|cell| cell.runtime.name().to_owned())
            .collect();
        let meant: Vec<_> = meant.into_iter().collect();
        Conformance::new(&workspace.stampede_dir()).admit(
            &mut roster,
            &meant,
            args.allow_nonconforming,
        )?;
    }
    let cells = of_kind(&selection.cells(&roster, machine::cores())?, kind);
    if args.mode() == Mode::List {
        cells.iter().for_each(|cell| say!("{}: benchmark", cell.id()));
        return Ok(ExitCode::SUCCESS);
    }
    let paths = Paths::new(args.out.as_deref(), &workspace);
    let baselines = Baselines::new(&args.criterion, &paths)?;
    let peers: BTreeSet<_> = roster
        .contestants()
        .iter()
        .filter_map(|contestant| contestant.descriptor.package.as_deref())
        .collect();
    let session =
        Session::current(args.seed, args.quick, arguments, &peers.into_iter().collect::<Vec<_>>());
    let now = Now { session: &session, overrides: &overrides };
    baselines.check(&cells, (args.mode() == Mode::Measure).then_some(now))?;
    let visible = args.criterion.wants_criterions_lines();
    let criterion = CriterionsPlace { home: paths.criterion_home.clone(), visible };
    let interrupt = Interrupt::watch().context("cannot watch for Ctrl-C")?;
    let launcher = Launcher { deadline: args.longest_silence(), criterion, interrupt };
    let (tally, lost) = (Tally::default(), roster.lost().len());
    let mut run = Run {
        args,
        kind,
        session,
        overrides,
        launcher,
        baselines,
        paths,
        tally,
        lost,
        stored: false,
    };
    let code = run.all(&cells)?;
    // After everything else, since it takes builds of its own. What was measured before stands,
    // whatever comes of it.
    let all_of_it = args.full && args.filters.is_empty() && kind == Kind::Throughput;
    if all_of_it && args.mode() == Mode::Measure && !run.launcher.interrupt.came() {
        let compared = builds::compare(&workspace, &run.launcher, &run.paths, &run.session);
        match compared {
            Ok(()) => show_page(&run.paths),
            Err(error) => note!("builds are not compared: {error:#}"),
        }
    }
    Ok(code)
}

struct Run<'a> {
    args: &'a Args,
    kind: Kind,
    session: Session,
    overrides: Overrides,
    launcher: Launcher,
    baselines: Baselines<'a>,
    paths: Paths,
    tally: Tally,
    /// Programs that could not take part.
    lost: usize,
    /// Whether a result of this run is kept.
    stored: bool,
}

/// What has come of the cells, by id.
#[derive(Debug, Default)]
struct Tally {
    measured: usize,
    failed: BTreeMap<String, String>,
    void: BTreeMap<String, String>,
    skipped: BTreeMap<String, String>,
    controls: Vec<Location>,
    noises: Vec<Noise>,
}

impl Run<'_> {
    fn all(&mut self, cells: &[Cell]) -> Result<ExitCode> {
        let interrupt = self.launcher.interrupt.clone();
        let store = match self.args.mode() {
            Mode::Measure => Some(Store::open(&self.paths.results)?),
            Mode::Test | Mode::Unrecorded | Mode::List => None,
        };
        let steps = plan(cells, self.kind, self.args, self.session.seed);
        let runs = steps.iter().map(|step| step.cells.len()).sum();
        self.announce(cells.len(), runs);
        let mut progress = Progress::new(
            runs,
            steps.first().map_or_else(Default::default, |step| expected(&step.how)),
        );
        let mut rounds: BTreeMap<String, Rounds> = BTreeMap::new();
        // What takes turns is compared within a turn, and criterion has kept its samples already;
        // what a task takes of memory does not depend on the machine's mood.
        let again = store.is_some() && self.kind == Kind::Latency;
        let mut retries = Retries::of(if again { steps.len() } else { 0 });
        'steps: for (number, step) in (1..).zip(&steps) {
            // One failed round fails the cell: its other rounds could not mend that.
            if step.cells.iter().all(|cell| self.tally.failed.contains_key(&cell.id())) {
                step.cells.iter().for_each(|_| progress.skip());
                continue;
            }
            let tell = |why: &str| progress.note(&format!("again, since {why}"));
            let finished = retries.quietest(|| self.measure(step, number, &progress), tell);
            for (cell, finished) in step.cells.iter().zip(finished) {
                if finished.interrupted {
                    interrupt.note();
                    break 'steps;
                }
                let rounds = rounds.entry(cell.id()).or_default();
                self.finish(step, cell, finished, rounds, store.as_ref(), &mut progress)?;
            }
            // What was finished before the signal came is kept.
            if interrupt.came() {
                break;
            }
        }
        let elapsed = format::about(progress.elapsed().as_secs_f64());
        drop(progress);
        self.sum_up(cells.len(), &elapsed, interrupt.came());
        if self.stored {
            show_page(&self.paths);
        } else if store.is_some() {
            note!("no cell was finished, so nothing was stored");
        }
        // A failed cell is a result to look at and must not keep Cargo from running the other
        // harnesses; as a test it is a failure.
        Ok(match (interrupt.came(), self.args.mode()) {
            (true, _) => ExitCode::from(interrupt.exit_code()),
            (false, Mode::Test) if !self.tally.failed.is_empty() || self.lost > 0 => {
                ExitCode::FAILURE
            }
            (false, _) => ExitCode::SUCCESS,
        })
    }

    /// What came of a step's cells, in their order, and what else went on meanwhile.
    fn measure(&self, step: &Step, number: u64, progress: &Progress) -> Tried {
        let before = Reading::now();
        let finished = match &step.how {
            How::Alone(task) => {
                progress.begin(&step.cells[0].to_string());
                let overrides = self.overrides.in_round(step.round);
                vec![self.launcher.run(&step.cells[0], &overrides, task)]
            }
            How::InTurns(timing) => {
                progress.begin(&in_words(&step.cells));
                let seed = self.session.seed.wrapping_add(number);
                self.launcher.run_together(&step.cells, &self.overrides, timing, seed)
            }
        };
        let noise = before.and_then(|before| Ok(Reading::now()?.since(&before, 0)));
        (finished, noise.ok())
    }

    fn announce(&self, cells: usize, steps: usize) {
        let kind = kind_name(self.kind);
        let rounds =
            if steps > cells { format!(" in {} rounds", steps / cells) } else { String::new() };
        say!("{kind}: {}{rounds}, seed {}", format::count(cells, "cell"), self.session.seed);
    }

    /// Stores the cell as it stands after this step, so that a run that is killed keeps it.
    fn finish(
        &mut self,
        step: &Step,
        cell: &Cell,
        finished: Finished,
        rounds: &mut Rounds,
        store: Option<&Store>,
        progress: &mut Progress,
    ) -> Result<()> {
        let in_rounds = in_rounds(self.args.mode(), self.kind);
        let this_round = in_rounds.then(|| line::describe(cell, &finished.outcome));
        let outcome = if in_rounds {
            rounds.push(finished.outcome);
            rounds.outcome()
        } else {
            finished.outcome
        };
        let record = record(&self.session, cell, &self.overrides, outcome);
        if let Some(store) = store {
            store.write(&record).with_context(|| format!("cannot store {}", cell.id()))?;
            self.stored = true;
        }
        if !step.last && !matches!(record.outcome, Outcome::Failed { .. }) {
            progress.pass(&format!(
                "{} (round {})",
                this_round.unwrap_or_default(),
                step.round + 1
            ));
            return Ok(());
        }
        self.tally.add(cell, &record.outcome);
        let mut words = line::describe(cell, &record.outcome);
        if let Outcome::Measured(measurement) = &record.outcome {
            self.baselines.keep(&record)?;
            let now = Now { session: &self.session, overrides: &self.overrides };
            if let Some(change) = self.baselines.change(cell, measurement, now) {
                words.push_str(&format!("  {change}"));
            }
        }
        progress.finish(&words);
        Ok(())
    }

    fn sum_up(&self, cells: usize, elapsed: &str, interrupted: bool) {
        let Tally { measured, failed, void, skipped, controls, noises } = &self.tally;
        let done = if interrupted { "interrupted" } else { "done" };
        let verb = if self.args.mode() == Mode::Measure { "measured" } else { "run" };
        let (kind, cells) = (kind_name(self.kind), format::count(cells, "cell"));
        say!("\n{kind}: {done} after {elapsed}: {measured} of {cells} {verb}");
        if let Some(Controls { words, doubtful }) = Controls::of(controls) {
            let doubt = if doubtful { "; differences of this run are doubtful" } else { "" };
            say!("  A/A: {words}{doubt}");
        }
        if let Some((words, busy)) = noise::sum_up(noises) {
            let advice =
                if busy { "; the machine was busy: rely on ratios rather than times" } else { "" };
            say!("  noise: {words}{advice}");
        }
        for (list, what) in [(skipped, "skipped"), (void, "void"), (failed, "FAILED")] {
            list.iter().for_each(|(id, reason)| say!("  {what} {id}: {reason}"));
        }
    }
}

/// `ping_pong/w2 on local, work-stealing`
fn in_words(cells: &[Cell]) -> String {
    let names: Vec<_> = cells.iter().map(|cell| cell.runtime.name()).collect();
    let place = cells.first().map(|cell| format!("{}/w{}", cell.workload.name, cell.workers));
    format!("{} on {}", place.unwrap_or_default(), names.join(", "))
}

impl Tally {
    fn add(&mut self, cell: &Cell, outcome: &Outcome) {
        match outcome {
            Outcome::Measured(measurement) => {
                self.measured += 1;
                self.controls.extend(measurement.control());
                self.noises.extend(measurement.noise);
            }
            Outcome::Failed { reason } => drop(self.failed.insert(cell.id(), reason.clone())),
            Outcome::Void { reason } => drop(self.void.insert(cell.id(), reason.clone())),
            Outcome::Skipped { reason } => drop(self.skipped.insert(cell.id(), reason.clone())),
        }
    }
}

pub(super) fn kind_name(kind: Kind) -> &'static str {
    match kind {
        Kind::Throughput => "throughput",
        Kind::Latency => "latency",
        Kind::Memory => "memory",
    }
}

/// Renders all stored results. Failing here must not look as if the measurement had failed.
fn show_page(paths: &Paths) {
    let shown = reports::render(&paths.results, &paths.page)
        .map_err(Error::from)
        .and_then(|_| place(&paths.page));
    match shown {
        Ok(page) => say!("page: {}", page.display()),
        Err(error) => {
            note!("the results are stored, but not shown: {error:#}; try `cargo stampede report`")
        }
    }
}
