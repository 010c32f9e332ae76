//! Time slices where service times are exponential.

use runtimes::Runtime;

use crate::arrivals::Shape;
use crate::dispersion::{PARAMS, RUNTIMES, sweep};
use crate::{Definition, Failure, Kind, Params, Sample, Workload};

/// The M/M/1 queue: one request in seven computes for longer than 200 µs, hardly one in 20,000 for
/// longer than 1 ms. Short requests gain by what the long ones lose.
#[derive(Debug)]
pub struct DispersionExponential;

impl Workload for DispersionExponential {
    const DEFINITION: Definition = Definition {
        name: "dispersion_exponential",
        summary: "Requests arrive at random times and compute for exponentially distributed \
         times, at a load of 70 %.",
        shows: "what time slices change where service times differ moderately",
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
        sweep(runtime, params, iterations, Shape::Exponential)
    }
}
