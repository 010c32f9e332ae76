//! The runtimes of one workload, sampled by criterion side by side.
//!
//! Criterion measures one benchmark after the other, and what the machine does in the meantime falls
//! on one of them. Here each runtime has a criterion of its own, on a thread of its own, and these
//! take turns: a sample of the one, a sample of the other, in an order that is drawn anew for each
//! sample. Criterion takes the time for which a thread waits into account when it plans its samples:
//! all runtimes get the same number of iterations.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::thread;
use std::time::{Duration, Instant};

use contestant::client::{Client, ClientError};
use contestant::protocol::{Sample, Start};
use results::schema::Measurement;

use super::Timing;
use super::execute::{
    COUNTING, Finished, Launcher, counted_run, failed, iterations_in, outcome_of, with_figures,
};
use super::sampling::{self, Detour};
use super::turns::Turns;
use crate::matrix::Cell;
use crate::params::{self, Overrides};

/// A contestant that has run once.
struct Started {
    client: RefCell<Client>,
    first: Sample,
}

impl Launcher {
    /// Runs `cells`, which are of one workload, each in a process of its own. Whatever goes wrong
    /// with one is its outcome. All together they have `timing` as often as there are cells.
    pub fn run_together(
        &self,
        cells: &[Cell],
        overrides: &Overrides,
        timing: &Timing,
        seed: u64,
    ) -> Vec<Finished> {
        let began = Instant::now();
        let mut started: Vec<_> = cells.iter().map(|cell| self.begin(cell, overrides)).collect();
        let ready: Vec<&Started> = started.iter().flatten().collect();
        let count = ready.len();
        let first_ns = ready.iter().map(|started| started.first.elapsed_ns).sum();
        let timing = &sampling::for_all(timing, count, Duration::from_nanos(first_ns));
        let turns = Turns::new(count, seed);
        let detour = Detour::begin(self.criterion.visible);
        let sampled: Vec<Option<Result<Vec<f64>, ClientError>>> = thread::scope(|scope| {
            let mut seats = (0..count).map(|index| turns.seat(index));
            let threads: Vec<_> = started
                .iter_mut()
                .zip(cells)
                .map(|(started, cell)| {
                    let (started, seat) = (started.as_mut().ok()?, seats.next()?);
                    let Started { client, first } = started;
                    let (client, operations) = (&mut *client, first.operations);
                    let place = &self.criterion;
                    Some(scope.spawn(move || {
                        sampling::sample(client, cell, timing, operations, place, &seat)
                    }))
                })
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            threads.into_iter().map(|thread| thread.map(join)).collect()
        });
        drop(detour);
        let share = began.elapsed() / cells.len().max(1) as u32;
        let finished = started.into_iter().zip(sampled).map(|(started, sampled)| {
            let mut printed = Vec::new();
            let result = started.and_then(|Started { client, .. }| {
                let client = &mut client.into_inner();
                let result = sampled
                    .unwrap_or_else(|| Ok(Vec::new()))
                    .and_then(|samples_ns| end(client, samples_ns, timing.counted));
                printed = client.printed();
                result
            });
            self.finish(result, printed, share)
        });
        let finished = finished.collect();
        self.interrupt.release();
        finished
    }

    /// Starts a cell and runs it once, to verify it.
    fn begin(&self, cell: &Cell, overrides: &Overrides) -> Result<Started, ClientError> {
        let mut client = Client::launch(&cell.runtime.program, self.deadline)?;
        self.interrupt.attend(client.process());
        client.start(Start {
            runtime: cell.runtime.name().to_owned(),
            workload: cell.workload.name.to_owned(),
            workers: cell.workers,
            params: params::to_map(&overrides.of(cell.workload)),
        })?;
        let first = client.run(1, false, "verification")?;
        Ok(Started { client: RefCell::new(client), first })
    }

    fn finish(
        &self,
        result: Result<Measurement, ClientError>,
        printed: Vec<String>,
        elapsed: Duration,
    ) -> Finished {
        // A signal to this process alone ends the contestants by our hand.
        let by_us = result.is_err() && self.interrupt.came();
        let interrupted = by_us || matches!(result, Err(ClientError::Interrupted));
        Finished { outcome: outcome_of(result), printed, elapsed, interrupted }
    }
}

/// The counted run after the samples, and the end.
fn end(
    client: &mut Client,
    samples_ns: Vec<f64>,
    time: Duration,
) -> Result<Measurement, ClientError> {
    let mean_ns = samples_ns.iter().sum::<f64>() / samples_ns.len().max(1) as f64;
    let counted = counted_run(client, iterations_in(time, mean_ns), COUNTING)?;
    let measurement = with_figures(client, Measurement { samples_ns, ..counted })?;
    match client.shutdown()?.broken_law {
        Some(law) => Err(failed(format!("broken counter law: {law}"))),
        None => Ok(measurement),
    }
}
