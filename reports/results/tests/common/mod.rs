//! Made-up results for tests. Seeded, so that a failure repeats; never shown as measurements.

use std::collections::BTreeMap;

use results::noise::Noise;
use results::schema::{
    Kind, Machine, Measurement, Outcome, Record, Run, RuntimeInfo, VERSION, WorkloadInfo,
};

/// A cell with a full measurement whose numbers are awkward on purpose.
pub(crate) fn record(workload: &str, runtime: &str, workers: usize) -> Record {
    let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits are valid");
    (1..=1_000).for_each(|i| histogram.record(i * i).expect("auto-resizing"));
    let latency = results::histogram::encode(&histogram).expect("small counts encode");
    let measurement = Measurement {
        noise: Some(Noise { steal: 0.01, others: 0.02, waiting: 0.0 }),
        control_ns: vec![1.0 / 7.0, 2.5],
        bytes_per_operation: vec![130.048, 1.0 / 3.0],
        samples_ns: vec![0.1 + 0.2, 1.0 / 3.0 * 1e9, f64::MIN_POSITIVE, 123_456_789.123_456_78],
        operations_per_iteration: 10_000.0,
        counted_iterations: 3,
        counters: BTreeMap::from([("polls".to_owned(), u64::MAX), ("spawned".to_owned(), 0)]),
        counters_per_worker: BTreeMap::from([("polls".to_owned(), vec![u64::MAX - 1, 1])]),
        process: BTreeMap::from([("cpu_ns".to_owned(), 5)]),
        histograms: BTreeMap::from([("latency".to_owned(), latency)]),
        figures: BTreeMap::from([("offered per second".to_owned(), 1e300)]),
    };
    Record {
        version: VERSION,
        run: run(),
        workload: WorkloadInfo {
            name: workload.to_owned(),
            position: 0,
            summary: "Tasks do something.".to_owned(),
            shows: "The cost of something.".to_owned(),
            unit: "tasks".to_owned(),
            kind: Kind::Throughput,
            params: BTreeMap::from([("tasks".to_owned(), 10_000)]),
        },
        runtime: RuntimeInfo {
            name: runtime.to_owned(),
            position: 0,
            summary: "A policy.".to_owned(),
            isolates: "A difference.".to_owned(),
            newcomer: false,
            own: Vec::new(),
            peer: None,
        },
        workers,
        outcome: Outcome::Measured(measurement),
    }
}

/// The facts of a run that never was.
fn run() -> Run {
    Run {
        id: "run-1".to_owned(),
        started_unix_s: 1_760_000_000,
        finished_unix_s: 1_760_000_060,
        command: "cargo bench".to_owned(),
        seed: 42,
        quick: false,
        machine: Machine {
            cpu: "Imaginary CPU".to_owned(),
            cores: 2,
            memory_bytes: 8 << 30,
            kernel: "6.1.0".to_owned(),
            rustc: "rustc 1.95.0".to_owned(),
            revision: Some("0123abc".to_owned()),
            packages: BTreeMap::from([("tokio".to_owned(), "1.54.1".to_owned())]),
        },
    }
}
