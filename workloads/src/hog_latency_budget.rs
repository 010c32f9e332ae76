//! Short requests beside tasks that compute for long and cooperate.

use runtimes::Runtime;

use crate::hog_latency::PARAMS;
use crate::hogs::beside_hogs;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// The same with hogs that pause of their own accord: what a task can do that cannot be preempted.
///
/// They count their work and pause when `budget_us` of it are done, on the reactor as between
/// turns. That is cooperation at its best: in real code somebody has to have put such a point into
/// every loop.
#[derive(Debug)]
pub struct HogLatencyBudget;

impl Workload for HogLatencyBudget {
    const DEFINITION: Definition = Definition {
        name: "hog_latency_budget",
        summary: "The requests and hogs of hog_latency, but each hog counts its work and pauses \
         when a budget is used up.",
        shows: "what tasks that cooperate reach without preemption, if somebody has put a budget \
         into every loop",
        unit: "requests",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::Only {
            runtimes: &["work-stealing", "stackful", "tokio-mt"],
            workers: 1,
        },
        params: &{
            let [rate, service, requests, hogs, hog, seed] = PARAMS;
            [rate, service, requests, hogs, hog, seed, BUDGET]
        },
        small: &[("requests", 100), ("hog_ms", 5)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        beside_hogs(runtime, params, iterations, Some(params.get("budget_us")))
    }
}

const BUDGET: Param = Param {
    name: "budget_us",
    default: 1_000,
    min: 1,
    max: 1_000_000,
    help: "microseconds of work between two pauses of a hog",
};
