//! Where the ratio of two runtimes lies, from a few rounds in which both were measured.
//!
//! Each round gives one value: the logarithm of a ratio. Rounds are few (5 to 80), some are far
//! out, and they need not be independent, since a machine's weather lasts. So the middle is a
//! trimmed mean, its error is Student's with the variance of the winsorised values (Tukey and
//! McLaughlin 1963; Yuen 1974, "The two-sample trimmed t for unequal population variances"), and
//! both are widened by what the rounds' serial correlation takes from their number.

use statrs::distribution::{ContinuousCDF, StudentsT};

use super::order::median_of;

/// The share of values that is left out at either end, where there are enough of them.
const TRIMMED: f64 = 0.2;

/// From so many values on. Of fewer, what is left would be too few to tell their spread.
const ENOUGH_TO_TRIM: usize = 8;

/// The most correlation between neighbours that is believed: beyond, a few values tell nothing.
const MOST_CORRELATION: f64 = 0.8;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The middle of some values, and how well it is known.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Location {
    /// The trimmed mean: 20 % of the values are left out at either end if there are 8 or more.
    pub middle: f64,
    /// Its standard error.
    pub error: f64,
    /// How many values there were.
    pub n: usize,
    /// Degrees of freedom of the error.
    freedom: f64,
}

impl Location {
    /// The middle of `values`, in the order in which they were measured. `None` for fewer than 2 or
    /// any that is not finite.
    pub fn of(values: &[f64]) -> Option<Self> {
        let n = values.len();
        if n < 2 || !values.iter().all(|value| value.is_finite()) {
            return None;
        }
        let mut sorted = values.to_vec();
        sorted.sort_unstable_by(f64::total_cmp);
        let cut = if n < ENOUGH_TO_TRIM { 0 } else { (TRIMMED * n as f64) as usize };
        let kept = &sorted[cut..n - cut];
        let mean = |values: &[f64]| values.iter().sum::<f64>() / values.len() as f64;
        let middle = mean(kept);
        let (least, most) = (kept[0], kept[kept.len() - 1]);
        let winsorised: Vec<f64> = sorted.iter().map(|value| value.clamp(least, most)).collect();
        let centre = mean(&winsorised);
        let squares: f64 = winsorised.iter().map(|value| (value - centre).powi(2)).sum();
        let (h, freedom) = (kept.len() as f64, kept.len() as f64 - 1.0);
        let variance = squares / (h * freedom) * inflation(values);
        Some(Self { middle, error: variance.sqrt(), n, freedom })
    }

    /// The difference of two that were measured independently.
    pub(super) fn minus(&self, other: &Self) -> Self {
        Self {
            middle: self.middle - other.middle,
            error: self.error.hypot(other.error),
            n: self.n.min(other.n),
            freedom: self.freedom.min(other.freedom),
        }
    }

    /// The same as the logarithm of a ratio of two programs, whose processes are `between` apart by
    /// themselves.
    #[must_use]
    pub fn of_programs(self, between: f64) -> Self {
        Self { error: self.error.hypot(between), ..self }
    }

    /// The same with the middle moved by `by`.
    #[must_use]
    pub fn moved(self, by: f64) -> Self {
        Self { middle: self.middle + by, ..self }
    }

    /// The interval that holds the true middle with probability `level` (0 to 1).
    pub fn interval(&self, level: f64) -> Interval {
        let half = self.error * self.quantile((1.0 - level) / 2.0);
        Interval { low: self.middle - half, high: self.middle + half }
    }

    /// How many standard errors leave a probability of `tail` beyond them, on one side.
    pub fn quantile(&self, tail: f64) -> f64 {
        // The parameters are valid: there is one degree of freedom at least.
        StudentsT::new(0.0, 1.0, self.freedom)
            .map_or(f64::INFINITY, |student| -student.inverse_cdf(tail.clamp(1e-12, 0.5)))
    }
}

/// How much larger the variance of the mean is than that of independent values, if neighbours
/// correlate as in a process of order 1: (1 + ρ)/(1 − ρ). The estimate of ρ is corrected for its
/// bias with few values (Marriott and Pope 1954) and counts where it is more than chance.
fn inflation(values: &[f64]) -> f64 {
    let n = values.len() as f64;
    let middle = median_of(&mut values.to_vec());
    let mut distances: Vec<f64> = values.iter().map(|value| (value - middle).abs()).collect();
    distances.sort_unstable_by(f64::total_cmp);
    // Who is far out must not decide: a single outlier hides the correlation of the rest.
    let most = 1.5 * distances[distances.len() * 3 / 4];
    let near: Vec<f64> = values.iter().map(|value| (value - middle).clamp(-most, most)).collect();
    let power: f64 = near.iter().map(|value| value * value).sum();
    if power == 0.0 {
        return 1.0;
    }
    let together: f64 = near.windows(2).map(|pair| pair[0] * pair[1]).sum();
    let raw = together / power;
    let correlation = raw + (1.0 + 3.0 * raw.clamp(0.0, 1.0)) / n;
    if correlation <= 1.0 / n.sqrt() {
        return 1.0;
    }
    let believed = correlation.min(MOST_CORRELATION);
    (1.0 + believed) / (1.0 - believed)
}
