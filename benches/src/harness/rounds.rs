//! The rounds of a latency or memory cell, each from a process of its own, put together.

use std::collections::BTreeMap;

use hdrhistogram::Histogram;
use results::histogram;
use results::noise::Noise;
use results::percentile::SUMMARY;
use results::schema::{Measurement, Outcome, Record};
use results::text::chain;

use crate::matrix::Cell;
use crate::params::Overrides;
use crate::record::record;
use crate::session::Session;

/// The outcomes so far of one cell's rounds.
#[derive(Clone, Debug, Default)]
pub(crate) struct Rounds(Vec<Outcome>);

impl Rounds {
    /// Adds the next round.
    pub(crate) fn push(&mut self, outcome: Outcome) {
        self.0.push(outcome);
    }

    /// One outcome for all: failed when a round failed, else the sum of the rounds that count;
    /// void, or skipped, when none does.
    pub(crate) fn outcome(&self) -> Outcome {
        let mut measured = Vec::new();
        let mut without = None;
        for (number, outcome) in (1..).zip(&self.0) {
            match outcome {
                Outcome::Measured(measurement) => measured.push(measurement),
                Outcome::Failed { reason } => {
                    return Outcome::Failed { reason: format!("round {number}: {reason}") };
                }
                Outcome::Void { .. } | Outcome::Skipped { .. } => without = Some(outcome),
            }
        }
        match sum(&measured, self.0.len()) {
            Ok(Some(measurement)) => Outcome::Measured(measurement),
            Ok(None) => without
                .cloned()
                .unwrap_or_else(|| Outcome::Skipped { reason: "no round was run".to_owned() }),
            Err(reason) => Outcome::Failed { reason },
        }
    }
}

/// The records of cells that were run in rounds, one run after the other: each run is a sample.
pub(crate) fn records(
    session: &Session,
    runs: &[(Cell, Outcome)],
    overrides: &Overrides,
) -> Vec<Record> {
    let mut cells: BTreeMap<String, (&Cell, Rounds)> = BTreeMap::new();
    for (cell, outcome) in runs {
        cells.entry(cell.id()).or_insert_with(|| (cell, Rounds::default())).1.push(outcome.clone());
    }
    let of_cell = |(cell, rounds): &(&Cell, Rounds)| {
        let mut outcome = rounds.outcome();
        if let Outcome::Measured(sum) = &mut outcome {
            let measured = rounds.0.iter().filter_map(Outcome::measured);
            sum.samples_ns = measured.flat_map(|round| round.samples_ns.iter().copied()).collect();
        }
        record(session, cell, overrides, outcome)
    };
    cells.values().map(of_cell).collect()
}

fn sum(rounds: &[&Measurement], all: usize) -> Result<Option<Measurement>, String> {
    let Some(first) = rounds.first() else { return Ok(None) };
    let count = rounds.len() as f64;
    let mut total = Measurement {
        operations_per_iteration: rounds.iter().map(|r| r.operations_per_iteration).sum::<f64>()
            / count,
        bytes_per_operation: rounds
            .iter()
            .flat_map(|r| r.bytes_per_operation.iter().copied())
            .collect(),
        counted_iterations: rounds.iter().map(|r| r.counted_iterations).sum(),
        counters: BTreeMap::new(),
        noise: rounds.iter().filter_map(|round| round.noise).reduce(Noise::worse),
        ..Measurement::default()
    };
    for round in rounds {
        add(&mut total.counters, &round.counters);
        add(&mut total.process, &round.process);
        for (name, values) in &round.counters_per_worker {
            let sums = total.counters_per_worker.entry(name.clone()).or_default();
            sums.resize(sums.len().max(values.len()), 0);
            sums.iter_mut().zip(values).for_each(|(sum, value)| *sum = sum.saturating_add(*value));
        }
        for (name, value) in &round.figures {
            *total.figures.entry(name.clone()).or_default() += value / count;
        }
    }
    for name in first.histograms.keys() {
        let parts: Vec<_> = rounds.iter().filter_map(|round| round.histograms.get(name)).collect();
        let parts = parts
            .into_iter()
            .map(|part| histogram::decode(part).map_err(|error| chain(&error)))
            .collect::<Result<Vec<_>, _>>();
        let of = |e: String| format!("histogram {name}: {e}");
        let parts = parts.map_err(of)?;
        if parts.len() > 1 {
            for percentile in SUMMARY {
                let values = parts.iter().map(|part| part.value_at_quantile(percentile.share));
                let (low, high) =
                    values.fold((u64::MAX, 0), |(low, high), t| (low.min(t), high.max(t)));
                total.figures.insert(histogram::best_round(name, percentile), low as f64);
                total.figures.insert(histogram::worst_round(name, percentile), high as f64);
            }
        }
        total.histograms.insert(name.clone(), merge(parts).map_err(of)?);
    }
    total.figures.insert("rounds".to_owned(), count);
    if rounds.len() < all {
        total.figures.insert("void rounds".to_owned(), (all - rounds.len()) as f64);
    }
    Ok(Some(total))
}

fn add(total: &mut BTreeMap<String, u64>, part: &BTreeMap<String, u64>) {
    for (name, value) in part {
        let sum = total.entry(name.clone()).or_default();
        *sum = sum.saturating_add(*value);
    }
}

/// The stored text of the sum.
fn merge(parts: Vec<Histogram<u64>>) -> Result<String, String> {
    let mut parts = parts.into_iter();
    let mut sum = parts.next().ok_or("no round has it")?;
    // What was read does not grow, and another round may reach further.
    sum.auto(true);
    for part in parts {
        sum.add(&part).map_err(|error| error.to_string())?;
    }
    histogram::encode(&sum).map_err(|error| format!("{error:?}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round(latency_ns: u64, spawned: u64) -> Outcome {
        let mut histogram = Histogram::<u64>::new(3).expect("3 digits are valid");
        histogram.record_n(latency_ns, 100).expect("it resizes");
        Outcome::Measured(Measurement {
            bytes_per_operation: vec![spawned as f64],
            operations_per_iteration: 100.0,
            counted_iterations: 1,
            counters: BTreeMap::from([("spawned".to_owned(), spawned)]),
            counters_per_worker: BTreeMap::from([("spawned".to_owned(), vec![spawned, 1])]),
            process: BTreeMap::from([("wall_ns".to_owned(), 10)]),
            histograms: BTreeMap::from([(
                "latency".to_owned(),
                histogram::encode(&histogram).expect("small"),
            )]),
            figures: BTreeMap::from([("offered per second".to_owned(), spawned as f64)]),
            ..Measurement::default()
        })
    }

    fn outcome(rounds: Vec<Outcome>) -> Outcome {
        Rounds(rounds).outcome()
    }

    fn void() -> Outcome {
        Outcome::Void { reason: "late".to_owned() }
    }

    #[test]
    fn counts_add_up_and_figures_are_averaged() {
        let outcome = outcome(vec![round(1_000, 100), round(3_000, 300)]);
        let total = outcome.measured().expect("both count");
        assert_eq!(total.counted_iterations, 2);
        assert_eq!(total.counters["spawned"], 400);
        assert_eq!(total.counters_per_worker["spawned"], [400, 2]);
        assert_eq!(total.process["wall_ns"], 20);
        assert_eq!(total.figures["offered per second"], 200.0);
        assert_eq!(total.figures["rounds"], 2.0);
        assert_eq!(total.bytes_per_operation, [100.0, 300.0]);
        assert!(total.samples_ns.is_empty());
    }

    #[test]
    fn distributions_are_merged_and_their_spread_is_kept() {
        let outcome = outcome(vec![round(1_000, 1), round(3_000, 1), round(2_000, 1)]);
        let total = outcome.measured().expect("all count");
        let merged = histogram::decode(&total.histograms["latency"]).expect("just encoded");
        assert_eq!(merged.len(), 300);
        for percentile in SUMMARY {
            assert!(total.figures[&histogram::best_round("latency", percentile)] < 1_002.0);
            assert!(total.figures[&histogram::worst_round("latency", percentile)] >= 3_000.0);
        }
    }

    #[test]
    fn one_failure_fails_the_cell_and_void_rounds_only_shrink_it() {
        let wrong = Outcome::Failed { reason: "wrong".to_owned() };
        assert_eq!(
            outcome(vec![round(1, 1), wrong]),
            Outcome::Failed { reason: "round 2: wrong".to_owned() }
        );
        let partly = outcome(vec![void(), round(1, 1)]);
        assert_eq!(partly.measured().expect("one counts").figures["void rounds"], 1.0);
        assert_eq!(outcome(vec![void(), void()]), void());
        let skipped = Outcome::Skipped { reason: "not offered".to_owned() };
        assert_eq!(outcome(vec![skipped.clone(), skipped.clone()]), skipped);
    }
}
