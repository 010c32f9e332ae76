//! Percentiles of a distribution, with what is known about how far they can be relied on.

use hdrhistogram::Histogram;

use super::TIE_RATIO;

/// The normal quantile of a two-sided 95 % interval.
const Z: f64 = 1.96;

/// Samples that must lie beyond a percentile for it to be more than an anecdote.
pub const SAMPLES_BEYOND: f64 = 100.0;

/// A percentile of a distribution with its interval, in nanoseconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tail {
    /// The value at the percentile.
    pub value: f64,
    /// Lower end of where it probably lies: the 95 % interval by order statistics, and the best
    /// round.
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
    pub fn of(histogram: &Histogram<u64>, p: f64) -> Option<Self> {
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

    /// The same, knowing that independent rounds gave values from `best` to `worst`: requests of
    /// one round queue together, so that its interval alone says little about the next round.
    pub fn over_rounds(self, best: f64, worst: f64) -> Self {
        Self { low: self.low.min(best), high: self.high.max(worst), rounds: true, ..self }
    }

    /// Whether the two differ clearly: by more than the tie band, and with intervals apart.
    pub fn differs(&self, other: &Self) -> bool {
        let (low, high) = if self.value <= other.value { (self, other) } else { (other, self) };
        high.value > low.value * TIE_RATIO && high.low > low.high
    }
}

/// Whether `n` samples support the percentile `p`: 99.9 % needs 100,000.
pub fn supported(n: u64, p: f64) -> bool {
    // The relative allowance absorbs the rounding of 1 − p: 100,000 samples do support 99.9 %.
    n as f64 * (1.0 - p) * (1.0 + 1e-9) >= SAMPLES_BEYOND
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
