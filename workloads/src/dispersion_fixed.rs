//! Time slices where all requests are the same.

use runtimes::Runtime;

use crate::arrivals::Shape;
use crate::dispersion::{PARAMS, RUNTIMES, sweep};
use crate::{Definition, Failure, Kind, Params, Sample, Workload};

/// Every request computes for the mean, which is shorter than any slice: taking turns could only
/// hold them up.
#[derive(Debug)]
pub struct DispersionFixed;

impl Workload for DispersionFixed {
    const DEFINITION: Definition = Definition {
        name: "dispersion_fixed",
        summary: "Requests arrive at random times and all compute equally long, at a load of 70 %.",
        shows: "that time slices change nothing where nobody computes for longer than one, and \
         what they then cost",
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
        sweep(runtime, params, iterations, Shape::Fixed)
    }
}
