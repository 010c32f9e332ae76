//! One workload on one started runtime, with both types hidden.
//!
//! Only this file is compiled once per pair of runtime and workload. Everything that measures sees
//! a `dyn Benchmark`; the price is one virtual call per run.

use std::marker::PhantomData;

use runtimes::Runtime;
use runtimes::metrics::Snapshot;
use workloads::{Failure, Params, Sample, Workload};

use super::Entry;
use crate::protocol::Start;

/// A started runtime and the workload that it is to run.
pub(super) trait Benchmark {
    /// Runs and verifies the workload `iterations` times.
    ///
    /// # Errors
    /// [`Failure`], as the workload gives it.
    fn run(&self, iterations: u64) -> Result<Sample, Failure>;

    /// Measures what the workload shows once beside its samples.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn figures(&self) -> Result<Vec<(&'static str, f64)>, Failure>;

    /// What the runtime's counters read now.
    fn counters(&self) -> Snapshot;

    /// Stops the runtime and returns its final counters.
    fn shutdown(self: Box<Self>) -> Snapshot;
}

struct Pair<R, W> {
    runtime: R,
    params: Params,
    workload: PhantomData<W>,
}

impl<R: Runtime, W: Workload> Benchmark for Pair<R, W> {
    fn run(&self, iterations: u64) -> Result<Sample, Failure> {
        W::run(&self.runtime, &self.params, iterations)
    }

    fn figures(&self) -> Result<Vec<(&'static str, f64)>, Failure> {
        W::figures(&self.runtime, &self.params)
    }

    fn counters(&self) -> Snapshot {
        self.runtime.metrics()
    }

    fn shutdown(self: Box<Self>) -> Snapshot {
        self.runtime.shutdown()
    }
}

/// Why no benchmark was started, in words.
pub(super) enum StartFailure {
    /// There is no such workload, or it refuses the parameters.
    Refused(String),
    /// The runtime did not start.
    Failed(String),
}

/// Starts an `R` for what `request` asks, configured as `entry` says after the workload.
///
/// # Errors
/// [`StartFailure`].
pub(super) fn start<R: Runtime>(
    request: &Start,
    entry: &Entry,
) -> Result<Box<dyn Benchmark>, StartFailure> {
    let visitor = OnWorkload::<R> { request, entry, runtime: PhantomData };
    workloads::visit(&request.workload, visitor).unwrap_or_else(|_| {
        Err(StartFailure::Refused(format!("there is no workload called `{}`", request.workload)))
    })
}

struct OnWorkload<'a, R> {
    request: &'a Start,
    entry: &'a Entry,
    runtime: PhantomData<R>,
}

impl<R: Runtime> workloads::Visitor for OnWorkload<'_, R> {
    type Output = Result<Box<dyn Benchmark>, StartFailure>;

    fn visit<W: Workload>(self) -> Self::Output {
        let mut params = Params::defaults(&W::DEFINITION);
        for (name, &value) in &self.request.params {
            params
                .set(&W::DEFINITION, name, value)
                .map_err(|error| StartFailure::Refused(error.to_string()))?;
        }
        let mut config = W::config(self.request.workers);
        config.name = self.entry.descriptor.name;
        (self.entry.configure)(&mut config);
        let runtime = R::start(&config).map_err(|error| StartFailure::Failed(error.to_string()))?;
        Ok(Box::new(Pair::<R, W> { runtime, params, workload: PhantomData }))
    }
}
