//! Short requests beside tasks that compute for long.

use runtimes::Runtime;

use crate::hogs::{RUNTIMES, beside_hogs};
use crate::{Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Short requests by Poisson arrivals beside hogs, which compute for 50 ms at a time and never
/// yield in between.
///
/// - Without preemption a request waits until the turns of the hogs before it are over. With it,
///   until their slices are.
/// - `latency` counts from the intended arrival, as in `poisson`: the generator is a task of the
///   runtime and waits behind the hogs as well.
/// - The other side of the bargain is what the hogs get: `hog_steps_per_us`, over the time from the
///   first request to the last. Divided by its value on `stackful`, it says how much throughput
///   slicing costs them.
/// - The rate leaves room: a policy that gives a hog its turn after 64 short tasks cannot serve
///   more than 1,280 of them a second beside turns of 50 ms, and a queue that grows without end
///   says nothing about slices.
/// - Between two turns a hog waits for 20 µs on the reactor.
#[derive(Debug)]
pub struct HogLatency;

impl Workload for HogLatency {
    const DEFINITION: Definition = Definition {
        name: "hog_latency",
        summary: "Short requests arrive at random times beside two tasks that compute for 50 ms \
         at a time without yielding.",
        shows: "how long a task that computes keeps the others waiting, and what stepping in \
         costs it",
        unit: "requests",
        kind: Kind::Latency,
        runtimes: RUNTIMES,
        params: &PARAMS,
        small: &[("requests", 100), ("hog_ms", 5)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        beside_hogs(runtime, params, iterations, None)
    }
}

const fn param(name: &'static str, default: u64, min: u64, max: u64, help: &'static str) -> Param {
    Param { name, default, min, max, help }
}

const RATE: Param = param("rate_per_s", 500, 1, 1_000_000, "requests per second");
const SERVICE: Param = param(
    "service_us",
    20,
    1,
    100_000,
    "mean service time of a request in microseconds, \
     exponential",
);
const REQUESTS: Param = param("requests", 800, 100, 10_000_000, "requests per iteration");
const HOGS: Param = param("hogs", 2, 1, 1_000, "tasks that compute");
const HOG: Param = param(
    "hog_ms",
    50,
    1,
    10_000,
    "how long a hog computes in one turn, in \
 milliseconds",
);
const SEED: Param = param("seed", 1, 0, u64::MAX, "seed of arrivals and service times");

/// The parameters of both workloads.
pub(crate) const PARAMS: [Param; 6] = [RATE, SERVICE, REQUESTS, HOGS, HOG, SEED];
