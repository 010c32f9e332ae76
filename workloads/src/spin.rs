//! Busy work of a known length, counted in steps and not in time.
//!
//! A loop that spins "until the clock says so" lets the work of a descheduled thread complete while
//! nobody does it. Here a service time is turned into a number of steps beforehand, so that a task
//! that loses its processor has the rest of its work still before it.

use std::time::Instant;

pub use runtimes::spin::spin;

/// Steps per block: about 0.5 µs to 60 µs on a processor of 3 GHz, which covers the service times
/// used.
const BLOCKS: [u64; 8] = [250, 500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000];

/// Each block is timed so often and its least time is taken, for interruptions only ever add. All
/// rounds take about 20 ms: with 4 ms two calibrations in a row differed by up to 3 % on a shared
/// virtual machine, with 20 ms mostly by less than 1 %.
const ROUNDS: usize = 200;

/// How long [`spin`] takes on this machine now.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Calibration {
    /// Nanoseconds per step.
    pub step_ns: f64,
    /// Nanoseconds that a call takes beside its steps, reading the clock included.
    pub call_ns: f64,
    /// The greatest distance of a block from the straight line, as a fraction of the block's time.
    pub misfit: f64,
}

impl Calibration {
    /// Times blocks of several lengths on the calling thread and fits a line through their minima.
    pub fn measure() -> Self {
        let mut least = [f64::INFINITY; BLOCKS.len()];
        for _ in 0..ROUNDS {
            for (steps, least) in BLOCKS.iter().zip(&mut least) {
                let start = Instant::now();
                spin(*steps);
                *least = least.min(start.elapsed().as_nanos() as f64);
            }
        }
        Self::fit(&BLOCKS, &least)
    }

    /// Least squares of the *relative* error, so that short blocks weigh as much as long ones: with
    /// y = call + step·x, y/x is a line in 1/x whose intercept is the step.
    fn fit(steps: &[u64], times_ns: &[f64]) -> Self {
        let points = || steps.iter().zip(times_ns).map(|(&x, &y)| (1.0 / x as f64, y / x as f64));
        let n = steps.len() as f64;
        let (mean_u, mean_v) = points().fold((0.0, 0.0), |(a, b), (u, v)| (a + u / n, b + v / n));
        let (cov, var) = points().fold((0.0, 0.0), |(c, s), (u, v)| {
            (c + (u - mean_u) * (v - mean_v), s + (u - mean_u) * (u - mean_u))
        });
        let call_ns = cov / var;
        let step_ns = mean_v - call_ns * mean_u;
        let misfit = steps
            .iter()
            .zip(times_ns)
            .map(|(&x, &y)| ((call_ns + step_ns * x as f64 - y) / y).abs())
            .fold(0.0, f64::max);
        Self { step_ns, call_ns, misfit }
    }

    /// The steps that take `service_ns` nanoseconds, to the nearest.
    pub fn steps(&self, service_ns: f64) -> u64 {
        (service_ns / self.step_ns).round() as u64
    }

    /// By how much the speed of `later` differs, as a fraction of this one's.
    pub fn drift(&self, later: &Self) -> f64 {
        (later.step_ns / self.step_ns - 1.0).abs()
    }
}

#[cfg(test)]
mod tests {
    use rustix::time::{ClockId, clock_gettime};

    use super::*;

    #[test]
    fn a_line_is_fitted_exactly() {
        let steps = [10, 100, 1_000, 10_000];
        let times_ns = steps.map(|x| 35.0 + 1.5 * x as f64);
        let fit = Calibration::fit(&steps, &times_ns);
        assert!((fit.step_ns - 1.5).abs() < 1e-9, "{fit:?}");
        assert!((fit.call_ns - 35.0).abs() < 1e-6, "{fit:?}");
        assert!(fit.misfit < 1e-9, "{fit:?}");
    }

    #[test]
    fn a_bent_line_shows_in_the_misfit() {
        let steps = [10, 100, 1_000, 10_000];
        let mut times_ns = steps.map(|x| 1.5 * x as f64);
        times_ns[3] *= 1.2;
        assert!(Calibration::fit(&steps, &times_ns).misfit > 0.05);
    }

    #[test]
    fn drift_is_relative_and_has_no_sign() {
        let of = |step_ns| Calibration { step_ns, call_ns: 0.0, misfit: 0.0 };
        assert!((of(2.0).drift(&of(2.1)) - 0.05).abs() < 1e-9);
        assert!((of(2.0).drift(&of(1.9)) - 0.05).abs() < 1e-9);
    }

    #[test]
    fn spinning_is_deterministic_and_depends_on_the_steps() {
        assert_eq!(spin(1_000), spin(1_000));
        assert_ne!(spin(1_000), spin(1_001));
    }

    /// From 0.5 µs to 10 ms, in the thread's own processor time, since 10 ms on a busy machine
    /// never pass without an interruption. The limits are wide; what must show is a loop that the
    /// compiler has shortened, which would be off by factors.
    #[test]
    fn work_is_linear_in_its_steps() {
        let processor_ns = || {
            let time = clock_gettime(ClockId::ThreadCPUTime);
            time.tv_sec as f64 * 1e9 + time.tv_nsec as f64
        };
        let calibration = Calibration::measure();
        for service_ns in [500.0, 5e3, 50e3, 500e3, 10e6] {
            let steps = calibration.steps(service_ns);
            let once = |_| {
                let start_ns = processor_ns();
                spin(steps);
                processor_ns() - start_ns
            };
            let least_ns = (0..30).map(once).fold(f64::INFINITY, f64::min);
            // Two system calls read this clock: up to a microsecond of a short block.
            let (lowest, highest) = (0.6 * service_ns, 1.6 * service_ns + 1_000.0);
            assert!(
                (lowest..highest).contains(&least_ns),
                "{service_ns} ns took {least_ns} ns: {calibration:?}"
            );
        }
    }
}
