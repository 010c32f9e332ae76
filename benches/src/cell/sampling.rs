//! Criterion's part of a cell: it decides how many iterations, keeps its files, compares baselines.

use std::cell::RefCell;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::Duration;

use criterion::{BenchmarkFilter, BenchmarkId, Criterion, SamplingMode, Throughput};
use workloads::{Failure, Sample};

use super::{Bed, Request, Timing};

/// Criterion accepts no fewer samples than this.
const LEAST_SAMPLES: usize = 10;

/// One call of the routine by criterion.
#[derive(Clone, Copy, Debug)]
struct Call {
    iterations: u64,
    elapsed: Duration,
}

/// Lets criterion sample `bed` and returns nanoseconds per iteration, one entry per sample.
///
/// The timing comes with the request. Criterion reads its other flags from the process's arguments,
/// which the parent has checked; `beat` is called after every run of the workload.
///
/// # Errors
/// The workload's [`Failure`]; criterion then has stored nothing.
///
/// # Panics
/// With the panic of the workload.
pub(super) fn sample(
    bed: &dyn Bed,
    request: &Request,
    timing: &Timing,
    first: &Sample,
    beat: &dyn Fn(),
) -> Result<Vec<f64>, Failure> {
    let samples = samples_that_fit(timing, first.elapsed);
    let criterion = configured()
        .sample_size(samples)
        .warm_up_time(timing.warm_up)
        .measurement_time(timing.measurement)
        .nresamples(timing.resamples);
    let calls = drive(criterion, bed, request, first.operations, beat)?;
    // The warm-up's calls come first.
    let sampled = &calls[calls.len().saturating_sub(samples)..];
    Ok(sampled.iter().map(|call| call.elapsed.as_nanos() as f64 / call.iterations as f64).collect())
}

/// Lets criterion do what its flags say besides sampling: profile, or compare kept results.
///
/// # Errors
/// The workload's [`Failure`].
pub(super) fn unrecorded(bed: &dyn Bed, request: &Request, beat: &dyn Fn()) -> Result<(), Failure> {
    drive(configured(), bed, request, 1, beat).map(drop)
}

/// The parent's filter has chosen already, and what stands first among the arguments is the
/// subcommand, which criterion takes for a filter.
fn configured() -> Criterion {
    Criterion::default().without_plots().configure_from_args().with_benchmark_filter(BenchmarkFilter::AcceptAll)
}

/// Fewer samples, if that is allowed, when so many iterations do not fit into the time.
fn samples_that_fit(timing: &Timing, iteration: Duration) -> usize {
    if !timing.adapt {
        return timing.samples.max(LEAST_SAMPLES);
    }
    let fit = timing.measurement.as_nanos() / iteration.as_nanos().max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).min(timing.samples).max(LEAST_SAMPLES)
}

fn drive(
    mut criterion: Criterion,
    bed: &dyn Bed,
    request: &Request,
    operations: u64,
    beat: &dyn Fn(),
) -> Result<Vec<Call>, Failure> {
    let calls = RefCell::new(Vec::new());
    let failed = RefCell::new(None);
    let routine = |iterations| {
        let result = bed.run(iterations);
        beat();
        match result {
            Ok(Sample { elapsed, .. }) => {
                calls.borrow_mut().push(Call { iterations, elapsed });
                elapsed
            }
            Err(failure) => {
                *failed.borrow_mut() = Some(failure);
                // The only way out of a benchmark of criterion's; it then stores nothing.
                resume_unwind(Box::new(GaveUp))
            }
        }
    };
    let benchmark = AssertUnwindSafe(|| {
        let mut group = criterion.benchmark_group(&request.workload);
        // Flat: samples of equal length, each one point of the distribution that the page draws.
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(operations));
        let id = BenchmarkId::new(&request.runtime, format_args!("w{}", request.workers));
        group.bench_function(id, |bencher| bencher.iter_custom(routine));
        group.finish();
    });
    match catch_unwind(benchmark) {
        Err(payload) if !payload.is::<GaveUp>() => resume_unwind(payload),
        _ => failed.into_inner().map_or(Ok(calls.into_inner()), Err),
    }
}

/// Unwinds out of criterion; the failure itself waits in [`drive`].
struct GaveUp;

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(adapt: bool) -> Timing {
        let ms = Duration::from_millis;
        Timing { samples: 20, adapt, warm_up: ms(1), measurement: ms(1_000), counted: ms(1), resamples: 1_000 }
    }

    #[test]
    fn long_iterations_lower_the_samples_to_criterions_least() {
        let fit = |ms, adapt| samples_that_fit(&timing(adapt), Duration::from_millis(ms));
        assert_eq!(fit(1, true), 20);
        assert_eq!(fit(75, true), 13);
        assert_eq!(fit(900, true), LEAST_SAMPLES);
        assert_eq!(fit(900, false), 20);
        assert_eq!(samples_that_fit(&timing(true), Duration::ZERO), 20);
    }
}
