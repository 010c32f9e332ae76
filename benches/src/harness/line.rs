//! What is said about a finished cell, in one line.

use hdrhistogram::Histogram;
use results::format;
use results::histogram;
use results::schema::{Measurement, Outcome};
use workloads::Kind;

use crate::matrix::Cell;
use results::percentile::{FAR_TAIL, MEDIAN, Percentile, TAIL};
use results::stats::{Spread, median, supported};

/// Wide enough for most ids.
const ID_WIDTH: usize = 38;

/// `ping_pong/local/w1   1.23 ms (1.20 ms … 1.27 ms)   812 k round trips/s`
pub(super) fn describe(cell: &Cell, outcome: &Outcome) -> String {
    let words = match outcome {
        Outcome::Measured(measurement) => figures(measurement, cell.workload),
        Outcome::Failed { reason } => format!("FAILED: {reason}"),
        Outcome::Void { reason } => format!("void: {reason}"),
        Outcome::Skipped { reason } => reason.clone(),
    };
    format!("{:ID_WIDTH$} {words}", cell.id())
}

fn figures(measurement: &Measurement, workload: &workloads::Definition) -> String {
    let unit = workload.unit;
    let mut parts = Vec::new();
    if workload.kind == Kind::Memory {
        let median =
            median(&measurement.bytes_per_operation).map_or_else(String::new, format::size);
        return format!("{median} per operation ({unit})");
    }
    if let Some(Spread { q1, median, q3, .. }) = Spread::of(measurement.samples_ns.iter().copied())
    {
        parts.push(format!(
            "{} ({} … {})",
            format::time(median),
            format::time(q1),
            format::time(q3)
        ));
        let per_second = measurement.operations_per_iteration * 1e9 / median;
        parts.push(format!("{} {unit}/s", format::amount(per_second)));
    }
    // What a closed loop would have seen stands on the page, beside its explanation.
    for (name, text) in measurement.histograms.iter().filter(|(name, _)| *name != "uncorrected") {
        if let Ok(histogram) = histogram::decode(text) {
            parts.push(format!("{name} {}", percentiles(&histogram)));
        }
    }
    parts.join("  ")
}

/// The far tail is left out where too few samples support it.
fn percentiles(histogram: &Histogram<u64>) -> String {
    let shown = [MEDIAN, TAIL, FAR_TAIL].into_iter();
    let shown = shown.filter(|p| p.share < FAR_TAIL.share || supported(histogram.len(), p.share));
    let value = |p: Percentile| format::time(histogram.value_at_quantile(p.share) as f64);
    shown.map(|p| format!("{} {}", p.short, value(p))).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::contestants::tests::contestant;
    use workloads::DefaultRuntimes;

    static WORKLOAD: workloads::Definition = workloads::Definition {
        name: "ping_pong",
        summary: "",
        shows: "",
        unit: "round trips",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[],
        small: &[],
    };
    fn line(outcome: &Outcome) -> String {
        let runtime = std::sync::Arc::new(contestant("local", Some(1)));
        describe(&Cell { workload: &WORKLOAD, runtime, workers: 1 }, outcome)
    }

    #[test]
    fn throughput_has_median_quartiles_and_rate() {
        let samples_ns = vec![4e6, 1e6, 3e6, 2e6, 5e6];
        let measurement =
            Measurement { samples_ns, operations_per_iteration: 3_000.0, ..Measurement::default() };
        let line = line(&Outcome::Measured(measurement));
        assert!(line.starts_with("ping_pong/local/w1 "), "{line}");
        assert!(line.ends_with("3.00 ms (2.00 ms … 4.00 ms)  1.00 M round trips/s"), "{line}");
    }

    #[test]
    fn latency_has_percentiles() {
        let mut histogram = Histogram::<u64>::new(3).expect("3 digits are valid");
        histogram.record_n(1_000, 990).expect("it resizes");
        histogram.record_n(50_000, 10).expect("it resizes");
        let said = |histogram: &Histogram<u64>| {
            let text = histogram::encode(histogram).expect("small");
            let histograms = BTreeMap::from([("latency".to_owned(), text)]);
            line(&Outcome::Measured(Measurement { histograms, ..Measurement::default() }))
        };
        let few = said(&histogram);
        assert!(
            few.ends_with("latency p50 1.00 µs p99 1.00 µs"),
            "a p99.9 needs 100,000 samples: {few}"
        );
        histogram.record_n(1_000, 98_010).expect("it resizes");
        histogram.record_n(50_000, 990).expect("it resizes");
        let enough = said(&histogram);
        assert!(enough.ends_with("latency p50 1.00 µs p99 1.00 µs p99.9 50.0 µs"), "{enough}");
    }

    #[test]
    fn memory_has_its_median() {
        let workload = workloads::Definition { kind: Kind::Memory, unit: "tasks", ..WORKLOAD };
        let measurement = Measurement {
            bytes_per_operation: vec![131.0, 129.0, 130.0],
            ..Measurement::default()
        };
        assert_eq!(figures(&measurement, &workload), "130 B per operation (tasks)");
    }

    #[test]
    fn what_is_not_measured_says_why() {
        assert!(
            line(&Outcome::Failed { reason: "wrong sum".to_owned() })
                .ends_with("FAILED: wrong sum")
        );
        assert!(line(&Outcome::Void { reason: "late".to_owned() }).ends_with(" void: late"));
    }
}
