//! Short requests beside a task that computes for long, with a worker to spare.

use runtimes::Runtime;

use crate::hog_latency::PARAMS;
use crate::hogs::beside_hogs;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// `hog_latency` with one hog: from two workers on, one more than there are hogs, and no request
/// need wait for a turn of 50 ms to end.
///
/// It looks easy, and is not. The hog is woken by the reactor, so the worker that waited for the
/// reactor may be the one that computes for the next 50 ms; what it has in its own queue and slot
/// then is out of reach unless others can steal it; and the request's own timer must be noticed by
/// somebody.
///
/// One worker is measured as well. There is none to spare then, and the cell shows what
/// `hog_latency` shows, with half the hogs.
#[derive(Debug)]
pub struct HogLatencySpare;

impl Workload for HogLatencySpare {
    const DEFINITION: Definition = Definition {
        name: "hog_latency_spare",
        summary: "Short requests arrive at random times beside one task that computes for 50 ms \
         at a time; from two workers on one is to spare.",
        shows: "whether work still waits for a task that computes, although another worker has \
         nothing to do",
        unit: "requests",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::Only {
            runtimes: &[
                "work-stealing",
                "work-stealing-biased",
                "global-queue",
                "stackful",
                "tokio-mt",
                "async-executor",
                "async-static",
            ],
            workers: usize::MAX,
        },
        params: &{
            let [rate, service, requests, hogs, hog, seed] = PARAMS;
            [
                rate,
                service,
                Param { default: 400, ..requests },
                Param { default: 1, ..hogs },
                hog,
                seed,
            ]
        },
        // Two hogs, so that the third task is one of them for the tests of faults.
        small: &[("requests", 100), ("hog_ms", 5), ("hogs", 2)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        beside_hogs(runtime, params, iterations, None)
    }
}
