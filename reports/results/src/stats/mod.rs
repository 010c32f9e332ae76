//! The statistics of samples, of distributions and of comparisons, each written once.

mod location;
mod order;
mod paired;
mod sequential;
mod tail;
#[cfg(test)]
mod trials;

pub use location::{Interval, Location};
pub use order::{Spread, median, middle_and_most};
pub use paired::{between_processes, paired, unpaired};
pub use sequential::{Design, ERROR, LEAST_ROUNDS, Verdict};
pub use tail::{SAMPLES_BEYOND, Tail, supported};

/// Differences of less than this share are none: between two runs of the same binary medians move
/// about as much, if only because code comes to lie elsewhere in memory. Declared beforehand, the
/// same for every workload.
pub const TIE_BAND: f64 = 0.05;

/// The ratio from which on there may be a difference.
pub const TIE_RATIO: f64 = 1.0 + TIE_BAND;

/// The mean for ratios, or `None` of nothing. Every value must be positive.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.into_iter().fold((0.0, 0), |(sum, n), v| (sum + v.ln(), n + 1));
    (n > 0).then(|| (sum / f64::from(n)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geometric_means() {
        assert!((geometric_mean([1.0, 4.0, 2.0]).expect("three") - 2.0).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}
