//! What the three workloads share that sweep the time slice over the dispersion of service times.

use std::sync::atomic::AtomicU64;

use runtimes::Runtime;
use runtimes::spin::spin_preemptible;

use crate::arrivals::Shape;
use crate::poisson::{Load, open_loop};
use crate::{DefaultRuntimes, Failure, Param, Params, Sample};

/// The slices, the same without one, and one of each kind that cannot preempt. One worker: with
/// two, the other one serves the short requests while one is kept.
pub(crate) const RUNTIMES: DefaultRuntimes = DefaultRuntimes::Only {
    runtimes: &[
        "work-stealing",
        "stackful",
        "stackful-10ms",
        "stackful-1ms",
        "stackful-200us",
        "go",
        "tokio-mt",
    ],
    workers: 1,
};

/// A mean of 100 µs makes the long requests of the bimodal shape 16.7 ms: the longest slice parts
/// them as well.
pub(crate) const PARAMS: [Param; 5] = [
    Param {
        name: "load_percent",
        default: 70,
        min: 1,
        max: 99,
        help: "offered load, in percent of one worker",
    },
    Param {
        name: "service_us",
        default: 100,
        min: 1,
        max: 100_000,
        help: "mean service time in microseconds",
    },
    Param {
        name: "requests",
        default: 4_000,
        min: 200,
        max: 10_000_000,
        help: "requests per iteration",
    },
    Param {
        name: "seed",
        default: 1,
        min: 0,
        max: u64::MAX,
        help: "seed of arrivals and service times",
    },
    Param {
        name: "max_drift_percent",
        default: 5,
        min: 1,
        max: 100,
        help: "change of the processor's speed above which the run is void",
    },
];

/// Requests by Poisson arrivals, as in `poisson`, that compute in a preemptible region.
///
/// The distribution `short` is that of the requests that take the mean or less: all, 63 %, or 99.5
/// % of them.
pub(crate) fn sweep<R: Runtime>(
    runtime: &R,
    params: &Params,
    iterations: u64,
    shape: Shape,
) -> Result<Sample, Failure> {
    let load = Load {
        service_ns: params.get("service_us") as f64 * 1e3,
        percent: params.get("load_percent") as f64,
        workers: 1.0,
        shape,
        requests: params.size("requests") * iterations as usize,
        seed: params.get("seed"),
        max_drift_percent: params.get("max_drift_percent") as f64,
    };
    let (observed, drift_percent) = open_loop(runtime, &load, compute_in_a_region)?;
    let mut sample = observed.evaluate()?;
    sample.histograms.push(("short", observed.latency_of_short(load.service_ns)));
    sample.figures.push(("spin_drift_percent", drift_percent));
    Ok(sample)
}

fn compute_in_a_region(steps: u64) {
    spin_preemptible(1, steps, &AtomicU64::new(0));
}
