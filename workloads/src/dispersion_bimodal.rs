//! Time slices where a few requests take very long.

use runtimes::Runtime;

use crate::arrivals::Shape;
use crate::dispersion::{PARAMS, RUNTIMES, sweep};
use crate::{Definition, Failure, Kind, Params, Sample, Workload};

/// Of 200 requests 199 compute for 17 µs and one for 16.7 ms, five sixths of all work: first come,
/// first served keeps the short ones waiting behind it.
#[derive(Debug)]
pub struct DispersionBimodal;

impl Workload for DispersionBimodal {
    const DEFINITION: Definition = Definition {
        name: "dispersion_bimodal",
        summary: "Requests arrive at random times at a load of 70 %; one in 200 computes a \
         thousand times as long as the others.",
        shows: "what time slices are for: whether short requests wait behind a long one",
        unit: "requests",
        kind: Kind::Latency,
        runtimes: RUNTIMES,
        params: &PARAMS,
        small: &[
            ("requests", 300),
            ("service_us", 20),
            ("load_percent", 20),
            ("max_drift_percent", 100),
        ],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        sweep(runtime, params, iterations, Shape::Bimodal)
    }
}
