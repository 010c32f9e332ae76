//! Asks a contestant for what a task needs, and makes one outcome of its answers.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use contestant::client::{Client, ClientError};
use contestant::protocol::{Counted, FailureKind, Sample, Start};
use hdrhistogram::Histogram;
use results::histogram;
use results::schema::{Measurement, Outcome};
use results::text::chain;

use super::sampling::CriterionsPlace;
use super::{Task, sampling};
use crate::interrupt::Interrupt;
use crate::matrix::Cell;
use crate::params::{self, Overrides};

/// Digits of the distributions that are kept.
const DIGITS: u8 = 3;

/// Runs cells, each in a fresh process of its contestant.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// A contestant that is silent for so long is taken for hung and killed.
    pub deadline: Duration,
    /// Where criterion keeps its files, and whether its own lines are shown.
    pub criterion: CriterionsPlace,
    /// What ends a contestant early.
    pub interrupt: Interrupt,
}

/// A cell that has been run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What came of it.
    pub outcome: Outcome,
    /// The last lines that the contestant printed.
    pub printed: Vec<String>,
    /// From start to end of the process.
    pub elapsed: Duration,
    /// Whether a signal from the terminal ended it: nothing is known about the cell then.
    pub interrupted: bool,
}

impl Launcher {
    /// For tasks in which criterion has no part.
    pub fn new(deadline: Duration) -> Self {
        Self { deadline, criterion: CriterionsPlace::default(), interrupt: Interrupt::default() }
    }

    /// Runs `cell` as `task` says and waits for its end. Whatever goes wrong is an outcome.
    pub fn run(&self, cell: &Cell, overrides: &Overrides, task: &Task) -> Finished {
        let began = Instant::now();
        let mut printed = Vec::new();
        let result = self.measure(cell, overrides, task, &mut printed);
        self.interrupt.release();
        // A signal to this process alone ends the contestant by our hand.
        let by_us = result.is_err() && self.interrupt.came();
        let interrupted = by_us || matches!(result, Err(ClientError::Interrupted));
        Finished { outcome: outcome_of(result), printed, elapsed: began.elapsed(), interrupted }
    }

    fn measure(
        &self,
        cell: &Cell,
        overrides: &Overrides,
        task: &Task,
        printed: &mut Vec<String>,
    ) -> Result<Measurement, ClientError> {
        let mut client = Client::launch(&cell.runtime.program, self.deadline)?;
        self.interrupt.attend(client.process());
        client.start(Start {
            runtime: cell.runtime.name().to_owned(),
            workload: cell.workload.name.to_owned(),
            workers: cell.workers,
            params: params::to_map(&overrides.of(cell.workload)),
        })?;
        let client = RefCell::new(client);
        let measured = self.carry_out(&client, cell, task).and_then(|measurement| {
            let stopped = client.borrow_mut().shutdown()?;
            match stopped.broken_law {
                Some(law) => Err(failed(format!("broken counter law: {law}"))),
                None => Ok(measurement),
            }
        });
        *printed = client.borrow().printed();
        measured
    }

    fn carry_out(
        &self,
        client: &RefCell<Client>,
        cell: &Cell,
        task: &Task,
    ) -> Result<Measurement, ClientError> {
        match task {
            Task::Verify => {
                let measurement = counted_run(&mut client.borrow_mut(), 1, "verification")?;
                with_figures(&mut client.borrow_mut(), measurement)
            }
            &Task::Round(time) => {
                let client = &mut client.borrow_mut();
                let first = counted_run(client, 1, COUNTING)?;
                let first_ns = first.samples_ns.iter().sum::<f64>();
                if time.as_nanos() as f64 <= 2.0 * first_ns {
                    return Ok(first);
                }
                counted_run(client, iterations_in(time, first_ns), COUNTING)
            }
            &Task::Fixed { warm_up_iterations, iterations } => {
                let client = &mut client.borrow_mut();
                if warm_up_iterations > 0 {
                    client.run(warm_up_iterations, false, "verification")?;
                }
                counted_run(client, iterations.max(1), COUNTING)
            }
            Task::Unrecorded => {
                sampling::unrecorded(client, cell, &self.criterion)?;
                Ok(Measurement::default())
            }
        }
    }
}

/// What the answers of a contestant come to.
pub fn outcome_of(result: Result<Measurement, ClientError>) -> Outcome {
    let outcome = match result {
        Ok(measurement) => Outcome::Measured(measurement),
        Err(ClientError::Failed { kind: FailureKind::Void, reason }) => Outcome::Void { reason },
        Err(ClientError::Failed { kind: FailureKind::NotOffered, reason }) => {
            Outcome::Skipped { reason }
        }
        Err(error) => Outcome::Failed { reason: chain(&error) },
    };
    outcome.readable()
}

pub(super) const COUNTING: &str = "the counted run";

/// How many iterations of `iteration_ns` nanoseconds fit into `time`, at least one.
pub(super) fn iterations_in(time: Duration, iteration_ns: f64) -> u64 {
    ((time.as_nanos() as f64 / iteration_ns.max(1.0)) as u64).max(1)
}

/// Adds what the workload measures once beside its samples. The counters do not cover it.
pub(super) fn with_figures(
    client: &mut Client,
    mut measurement: Measurement,
) -> Result<Measurement, ClientError> {
    measurement.figures.extend(client.figures()?);
    Ok(measurement)
}

/// One run under the clock, with everything that is counted meanwhile.
pub(super) fn counted_run(
    client: &mut Client,
    iterations: u64,
    during: &str,
) -> Result<Measurement, ClientError> {
    let sample = client.run(iterations, true, during)?;
    let Sample { elapsed_ns, operations, bytes_per_operation, histograms, figures, counted } =
        sample;
    let Counted { counters, process } = counted.ok_or_else(|| {
        failed(format!("in {during} the contestant counted nothing, although it was asked to"))
    })?;
    let mut encoded = BTreeMap::new();
    for (name, counts) in histograms {
        let text = encode(&counts).map_err(|error| failed(format!("histogram {name}: {error}")))?;
        encoded.insert(name, text);
    }
    Ok(Measurement {
        noise: None,
        samples_ns: vec![elapsed_ns as f64 / iterations as f64],
        control_ns: Vec::new(),
        bytes_per_operation: bytes_per_operation.into_iter().collect(),
        operations_per_iteration: operations as f64 / iterations as f64,
        counted_iterations: iterations,
        counters: counters.counters,
        counters_per_worker: counters.per_worker,
        process,
        histograms: encoded,
        figures,
    })
}

fn encode(counts: &[(u64, u64)]) -> Result<String, String> {
    let mut histogram = Histogram::<u64>::new(DIGITS).map_err(|error| error.to_string())?;
    for &(value, count) in counts {
        histogram.record_n(value, count).map_err(|error| error.to_string())?;
    }
    histogram::encode(&histogram).map_err(|error| format!("{error:?}"))
}

pub(super) fn failed(reason: String) -> ClientError {
    ClientError::Failed { kind: FailureKind::Failed, reason }
}
