//! Made-up cells for the tests of this crate's modules.

use std::collections::BTreeMap;

use results::schema::{
    Kind, Machine, Measurement, Outcome, Record, Run, RuntimeInfo, VERSION, WorkloadInfo,
};

/// A throughput cell of the workload `work`, measured by one run. Peers are the runtimes whose name
/// starts with `peer`. Each operation takes about `ns`, the middle half within 1 % of it.
pub(crate) fn cell(runtime: &str, workers: usize, ns: f64) -> Record {
    spread_cell(runtime, workers, ns, 0.01)
}

/// One of a runtime that shares neither language nor reactor with the others.
pub(crate) fn foreign_cell(runtime: &str, workers: usize, ns: f64) -> Record {
    let mut record = cell(runtime, workers, ns);
    record.runtime.own = ["language", "reactor"].map(str::to_owned).to_vec();
    record
}

/// As [`cell`], with the quartiles `half` (a share of `ns`) from the median.
pub(crate) fn spread_cell(runtime: &str, workers: usize, ns: f64, half: f64) -> Record {
    let operations = 100.0;
    let samples = [-1.5, -1.0, 0.0, 1.0, 1.5].map(|at| ns * operations * (1.0 + half * at));
    let measurement = Measurement {
        samples_ns: samples.to_vec(),
        operations_per_iteration: operations,
        counted_iterations: 10,
        ..Measurement::default()
    };
    Record {
        version: VERSION,
        run: Run {
            id: "run".to_owned(),
            started_unix_s: 0,
            finished_unix_s: 1,
            command: "cargo bench".to_owned(),
            seed: 1,
            quick: false,
            machine: Machine {
                cpu: "Imaginary".to_owned(),
                cores: 2,
                memory_bytes: 1 << 30,
                kernel: "6.1".to_owned(),
                rustc: "rustc 1.95.0".to_owned(),
                revision: None,
                packages: BTreeMap::new(),
            },
        },
        workload: WorkloadInfo {
            name: "work".to_owned(),
            position: 0,
            summary: String::new(),
            shows: String::new(),
            unit: "tasks".to_owned(),
            kind: Kind::Throughput,
            params: BTreeMap::new(),
        },
        runtime: RuntimeInfo {
            name: runtime.to_owned(),
            position: 0,
            summary: String::new(),
            isolates: String::new(),
            newcomer: false,
            own: Vec::new(),
            peer: runtime.starts_with("peer").then(|| "peer 1.0.0".to_owned()),
        },
        workers,
        outcome: Outcome::Measured(measurement),
    }
}

/// A latency cell with `histograms` of a thousand values each around the given time.
pub(crate) fn latency_cell(runtime: &str, workers: usize, histograms: &[(&str, u64)]) -> Record {
    let mut record = cell(runtime, workers, 1.0);
    record.workload.kind = Kind::Latency;
    measurement(&mut record).samples_ns.clear();
    for (name, ns) in histograms {
        let mut histogram = hdrhistogram::Histogram::<u64>::new(3).expect("3 digits are valid");
        for i in 0..20_000 {
            histogram.record(ns * (9_000 + i / 10) / 10_000).expect("auto-resizing");
        }
        let text = results::histogram::encode(&histogram).expect("small counts encode");
        measurement(&mut record).histograms.insert((*name).to_owned(), text);
    }
    record
}

/// `record` with counters over its 1,000 operations.
pub(crate) fn counted(mut record: Record, counters: &[(&str, u64)]) -> Record {
    measurement(&mut record)
        .counters
        .extend(counters.iter().map(|(name, value)| ((*name).to_owned(), *value)));
    record
}

/// `record` as a cell of another workload.
pub(crate) fn of(workload: &str, mut record: Record) -> Record {
    record.workload.name = workload.to_owned();
    record
}

/// `record` with another outcome.
pub(crate) fn ended(mut record: Record, outcome: Outcome) -> Record {
    record.outcome = outcome;
    record
}

pub(crate) fn measurement(record: &mut Record) -> &mut Measurement {
    match &mut record.outcome {
        Outcome::Measured(measurement) => measurement,
        other => panic!("not measured: {other:?}"),
    }
}
