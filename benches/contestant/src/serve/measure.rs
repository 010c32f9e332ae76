//! One run, and what is read around it, as the protocol has it.

use std::collections::BTreeMap;

use runtimes::metrics::{Counter, Snapshot};
use workloads::Failure;

use super::account::Account;
use super::benchmark::Benchmark;
use crate::protocol::{Counted, Counters, FailureKind, Message, Sample};

/// Runs `benchmark` and answers.
pub(super) fn run(benchmark: &dyn Benchmark, iterations: u64, counted: bool) -> Message {
    let outcome = if counted { count(benchmark, iterations) } else { plain(benchmark, iterations) };
    outcome.map_or_else(|failure| failure, Message::Sample)
}

fn plain(benchmark: &dyn Benchmark, iterations: u64) -> Result<Sample, Message> {
    benchmark.run(iterations).map_err(failed).and_then(sample)
}

fn count(benchmark: &dyn Benchmark, iterations: u64) -> Result<Sample, Message> {
    let unreadable = |error| Message::Failed {
        kind: FailureKind::Failed,
        reason: format!("the process's account cannot be read: {error}"),
    };
    let counters = benchmark.counters();
    let account = Account::read().map_err(unreadable)?;
    let measured = benchmark.run(iterations).map_err(failed)?;
    let process = Account::read().map_err(unreadable)?.since(&account);
    let counters = benchmark.counters().since(&counters);
    Ok(Sample {
        counted: Some(Counted { counters: by_worker(&counters), process }),
        ..sample(measured)?
    })
}

/// What a workload measures beside its samples.
pub(super) fn figures(benchmark: &dyn Benchmark) -> Message {
    match benchmark.figures().map_err(failed).and_then(finite) {
        Ok(figures) => Message::Figures { figures },
        Err(failure) => failure,
    }
}

/// The counters by name.
pub(super) fn totals(counters: &Snapshot) -> BTreeMap<String, u64> {
    by_name(|counter| counters.get(counter))
}

/// The counters by name, in sum and for each worker.
pub(super) fn by_worker(counters: &Snapshot) -> Counters {
    let per_worker =
        |counter| Some(counters.per_worker(counter)).filter(|values| !values.is_empty());
    Counters { counters: totals(counters), per_worker: by_name(per_worker) }
}

/// The reply to a request that a workload could not fulfil.
fn failed(failure: Failure) -> Message {
    let (kind, reason) = match failure {
        Failure::Void(reason) => (FailureKind::Void, reason),
        Failure::NotOffered(_) => (FailureKind::NotOffered, failure.to_string()),
        _ => (FailureKind::Failed, failure.to_string()),
    };
    Message::Failed { kind, reason }
}

fn sample(measured: workloads::Sample) -> Result<Sample, Message> {
    let workloads::Sample { elapsed, operations, histograms, bytes_per_operation, figures } =
        measured;
    let buckets = histograms.iter().map(|(name, histogram)| {
        let counts =
            histogram.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()));
        ((*name).to_owned(), counts.collect())
    });
    Ok(Sample {
        elapsed_ns: u64::try_from(elapsed.as_nanos()).unwrap_or(u64::MAX),
        operations,
        bytes_per_operation,
        histograms: buckets.collect(),
        figures: finite(figures)?,
        counted: None,
    })
}

/// JSON has no other numbers.
fn finite(figures: Vec<(&'static str, f64)>) -> Result<BTreeMap<String, f64>, Message> {
    if let Some((name, value)) = figures.iter().find(|(_, value)| !value.is_finite()) {
        let reason = format!("the figure `{name}` is {value}, which no number stands for");
        return Err(Message::Failed { kind: FailureKind::Failed, reason });
    }
    Ok(figures.into_iter().map(|(name, value)| (name.to_owned(), value)).collect())
}

fn by_name<T>(value: impl Fn(Counter) -> Option<T>) -> BTreeMap<String, T> {
    Counter::ALL
        .iter()
        .filter_map(|&counter| Some((counter.name().to_owned(), value(counter)?)))
        .collect()
}
