//! The child's work: verify, measure, count, check the laws. Whatever goes wrong becomes an outcome.

use std::any::Any;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use results::histogram;
use results::schema::{Measurement, Outcome};
use runtimes::metrics::{Counter, Snapshot};
use workloads::{Failure, Sample};

use super::process::Account;
use super::{Bed, Message, Phase, Request, Task, Timing, sampling};

/// The parent is told at most this often that the child still makes progress.
const BEAT: Duration = Duration::from_secs(1);

/// Why a cell has no figures.
enum Stop {
    /// It is wrong.
    Failed(String),
    /// Its measurement does not count.
    Void(String),
    /// The runtime has not what it is about.
    Skipped(String),
}

impl From<Failure> for Stop {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Void(reason) => Self::Void(reason),
            Failure::NotOffered(_) => Self::Skipped(failure.to_string()),
            _ => Self::Failed(failure.to_string()),
        }
    }
}

/// Runs a cell and tells what came of it, panics included. `say` receives phases and signs of life.
///
/// After a failure the runtime is leaked, not dropped: its shutdown may hang, and the reason would be
/// lost. The caller is a process that ends here.
pub fn execute(bed: Box<dyn Bed>, request: &Request, say: &mut dyn FnMut(Message)) -> Outcome {
    let voice = Voice { say: RefCell::new(say), last_beat: Cell::new(Instant::now()) };
    let measured = catch_unwind(AssertUnwindSafe(|| measure(&*bed, request, &voice)));
    let measurement = match measured {
        Ok(Ok(measurement)) => measurement,
        Ok(Err(stop)) => {
            std::mem::forget(bed);
            return stop.into();
        }
        Err(payload) => {
            std::mem::forget(bed);
            return Stop::Failed(panic_text(&*payload)).into();
        }
    };
    voice.phase(Phase::Shutdown);
    match catch_unwind(AssertUnwindSafe(|| bed.shutdown().check_final())) {
        Ok(Ok(())) => Outcome::Measured(measurement),
        Ok(Err(law)) => Stop::Failed(format!("broken counter law: {law}")).into(),
        Err(payload) => Stop::Failed(format!("shutdown: {}", panic_text(&*payload))).into(),
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Self {
        match stop {
            Stop::Failed(reason) => Self::Failed { reason },
            Stop::Void(reason) => Self::Void { reason },
            Stop::Skipped(reason) => Self::Skipped { reason },
        }
    }
}

fn panic_text(payload: &(dyn Any + Send)) -> String {
    let text = payload.downcast_ref::<&str>().copied().or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    format!("panicked: {}", text.unwrap_or("(no message)"))
}

/// The way to the parent.
struct Voice<'a> {
    say: RefCell<&'a mut dyn FnMut(Message)>,
    last_beat: Cell<Instant>,
}

impl Voice<'_> {
    fn phase(&self, phase: Phase) {
        (*self.say.borrow_mut())(Message::Phase(phase));
    }

    fn beat(&self) {
        if self.last_beat.get().elapsed() >= BEAT {
            self.last_beat.set(Instant::now());
            (*self.say.borrow_mut())(Message::Alive);
        }
    }
}

fn measure(bed: &dyn Bed, request: &Request, voice: &Voice<'_>) -> Result<Measurement, Stop> {
    match &request.task {
        Task::Verify => {
            voice.phase(Phase::Verification);
            Ok(with_figures(bed, counted_run(bed, 1)?)?)
        }
        Task::Sample(timing) => sample(bed, request, timing, voice),
        &Task::Round(time) => {
            voice.phase(Phase::Counting);
            let first = counted_run(bed, 1)?;
            let first_ns = first.samples_ns.iter().sum::<f64>();
            if time.as_nanos() as f64 <= 2.0 * first_ns {
                return Ok(first);
            }
            voice.beat();
            counted_run(bed, iterations_in(time, first_ns))
        }
        &Task::Fixed { warm_up_iterations, iterations } => {
            if warm_up_iterations > 0 {
                voice.phase(Phase::Verification);
                bed.run(warm_up_iterations)?;
            }
            voice.phase(Phase::Counting);
            counted_run(bed, iterations.max(1))
        }
        Task::Unrecorded => {
            voice.phase(Phase::Sampling);
            sampling::unrecorded(bed, request, &|| voice.beat())?;
            Ok(Measurement::default())
        }
    }
}

/// How many iterations of `iteration_ns` nanoseconds fit into `time`, at least one.
fn iterations_in(time: Duration, iteration_ns: f64) -> u64 {
    ((time.as_nanos() as f64 / iteration_ns.max(1.0)) as u64).max(1)
}

fn sample(bed: &dyn Bed, request: &Request, timing: &Timing, voice: &Voice<'_>) -> Result<Measurement, Stop> {
    voice.phase(Phase::Verification);
    let first = bed.run(1)?;
    voice.phase(Phase::Sampling);
    let samples_ns = sampling::sample(bed, request, timing, &first, &|| voice.beat())?;
    voice.phase(Phase::Counting);
    let mean_ns = samples_ns.iter().sum::<f64>() / samples_ns.len().max(1) as f64;
    let counted = counted_run(bed, iterations_in(timing.counted, mean_ns))?;
    voice.beat();
    Ok(with_figures(bed, Measurement { samples_ns, ..counted })?)
}

/// Adds what the workload measures once beside its samples. The counters do not cover it.
fn with_figures(bed: &dyn Bed, mut measurement: Measurement) -> Result<Measurement, Failure> {
    measurement.figures.extend(bed.figures()?.into_iter().map(|(name, value)| (name.to_owned(), value)));
    Ok(measurement)
}

/// One run under the clock, with everything that is counted meanwhile.
fn counted_run(bed: &dyn Bed, iterations: u64) -> Result<Measurement, Stop> {
    let unreadable = |error| Stop::Failed(format!("the process's account: {error}"));
    let counters = bed.counters();
    let account = Account::read().map_err(unreadable)?;
    let sample = bed.run(iterations)?;
    let process = Account::read().map_err(unreadable)?.since(&account);
    let counters = bed.counters().since(&counters);
    let Sample { elapsed, operations, histograms, bytes_per_operation, figures } = sample;
    let mut encoded = BTreeMap::new();
    for (name, histogram) in &histograms {
        let text = histogram::encode(histogram).map_err(|e| Stop::Failed(format!("histogram {name}: {e:?}")))?;
        encoded.insert((*name).to_owned(), text);
    }
    Ok(Measurement {
        samples_ns: vec![elapsed.as_nanos() as f64 / iterations as f64],
        bytes_per_operation: bytes_per_operation.into_iter().collect(),
        operations_per_iteration: operations as f64 / iterations as f64,
        counted_iterations: iterations,
        counters: by_name(|counter| counters.get(counter)),
        counters_per_worker: per_worker(&counters),
        process,
        histograms: encoded,
        figures: figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
    })
}

fn by_name<T>(value: impl Fn(Counter) -> Option<T>) -> BTreeMap<String, T> {
    Counter::ALL.iter().filter_map(|&counter| Some((counter.name().to_owned(), value(counter)?))).collect()
}

fn per_worker(counters: &Snapshot) -> BTreeMap<String, Vec<u64>> {
    by_name(|counter| Some(counters.per_worker(counter)).filter(|values| !values.is_empty()))
}
