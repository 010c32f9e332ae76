//! The runtimes of one workload, sampled by criterion side by side.
//!
//! Criterion measures one benchmark after the other, and what the machine does in the meantime
//! falls on one of them. Here each runtime has a criterion of its own, on a thread of its own, and
//! these take turns: a sample of the one, a sample of the other, in an order that is drawn anew for
//! each sample. The first of them is there twice: the other one is a control, which does in its
//! turns what the first does, and of which criterion knows nothing. Criterion takes the time for
//! which a thread waits into account when it plans its samples: all runtimes get the same number of
//! iterations.

use std::cell::RefCell;
use std::panic::resume_unwind;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
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
use super::turns::{Seat, Turns};
use crate::matrix::Cell;
use crate::params::{self, Overrides};

/// The processes of a cell, which have its turns alternately: how the memory of a process came to
/// lie is in all of its samples, and one that was unlucky would be taken for a slow runtime.
const PROCESSES: usize = 2;

/// A contestant whose processes have run once.
struct Started {
    clients: Clients,
    first: Sample,
}

type Clients = [RefCell<Client>; PROCESSES];

impl Launcher {
    /// Runs `cells`, which are of one workload, each in processes of its own. Whatever goes wrong
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
        // Nobody takes turns with who is alone, so it has nobody to be like either.
        let mut control = match &started[..] {
            [Ok(_), _, ..] => self.begin(&cells[0], overrides).ok(),
            _ => None,
        };
        let ready: Vec<&Started> = started.iter().flatten().chain(&control).collect();
        let (count, seats) = (started.iter().flatten().count(), ready.len());
        let first_ns = ready.iter().map(|started| started.first.elapsed_ns).sum();
        let timing = &sampling::for_all(timing, seats, Duration::from_nanos(first_ns));
        let turns = Turns::new(seats, seed);
        let paces: Vec<AtomicU64> = cells.iter().map(|_| AtomicU64::new(1)).collect();
        let over = AtomicBool::new(false);
        let detour = Detour::begin(self.criterion.visible);
        let (sampled, control_ns) = thread::scope(|scope| {
            let control = control.as_mut().map(|control| {
                let (seat, pace, over) = (turns.seat(count), &paces[0], &over);
                let clients = &mut control.clients;
                scope.spawn(move || follow(clients, &seat, pace, over, timing.samples))
            });
            let mut seats = (0..count).map(|index| turns.seat(index));
            let threads: Vec<_> = started
                .iter_mut()
                .zip(cells)
                .zip(&paces)
                .enumerate()
                .map(|(index, ((started, cell), pace))| {
                    let (started, seat) = (started.as_mut().ok()?, seats.next()?);
                    let Started { clients, first } = started;
                    let (clients, operations) = (&mut *clients, first.operations);
                    let (place, over) = (&self.criterion, &over);
                    Some(scope.spawn(move || {
                        let sampled =
                            sampling::sample(clients, cell, timing, operations, place, &seat, pace);
                        // Before its seat is left: the control begins no round after that.
                        over.fetch_or(index == 0, Release);
                        sampled
                    }))
                })
                .collect();
            let join = |thread: thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| resume_unwind(panic))
            };
            let sampled: Vec<_> = threads.into_iter().map(|thread| thread.map(join)).collect();
            let control_ns = control.and_then(|thread| thread.join().ok()).unwrap_or_default();
            (sampled, control_ns)
        });
        drop(control);
        drop(detour);
        let share = began.elapsed() / cells.len().max(1) as u32;
        let mut control_ns = Some(control_ns);
        let finished = started.into_iter().zip(sampled).map(|(started, sampled)| {
            // The first one's.
            let control_ns = control_ns.take().unwrap_or_default();
            let mut printed = Vec::new();
            let result = started.and_then(|Started { clients, .. }| {
                let [client, others @ ..] = &mut clients.map(RefCell::into_inner);
                let result = sampled
                    .unwrap_or_else(|| Ok(Vec::new()))
                    .and_then(|samples_ns| end(client, samples_ns, timing.counted))
                    .and_then(|measured| others.iter_mut().try_for_each(stop).map(|()| measured))
                    .map(|measurement| Measurement { control_ns, ..measurement });
                printed = client.printed();
                result
            });
            self.finish(result, printed, share)
        });
        let finished = finished.collect();
        self.interrupt.release();
        finished
    }

    /// Starts the processes of a cell and runs each once, to verify it.
    fn begin(&self, cell: &Cell, overrides: &Overrides) -> Result<Started, ClientError> {
        let (one, first) = self.begin_one(cell, overrides)?;
        let (other, _) = self.begin_one(cell, overrides)?;
        Ok(Started { clients: [one, other], first })
    }

    fn begin_one(
        &self,
        cell: &Cell,
        overrides: &Overrides,
    ) -> Result<(RefCell<Client>, Sample), ClientError> {
        let mut client = Client::launch(&cell.runtime.program, self.deadline)?;
        self.interrupt.attend(client.process());
        client.start(Start {
            runtime: cell.runtime.name().to_owned(),
            workload: cell.workload.name.to_owned(),
            workers: cell.workers,
            params: params::to_map(&overrides.of(cell.workload)),
        })?;
        let first = client.run(1, false, "verification")?;
        Ok((RefCell::new(client), first))
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

/// Does in its turns what the first one does, at its `pace`, until that one's samples are `over`.
/// Returns nanoseconds per iteration of the last turns, as many as there are samples; none when
/// something went wrong, which is nobody's result.
fn follow(
    clients: &mut Clients,
    seat: &Seat<'_>,
    pace: &AtomicU64,
    over: &AtomicBool,
    samples: usize,
) -> Vec<f64> {
    let mut alternate = (0..PROCESSES).cycle();
    let mut turns: Vec<(u64, f64)> = Vec::new();
    loop {
        let turn = seat.take_turn(|| {
            // Acquire: pairs with the Release of who sets it.
            if over.load(Acquire) {
                return None;
            }
            // Relaxed: turns come one after the other, under a lock.
            let iterations = pace.load(Relaxed);
            let client = clients[alternate.next()?].get_mut();
            Some(client.run(iterations, false, "sampling").map(|sample| (iterations, sample)))
        });
        match turn {
            None => break,
            Some(Ok((iterations, sample))) => {
                turns.push((iterations, sample.elapsed_ns as f64 / iterations as f64));
            }
            Some(Err(_)) => return Vec::new(),
        }
    }
    // A sample has more iterations than most calls of the warm-up, and all samples as many.
    let iterations = pace.load(Relaxed);
    let like = turns.iter().filter(|turn| turn.0 == iterations).map(|turn| turn.1);
    let like: Vec<f64> = like.collect();
    like[like.len().saturating_sub(samples)..].to_vec()
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
    stop(client).map(|()| measurement)
}

fn stop(client: &mut Client) -> Result<(), ClientError> {
    match client.shutdown()?.broken_law {
        Some(law) => Err(failed(format!("broken counter law: {law}"))),
        None => Ok(()),
    }
}
