//! What the executors are made to do: one workload a file, written once, generic over the runtime.

pub mod workload;

pub use workload::{Card, Failure, Kind, Param, Params, Sample, Workload};
