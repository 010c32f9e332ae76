//! The loop over rounds: calibrate once, then every column of every endpoint once per round.

use std::time::Duration;

use hdrhistogram::Histogram;
use results::histogram;
use results::output::{Output, OutputError};
use results::schema::{Measurement, Outcome};
use results::text::chain;
use workloads::Kind;

use super::file::{self, entries, measure};
use super::noise::{Gate, NoiseError, Reading};
use super::plan::Plan;
use super::sheet::{Block, Figures, Run, Sheet};
use super::verdict::{Comparison, Verdict, judge};
use crate::cell::{Launcher, ONCE, Task};
use crate::interrupt::Interrupt;
use crate::matrix::{Cell, shuffle};
use crate::params::Overrides;
use crate::progress::Progress;
use results::percentile::TAIL;
use results::stats::geometric_mean;

/// Where latency workloads keep what is compared: from the intended start of a request, or of a
/// timer.
const LATENCIES: [&str; 2] = ["latency", "lateness"];

/// The time of a process besides what is measured in it, for the estimate of the time left.
const PROCESS: Duration = Duration::from_millis(60);

/// How everything is measured; declared before the first round.
#[derive(Clone, Debug)]
pub struct Options {
    /// Rounds, each in fresh processes.
    pub rounds: usize,
    /// The seed of the order and of the bootstrap.
    pub seed: u64,
    /// The time under the clock of a run; the iterations are chosen so that they take about as
    /// long.
    pub time: Duration,
    /// Which rounds do not count.
    pub gate: Gate,
    /// The workloads' parameters.
    pub overrides: Overrides,
}

/// A comparison under way: the results so far, and where they are kept.
#[derive(Debug)]
pub struct Race<'a> {
    options: &'a Options,
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
        Self { options, launcher, interrupt, file, sheets, kept: None }
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
        let rows = self.sheets.iter().flat_map(|sheet| &sheet.rows()[1..]);
        let comparisons: Vec<Option<Comparison>> = rows.map(|row| row.comparison).collect();
        judge(&comparisons)
    }

    /// Writes everything measured so far to the file, if there is one.
    ///
    /// # Errors
    /// [`OutputError`].
    pub fn store(&mut self) -> Result<(), OutputError> {
        let verdicts = self.verdicts();
        let Some(file) = &mut self.file else { return Ok(()) };
        file::write(file, &entries(&self.sheets, &verdicts, self.options.seed))
    }

    /// Runs all rounds, or as many as there are before an interruption.
    ///
    /// # Errors
    /// [`NoiseError`]; what had been measured is there nevertheless.
    pub fn run(&mut self) -> Result<(), NoiseError> {
        let columns: usize = self.sheets.iter().map(|sheet| sheet.endpoint.columns.len()).sum();
        let time = self.options.time;
        let mut progress =
            Progress::new(columns * (self.options.rounds + 1), time + time / 4 + PROCESS);
        for index in 0..self.sheets.len() {
            self.calibrate(index, &mut progress)?;
        }
        for round in 1..=self.options.rounds {
            let mut order: Vec<_> = (0..self.sheets.len()).collect();
            shuffle(&mut order, self.options.seed, round as u64);
            for index in order {
                if self.stopped() {
                    return Ok(());
                }
                self.block(index, round, &mut progress)?;
            }
            progress.report(&format!("round {round} of {}", self.options.rounds));
        }
        Ok(())
    }

    fn stopped(&self) -> bool {
        self.interrupt.came()
    }

    /// Chooses the iterations of an endpoint, the same for all of its columns: half of them are
    /// faster than the time asked for and half slower, on the geometric mean.
    fn calibrate(&mut self, index: usize, progress: &mut Progress) -> Result<(), NoiseError> {
        let mut iteration_ns = Vec::new();
        let kind = self.sheets[index].endpoint.workload.kind;
        for column in 0..self.sheets[index].endpoint.columns.len() {
            if self.stopped() {
                break;
            }
            progress.begin(&format!("{} · calibration", self.sheets[index].endpoint.cell(column)));
            let task = match kind {
                Kind::Throughput | Kind::Latency => Task::Round(self.options.time / 4),
                Kind::Memory => ONCE,
            };
            match self.launch(index, column, task) {
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
        let sheet = &mut self.sheets[index];
        sheet.iterations = match kind {
            Kind::Throughput | Kind::Latency => {
                ((self.options.time.as_nanos() as f64 / typical_ns) as u64).max(1)
            }
            Kind::Memory => 1,
        };
        sheet.evaluate(self.options.seed);
        Ok(())
    }

    /// One round of an endpoint: its columns run one right after the other, so that what the
    /// machine does meanwhile falls on all of them.
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
        let before = Reading::now()?;
        for column in order {
            if self.stopped() {
                break;
            }
            if self.sheets[index].failures[column].is_none() {
                let cell = self.sheets[index].endpoint.cell(column);
                progress.begin(&format!("{cell} · round {round} of {}", self.options.rounds));
                runs[column] = self.column(index, column, round)?;
            }
            progress.advance();
        }
        let noise = Reading::now()?.since(&before);
        if runs.iter().any(|run| *run != Run::Missing) {
            let rejection = self.options.gate.rejects(&noise);
            self.sheets[index].push(Block { round, runs, noise, rejection }, self.options.seed);
            // Every round that is finished is kept. If it cannot be, the last attempt tells. A
            // stream takes the results once, when they are complete.
            if self.file.as_ref().is_some_and(Output::can_be_replaced) {
                let _ = self.store();
            }
        } else {
            self.sheets[index].evaluate(self.options.seed);
        }
        Ok(())
    }

    fn column(&mut self, index: usize, column: usize, round: usize) -> Result<Run, NoiseError> {
        let sheet = &self.sheets[index];
        let kind = sheet.endpoint.workload.kind;
        // Latency workloads warm up by themselves, and an iteration of theirs may take seconds.
        let task = match kind {
            Kind::Throughput => Task::Fixed {
                warm_up_iterations: (sheet.iterations / 4).max(1),
                iterations: sheet.iterations,
            },
            Kind::Latency => Task::Fixed { warm_up_iterations: 0, iterations: sheet.iterations },
            Kind::Memory => ONCE,
        };
        let cell = sheet.endpoint.cell(column);
        let outcome = self.launch(index, column, task);
        if let (Some(kept), Some(outcome)) = (&mut self.kept, &outcome) {
            kept.push((cell, outcome.clone()));
        }
        let failure = match outcome {
            None => return Ok(Run::Missing),
            Some(Outcome::Void { reason }) => return Ok(Run::Void(format!("void: {reason}"))),
            Some(Outcome::Skipped { reason }) => return Ok(Run::Void(reason)),
            Some(Outcome::Failed { reason }) => reason,
            Some(Outcome::Measured(measurement)) => match figures(kind, &measurement) {
                Ok(figures) => return Ok(Run::Measured(figures)),
                Err(reason) => reason,
            },
        };
        self.sheets[index].fail(column, format!("round {round}: {failure}"));
        Ok(Run::Missing)
    }

    /// `None` when a signal from the terminal ended the contestant: nothing is known about the cell
    /// then.
    fn launch(&self, index: usize, column: usize, task: Task) -> Option<Outcome> {
        let cell = self.sheets[index].endpoint.cell(column);
        let finished = self.launcher.run(&cell, &self.options.overrides, &task);
        if finished.interrupted {
            self.interrupt.note();
        }
        (!finished.interrupted).then_some(finished.outcome)
    }
}

fn figures(kind: Kind, measurement: &Measurement) -> Result<Figures, String> {
    let figure = match kind {
        Kind::Throughput => {
            let iteration_ns = measurement.samples_ns.first().ok_or("the run has no time")?;
            iteration_ns / measurement.operations_per_iteration
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
