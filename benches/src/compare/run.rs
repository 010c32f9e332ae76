//! The loop over rounds: calibrate once, then every column of every endpoint once per round, until
//! the verdicts stand.
//!
//! In a round of a throughput workload all columns are up at the same time and take turns in short
//! slices, in an order that is drawn anew each time: what the machine does meanwhile falls on all
//! of them. A column's figure is the first quartile of its slices. Of ten pairs of the same program
//! (16 rounds of 30 slices of 3 ms) it had the least spread: with one worker 0.3 to 0.8 % in the
//! median where the least slice had 1 to 5 %; the median is as good with one worker, and fails with
//! two where slices have two modes. What differs between processes differs between rounds, each of
//! which starts fresh ones.

use std::time::{Duration, Instant};

use contestant::client::ClientError;
use hdrhistogram::Histogram;
use results::format;
use results::histogram;
use results::output::{Output, OutputError};
use results::schema::{Measurement, Outcome};
use results::text::chain;
use workloads::Kind;

use super::file::{self, entries, measure};
use super::plan::Plan;
use super::sheet::{Block, Figures, Run, Sheet};
use super::table;
use super::verdict::{Design, Verdict};
use crate::cell::{Launcher, Live, ONCE, Task, outcome_of};
use crate::interrupt::Interrupt;
use crate::matrix::{Cell, shuffle};
use crate::noise::{Gate, NoiseError, Reading};
use crate::params::Overrides;
use crate::progress::Progress;
use results::percentile::TAIL;
use results::stats::{LEAST_ROUNDS, Spread, geometric_mean};

/// Where latency workloads keep what is compared: from the intended start of a request, or of a
/// timer.
const LATENCIES: [&str; 2] = ["latency", "lateness"];

/// The time of a process besides what is measured in it, for the estimate of the time left.
const PROCESS: Duration = Duration::from_millis(60);

/// The time of a run in slices, about. What differs between processes weighs more than what differs
/// between slices, so many short rounds tell more than few long ones: of nine workloads, one worker,
/// 0.03 s instead of 0.1 s a round takes 0.41 of the time, and widens the interval after as many
/// rounds by a factor of 1.3 (the geometric mean; 0.6 to 2.1). Shorter still, 0.015 s, gains nothing
/// more: starting the processes takes the time.
const SLICED: Duration = Duration::from_millis(40);

/// The time of a run in one piece, about: a tail takes many operations.
const WHOLE: Duration = Duration::from_millis(100);

/// How long a slice is, about: long against what asking for it takes (some 50 µs), and short
/// against the machine's weather.
const SLICE: Duration = Duration::from_millis(3);

/// The most and the fewest slices of a run.
const SLICES: std::ops::RangeInclusive<usize> = 5..=200;

/// How many rounds there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rounds {
    /// So many.
    Fixed(usize),
    /// Until every verdict stands.
    Adaptive {
        /// But no more than these,
        most: usize,
        /// and none begins after this time.
        budget: Option<Duration>,
    },
}

/// How everything is measured; declared before the first round.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rounds, each in fresh processes.
    pub rounds: Rounds,
    /// Differences of less than this share are none.
    pub band: f64,
    /// The seed of the order.
    pub seed: u64,
    /// The time under the clock of a run, if it is not the usual one of its workload's kind; the
    /// iterations are chosen so that they take about as long.
    pub time: Option<Duration>,
    /// Which rounds do not count.
    pub gate: Gate,
    /// The workloads' parameters.
    pub overrides: Overrides,
}

impl Options {
    /// The time under the clock of a run of `kind`, about.
    fn time(&self, kind: Kind) -> Duration {
        self.time.unwrap_or(match kind {
            Kind::Throughput => SLICED,
            Kind::Latency | Kind::Memory => WHOLE,
        })
    }

    /// The rules of judging so many comparisons.
    pub fn design(&self, comparisons: usize) -> Design {
        match self.rounds {
            Rounds::Fixed(rounds) => Design::fixed(rounds, comparisons, self.band),
            Rounds::Adaptive { most, .. } => Design::adaptive(most, comparisons, self.band),
        }
    }
}

/// A comparison under way: the results so far, and where they are kept.
#[derive(Debug)]
pub struct Race<'a> {
    options: &'a Options,
    design: Design,
    launcher: &'a Launcher,
    interrupt: &'a Interrupt,
    file: Option<Output>,
    sheets: Vec<Sheet>,
    /// Every run that counts or failed, where somebody wants to see them again.
    kept: Option<Vec<(Cell, Outcome)>>,
}

impl<'a> Race<'a> {
    /// Nothing has been run yet. `interrupt` ends the race.
    pub fn new(
        plan: &Plan,
        options: &'a Options,
        launcher: &'a Launcher,
        interrupt: &'a Interrupt,
        file: Option<Output>,
    ) -> Self {
        let sheets = plan.endpoints.iter().cloned().map(Sheet::new).collect();
        let design = options.design(plan.comparisons());
        Self { options, design, launcher, interrupt, file, sheets, kept: None }
    }

    /// Keeps what each run of a round comes to, for [`take_outcomes`](Self::take_outcomes).
    pub fn keep_outcomes(&mut self) {
        self.kept = Some(Vec::new());
    }

    /// What the runs of the rounds came to, one by one, if they were kept.
    pub fn take_outcomes(&mut self) -> Vec<(Cell, Outcome)> {
        self.kept.take().unwrap_or_default()
    }

    /// Everything measured so far, in the order of the plan.
    pub fn sheets(&self) -> &[Sheet] {
        &self.sheets
    }

    /// The verdicts on all columns but the first of each sheet, in order.
    pub fn verdicts(&self) -> Vec<Verdict> {
        self.sheets.iter().flat_map(Sheet::verdicts).copied().collect()
    }

    /// The rules by which it is judged.
    pub fn design(&self) -> &Design {
        &self.design
    }

    /// Why the verdicts are doubtful: a control differs from itself.
    pub fn doubt(&self) -> Option<String> {
        table::doubt(&self.sheets)
    }

    /// Writes everything measured so far to the file, if there is one.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn store(&mut self) -> Result<(), OutputError> {
        let doubt = self.doubt();
        let Some(file) = &mut self.file else { return Ok(()) };
        file::write(file, &entries(&self.sheets, doubt.as_deref(), self.options.seed))
    }

    /// Runs rounds until every verdict stands, or as many as there may be, or as there are before
    /// an interruption.
    ///
    /// # Errors
    /// [`NoiseError`]; what had been measured is there nevertheless.
    pub fn run(&mut self) -> Result<(), NoiseError> {
        let columns: usize = self.sheets.iter().map(|sheet| sheet.endpoint.columns.len()).sum();
        let (began, time) = (Instant::now(), self.options.time(Kind::Throughput));
        let rounds = self.design.most();
        let mut progress = Progress::new(columns * (rounds + 1), time + time / 4 + PROCESS);
        for index in 0..self.sheets.len() {
            self.calibrate(index, &mut progress)?;
        }
        for round in 1.. {
            let mut order: Vec<_> = (0..self.sheets.len()).filter(|&i| self.goes_on(i)).collect();
            if order.is_empty() {
                break;
            }
            shuffle(&mut order, self.options.seed, round as u64);
            for index in order {
                if self.stopped() || self.is_out_of_time(began) {
                    self.judge_all();
                    return Ok(());
                }
                self.block(index, round, &mut progress)?;
                if self.design.looks().contains(&self.sheets[index].accepted()) {
                    self.sheets[index].judge(&self.design);
                }
            }
            // Who is decided or rejected for good takes no more steps.
            let left: usize = (0..self.sheets.len())
                .filter(|&index| self.goes_on(index))
                .map(|index| {
                    let sheet = &self.sheets[index];
                    sheet.endpoint.columns.len() * rounds.saturating_sub(sheet.accepted()).max(1)
                })
                .sum();
            progress.expect(left);
            let open = self.sheets.iter().filter(|sheet| sheet.is_open()).count();
            progress.report(&match self.options.rounds {
                Rounds::Fixed(_) => format!("round {round} of {rounds}"),
                Rounds::Adaptive { .. } => {
                    let cases = format::count(self.sheets.len(), "case");
                    format!("round {round} of {rounds} at most, {open} of {cases} undecided")
                }
            });
        }
        self.judge_all();
        Ok(())
    }

    /// The last look, at what there is.
    fn judge_all(&mut self) {
        let design = &self.design;
        self.sheets.iter_mut().for_each(|sheet| sheet.judge(design));
    }

    /// Whether an endpoint has another round. A round that is rejected is made up for, but not for
    /// ever: a machine that is as busy as that does not become quiet soon.
    fn goes_on(&self, index: usize) -> bool {
        let (sheet, most) = (&self.sheets[index], self.design.most());
        let (accepted, rejected) = (sheet.accepted(), sheet.blocks.len() - sheet.accepted());
        let wanted = match self.options.rounds {
            Rounds::Fixed(_) => sheet.failures.iter().any(Option::is_none),
            Rounds::Adaptive { .. } => sheet.is_open(),
        };
        wanted && accepted < most && rejected < most.min(2 * accepted + LEAST_ROUNDS)
    }

    fn is_out_of_time(&self, began: Instant) -> bool {
        let Rounds::Adaptive { budget: Some(budget), .. } = self.options.rounds else {
            return false;
        };
        began.elapsed() > budget
    }

    fn stopped(&self) -> bool {
        self.interrupt.came()
    }

    /// Chooses the iterations of an endpoint, the same for all of its columns: half of them are
    /// faster than the time asked for and half slower, on the geometric mean.
    fn calibrate(&mut self, index: usize, progress: &mut Progress) -> Result<(), NoiseError> {
        let mut iteration_ns = Vec::new();
        let kind = self.sheets[index].endpoint.workload.kind;
        let time = self.options.time(kind);
        for column in 0..self.sheets[index].endpoint.columns.len() {
            if self.stopped() {
                break;
            }
            progress.begin(&format!("{} · calibration", self.sheets[index].endpoint.cell(column)));
            let task = match kind {
                Kind::Throughput | Kind::Latency => Task::Round(time / 4),
                Kind::Memory => ONCE,
            };
            match self.launch(index, column, 0, task) {
                Some(Outcome::Measured(measurement)) => {
                    iteration_ns.extend(measurement.samples_ns.first())
                }
                // Void: too disturbed to be ranked, which says nothing against the column.
                Some(Outcome::Void { .. } | Outcome::Skipped { .. }) | None => {}
                Some(Outcome::Failed { reason }) => self.sheets[index].fail(column, reason),
            }
            progress.advance();
        }
        let typical_ns = geometric_mean(iteration_ns).unwrap_or(f64::INFINITY).max(1.0);
        let in_time = |time: Duration| ((time.as_nanos() as f64 / typical_ns) as u64).max(1);
        let sheet = &mut self.sheets[index];
        match kind {
            Kind::Throughput => {
                sheet.iterations = in_time(SLICE.min(time));
                let slice_ns = sheet.iterations as f64 * typical_ns;
                let slices = (time.as_nanos() as f64 / slice_ns) as usize;
                sheet.slices = slices.clamp(*SLICES.start(), *SLICES.end());
            }
            Kind::Latency => sheet.iterations = in_time(time),
            Kind::Memory => sheet.iterations = 1,
        }
        sheet.evaluate();
        Ok(())
    }

    /// One round of an endpoint: its columns take turns, or run one right after the other, so that
    /// what the machine does meanwhile falls on all of them.
    fn block(
        &mut self,
        index: usize,
        round: usize,
        progress: &mut Progress,
    ) -> Result<(), NoiseError> {
        let count = self.sheets[index].endpoint.columns.len();
        let mut order: Vec<_> = (0..count).collect();
        shuffle(&mut order, self.options.seed, (round as u64) << 20 | (index as u64 + 1));
        let mut runs = vec![Run::Missing; count];
        let mut delay_ns = 0;
        let before = Reading::now()?;
        if self.sheets[index].endpoint.workload.kind == Kind::Throughput {
            progress.begin(&format!("{} · round {round}", self.sheets[index].endpoint.title()));
            delay_ns = self.take_turns(index, round, &order, &mut runs);
            order.iter().for_each(|_| progress.advance());
        } else {
            for column in order {
                if self.stopped() {
                    break;
                }
                if self.sheets[index].failures[column].is_none() {
                    let cell = self.sheets[index].endpoint.cell(column);
                    progress.begin(&format!("{cell} · round {round}"));
                    runs[column] = self.column(index, column, round);
                }
                progress.advance();
            }
        }
        let noise = Reading::now()?.since(&before, delay_ns);
        if runs.iter().any(|run| *run != Run::Missing) {
            let rejection = self.options.gate.rejects(&noise);
            self.sheets[index].push(Block { round, runs, noise, rejection });
            // Every round that is finished is kept. If it cannot be, the last attempt tells. A
            // stream takes the results once, when they are complete.
            if self.file.as_ref().is_some_and(Output::can_be_replaced) {
                let _ = self.store();
            }
        } else {
            self.sheets[index].evaluate();
        }
        Ok(())
    }

    /// All columns of an endpoint at once, in slices. Returns how long their threads have waited
    /// for a processor.
    fn take_turns(&mut self, index: usize, round: usize, order: &[usize], runs: &mut [Run]) -> u64 {
        let sheet = &self.sheets[index];
        let (iterations, slices) = (sheet.iterations, sheet.slices);
        let mut live: Vec<Option<Live>> = Vec::new();
        live.resize_with(order.len(), || None);
        let mut ended = Vec::new();
        for &column in order {
            if self.stopped() || self.sheets[index].failures[column].is_some() {
                continue;
            }
            let cell = self.sheets[index].endpoint.cell(column);
            match self.launcher.open(&cell, &self.options.overrides, iterations) {
                Ok(contestant) => live[column] = Some(contestant),
                Err(error) => ended.push((column, Err(error))),
            }
        }
        let mut order = order.to_vec();
        for slice in 0..slices {
            if self.stopped() {
                break;
            }
            let salt = (round as u64) << 40 | (index as u64 + 1) << 20 | (slice as u64 + 1);
            shuffle(&mut order, self.options.seed, salt);
            for &column in &order {
                if let Some(contestant) = &mut live[column]
                    && let Err(error) = contestant.take_turn()
                {
                    live[column] = None;
                    ended.push((column, Err(error)));
                }
            }
        }
        let delay_ns = live.iter().flatten().map(Live::run_delay_ns).sum();
        for (column, contestant) in live.into_iter().enumerate() {
            if let Some(contestant) = contestant {
                let closed = if self.stopped() { continue } else { contestant.close() };
                ended.push((column, closed));
            }
        }
        self.interrupt.release();
        for (column, result) in ended {
            let interrupted = matches!(result, Err(ClientError::Interrupted));
            if interrupted {
                self.interrupt.note();
            }
            if interrupted || (result.is_err() && self.stopped()) {
                continue;
            }
            runs[column] = self.keep(index, column, round, outcome_of(result));
        }
        delay_ns
    }

    fn column(&mut self, index: usize, column: usize, round: usize) -> Run {
        let sheet = &self.sheets[index];
        // Latency workloads warm up by themselves, and an iteration of theirs may take seconds.
        let task = match sheet.endpoint.workload.kind {
            Kind::Throughput | Kind::Latency => {
                Task::Fixed { warm_up_iterations: 0, iterations: sheet.iterations }
            }
            Kind::Memory => ONCE,
        };
        match self.launch(index, column, round, task) {
            None => Run::Missing,
            Some(outcome) => self.keep(index, column, round, outcome),
        }
    }

    /// What a run's outcome is to its column.
    fn keep(&mut self, index: usize, column: usize, round: usize, outcome: Outcome) -> Run {
        let endpoint = &self.sheets[index].endpoint;
        let (cell, kind) = (endpoint.cell(column), endpoint.workload.kind);
        if let Some(kept) = &mut self.kept
            && !endpoint.columns[column].control
        {
            kept.push((cell, outcome.clone()));
        }
        let failure = match outcome {
            Outcome::Void { reason } => return Run::Void(format!("void: {reason}")),
            Outcome::Skipped { reason } => return Run::Void(reason),
            Outcome::Failed { reason } => reason,
            Outcome::Measured(measurement) => match figures(kind, &measurement) {
                Ok(figures) => return Run::Measured(figures),
                Err(reason) => reason,
            },
        };
        self.sheets[index].fail(column, format!("round {round}: {failure}"));
        Run::Missing
    }

    /// `None` when a signal from the terminal ended the contestant: nothing is known about the cell
    /// then.
    fn launch(&self, index: usize, column: usize, round: usize, task: Task) -> Option<Outcome> {
        let cell = self.sheets[index].endpoint.cell(column);
        let finished = self.launcher.run(&cell, &self.options.overrides.in_round(round), &task);
        if finished.interrupted {
            self.interrupt.note();
        }
        (!finished.interrupted).then_some(finished.outcome)
    }
}

fn figures(kind: Kind, measurement: &Measurement) -> Result<Figures, String> {
    let figure = match kind {
        Kind::Throughput => {
            // The first quartile: see the module.
            let spread = Spread::of(measurement.samples_ns.iter().copied());
            spread.ok_or("the run has no time")?.q1 / measurement.operations_per_iteration
        }
        Kind::Latency => tail_ns(measurement)?,
        Kind::Memory => {
            *measurement.bytes_per_operation.first().ok_or("the run has not measured its memory")?
        }
    };
    if !(figure.is_finite() && figure > 0.0) {
        return Err(format!(
            "the run came to {figure} {}, which cannot be compared",
            measure(kind)
        ));
    }
    let involuntary_switches =
        measurement.process.get("involuntary_switches").copied().unwrap_or(0);
    Ok(Figures { figure, involuntary_switches })
}

fn tail_ns(measurement: &Measurement) -> Result<f64, String> {
    let text = LATENCIES.iter().find_map(|&name| measurement.histograms.get(name));
    let text = text.ok_or("the run has no distribution of latencies")?;
    let histogram: Histogram<u64> = histogram::decode(text).map_err(|error| chain(&error))?;
    Ok(histogram.value_at_quantile(TAIL.share) as f64)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    fn measured() -> Measurement {
        let mut histogram = Histogram::<u64>::new(3).expect("3 digits are valid");
        histogram.record_n(1_000, 980).expect("it resizes");
        histogram.record_n(50_000, 20).expect("it resizes");
        let text = histogram::encode(&histogram).expect("small");
        Measurement {
            samples_ns: vec![3_000.0],
            operations_per_iteration: 20.0,
            process: BTreeMap::from([("involuntary_switches".to_owned(), 4)]),
            histograms: BTreeMap::from([("lateness".to_owned(), text)]),
            ..Measurement::default()
        }
    }

    #[test]
    fn throughput_is_time_per_operation() {
        assert_eq!(
            figures(Kind::Throughput, &measured()),
            Ok(Figures { figure: 150.0, involuntary_switches: 4 })
        );
    }

    #[test]
    fn latency_is_the_tail() {
        let ns = figures(Kind::Latency, &measured()).expect("it has a distribution").figure;
        assert!((49_900.0..50_100.0).contains(&ns), "{ns}");
        let without = Measurement { histograms: BTreeMap::new(), ..measured() };
        assert!(
            figures(Kind::Latency, &without)
                .expect_err("nothing to compare")
                .contains("no distribution")
        );
    }

    #[test]
    fn memory_is_bytes_per_operation() {
        let with = Measurement { bytes_per_operation: vec![130.0], ..measured() };
        assert_eq!(figures(Kind::Memory, &with).expect("it has a figure").figure, 130.0);
        assert!(
            figures(Kind::Memory, &measured())
                .expect_err("nothing to compare")
                .contains("not measured its memory")
        );
    }

    #[test]
    fn what_has_no_logarithm_is_refused() {
        for iteration_ns in [0.0, f64::NAN, f64::INFINITY] {
            let odd = Measurement { samples_ns: vec![iteration_ns], ..measured() };
            assert!(figures(Kind::Throughput, &odd).is_err(), "{iteration_ns}");
        }
    }
}
