//! Order statistics: everything the page says about spread rests on ranks, not on means.

use hdrhistogram::Histogram;

use crate::format;

/// Ratios of medians below this are never called a difference: between two runs of the same binary
/// the medians move about as much. Declared beforehand, the same for every workload.
pub(crate) const TIE_BAND: f64 = 1.05;

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// Samples that must lie beyond a percentile for it to be more than an anecdote.
pub(crate) const SAMPLES_BEYOND: f64 = 100.0;

/// What the samples of a row are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Quantity {
    /// Nanoseconds.
    Time,
    /// Bytes.
    Memory,
}

impl Quantity {
    /// A value with its unit.
    pub(crate) fn show(self, value: f64) -> String {
        match self {
            Self::Time => format::duration(value),
            Self::Memory => format::plain_bytes(value),
        }
    }

    /// A round value for an axis.
    pub(crate) fn tick(self, value: f64) -> String {
        match self {
            Self::Time => format::tick(value),
            Self::Memory => format::plain_bytes(value),
        }
    }
}

/// The five ranks that a box shows, and the extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Spread {
    /// The least sample.
    pub min: f64,
    /// 5th percentile: the left whisker.
    pub p5: f64,
    /// First quartile.
    pub q1: f64,
    /// Median.
    pub median: f64,
    /// Third quartile.
    pub q3: f64,
    /// 95th percentile: the right whisker.
    pub p95: f64,
    /// The greatest sample.
    pub max: f64,
    /// How many samples.
    pub n: usize,
}

impl Spread {
    /// The ranks of `samples`, or `None` when there is no positive finite sample among them.
    pub(crate) fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> = samples.into_iter().filter(|v| v.is_finite() && *v > 0.0).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let at = |p| quantile(&sorted, p);
        let n = sorted.len();
        Some(Self { min, p5: at(0.05), q1: at(0.25), median: at(0.5), q3: at(0.75), p95: at(0.95), max, n })
    }

    /// Whether the two differ clearly: by more than the tie band, and with middle halves apart.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let (low, high) = if self.median <= other.median { (self, other) } else { (other, self) };
        high.median > low.median * TIE_BAND && high.q1 > low.q3
    }
}

/// Linear interpolation between the two nearest ranks. `sorted` is not empty.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let rank = p * (sorted.len() - 1) as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64)
}

/// A percentile of a distribution with its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Tail {
    /// The value at the percentile.
    pub value: f64,
    /// Lower end of where it probably lies: the 95 % interval by order statistics, and the best round.
    pub low: f64,
    /// Upper end: the same, and the worst round.
    pub high: f64,
    /// Whether the ends know of several rounds.
    pub rounds: bool,
    /// Whether at least [`SAMPLES_BEYOND`] samples lie beyond the percentile.
    pub supported: bool,
}

impl Tail {
    /// The value at percentile `p` (0 to 1) of `histogram`, or `None` when it is empty.
    pub(crate) fn of(histogram: &Histogram<u64>, p: f64) -> Option<Self> {
        let n = histogram.len() as f64;
        if n == 0.0 {
            return None;
        }
        let half = Z * (n * p * (1.0 - p)).sqrt();
        let rank = |rank: f64| histogram.value_at_quantile((rank / n).clamp(0.0, 1.0)) as f64;
        Some(Self {
            value: histogram.value_at_quantile(p) as f64,
            low: rank((n * p - half).floor()),
            high: rank((n * p + half).ceil() + 1.0),
            rounds: false,
            supported: supported(histogram.len(), p),
        })
    }

    /// The same, knowing that independent rounds gave values from `best` to `worst`: requests of one
    /// round queue together, so that its interval alone says little about the next round.
    pub(crate) fn over_rounds(self, best: f64, worst: f64) -> Self {
        Self { low: self.low.min(best), high: self.high.max(worst), rounds: true, ..self }
    }

    /// Whether the two differ clearly: by more than the tie band, and with intervals apart.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let (low, high) = if self.value <= other.value { (self, other) } else { (other, self) };
        high.value > low.value * TIE_BAND && high.low > low.high
    }
}

/// Whether `n` samples support the percentile `p`: 99.9 % needs 100,000.
pub(crate) fn supported(n: u64, p: f64) -> bool {
    // The relative allowance absorbs the rounding of 1 − p: 100,000 samples do support 99.9 %.
    n as f64 * (1.0 - p) * (1.0 + 1e-9) >= SAMPLES_BEYOND
}

/// The geometric mean, or `None` of nothing.
pub(crate) fn geometric_mean(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let (sum, n) = values.into_iter().fold((0.0, 0), |(sum, n), v| (sum + v.ln(), n + 1));
    (n > 0).then(|| (sum / f64::from(n)).exp())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_of_a_small_sample() {
        let s = Spread::of([5.0, 1.0, 4.0, 2.0, 3.0]).expect("not empty");
        assert_eq!((s.min, s.q1, s.median, s.q3, s.max, s.n), (1.0, 2.0, 3.0, 4.0, 5.0, 5));
        assert!((s.p5 - 1.2).abs() < 1e-12 && (s.p95 - 4.8).abs() < 1e-12);
        assert_eq!(Spread::of([7.0]).expect("one").p95, 7.0);
        assert_eq!(Spread::of([f64::NAN, 0.0, -1.0]), None);
    }

    #[test]
    fn a_difference_needs_distance_and_disjoint_halves() {
        let around = |m: f64, half: f64| Spread::of([m - half, m, m + half]).expect("positive");
        assert!(around(100.0, 1.0).differs(&around(110.0, 1.0)));
        assert!(!around(100.0, 1.0).differs(&around(104.0, 1.0)), "within the tie band");
        assert!(!around(100.0, 30.0).differs(&around(120.0, 30.0)), "the middle halves overlap");
        let (a, b) = (around(100.0, 1.0), around(200.0, 1.0));
        assert_eq!(a.differs(&b), b.differs(&a));
    }

    #[test]
    fn tails_know_their_support() {
        let mut h = Histogram::<u64>::new(5).expect("5 digits are valid");
        (1..=99_999).for_each(|v| h.record(v).expect("auto-resizing"));
        assert!(!Tail::of(&h, 0.999).expect("not empty").supported);
        h.record(100_000).expect("auto-resizing");
        let tail = Tail::of(&h, 0.999).expect("not empty");
        assert!(tail.supported);
        assert!(tail.low < tail.value && tail.value < tail.high, "{tail:?}");
        assert!((tail.value - 99_900.0).abs() < 10.0);
        assert_eq!(Tail::of(&Histogram::<u64>::new(3).expect("3 digits are valid"), 0.5), None);
    }

    #[test]
    fn rounds_that_overlap_are_no_difference() {
        let tail = |value| Tail { value, low: value, high: value, rounds: false, supported: true };
        assert!(tail(100.0).differs(&tail(120.0)));
        assert!(!tail(100.0).over_rounds(90.0, 125.0).differs(&tail(120.0)));
        assert!(tail(100.0).over_rounds(90.0, 110.0).differs(&tail(120.0)));
    }

    #[test]
    fn geometric_means() {
        assert!((geometric_mean([1.0, 4.0, 2.0]).expect("three") - 2.0).abs() < 1e-12);
        assert_eq!(geometric_mean([]), None);
    }
}
