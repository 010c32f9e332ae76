//! One workload on one started runtime, with both types hidden.
//!
//! Only this file is compiled once per pair of runtime and workload. Everything that measures sees a
//! `dyn Bed`; the price is one virtual call per sample.

use runtimes::metrics::Snapshot;
use runtimes::{Config, Runtime};
use workloads::{Failure, Params, Sample, Workload};

use super::Request;
use crate::params;

/// A started runtime and the workload that it is to run.
pub trait Bed {
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
    workload: std::marker::PhantomData<W>,
}

impl<R: Runtime, W: Workload> Bed for Pair<R, W> {
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

/// Starts the runtime that `request` names and pairs it with the workload that it names.
///
/// # Errors
/// In words: an unknown name, a refused parameter, or a runtime that does not start.
pub fn prepare(request: &Request) -> Result<Box<dyn Bed>, String> {
    runtimes::visit(&request.runtime, OnRuntime(request))
        .unwrap_or_else(|_| Err(format!("there is no runtime called `{}`", request.runtime)))
}

struct OnRuntime<'a>(&'a Request);

impl runtimes::Visitor for OnRuntime<'_> {
    type Output = Result<Box<dyn Bed>, String>;

    fn visit<R: Runtime>(self, _: &'static runtimes::Card) -> Self::Output {
        let request = self.0;
        let visitor = OnWorkload { request, start: R::start };
        workloads::visit(&request.workload, visitor)
            .unwrap_or_else(|_| Err(format!("there is no workload called `{}`", request.workload)))
    }
}

struct OnWorkload<'a, R> {
    request: &'a Request,
    start: fn(&Config) -> Result<R, runtimes::StartError>,
}

impl<R: Runtime> workloads::Visitor for OnWorkload<'_, R> {
    type Output = Result<Box<dyn Bed>, String>;

    fn visit<W: Workload>(self) -> Self::Output {
        let params = params::from_map(&W::CARD, &self.request.params).map_err(|e| e.to_string())?;
        let runtime = (self.start)(&W::config(self.request.workers)).map_err(|e| e.to_string())?;
        Ok(Box::new(Pair::<R, W> { runtime, params, workload: std::marker::PhantomData }))
    }
}
