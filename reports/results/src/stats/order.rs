//! Order statistics: everything that is said about spread rests on ranks, not on means.

use super::TIE_RATIO;

/// The middle value, or the mean of the two middle ones. `None` for no values.
pub fn median(values: &[f64]) -> Option<f64> {
    (!values.is_empty()).then(|| median_of(&mut values.to_vec()))
}

/// The middle value and the greatest. `None` for no values.
pub fn middle_and_most(values: &[f64]) -> Option<(f64, f64)> {
    Some((median(values)?, values.iter().copied().fold(f64::NEG_INFINITY, f64::max)))
}

/// The median of values, at least one, that may be reordered.
pub(super) fn median_of(values: &mut [f64]) -> f64 {
    let middle = values.len() / 2;
    let odd = values.len() % 2 == 1;
    let (below, &mut upper, _) = values.select_nth_unstable_by(middle, f64::total_cmp);
    if odd {
        return upper;
    }
    let lower = below.iter().copied().max_by(f64::total_cmp).unwrap_or(upper);
    f64::midpoint(lower, upper)
}

/// The five ranks that a box shows, and the extremes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spread {
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
    pub fn of(samples: impl IntoIterator<Item = f64>) -> Option<Self> {
        let mut sorted: Vec<f64> =
            samples.into_iter().filter(|v| v.is_finite() && *v > 0.0).collect();
        sorted.sort_by(f64::total_cmp);
        let (&min, &max) = (sorted.first()?, sorted.last()?);
        let at = |p| quantile(&sorted, p);
        let n = sorted.len();
        Some(Self {
            min,
            p5: at(0.05),
            q1: at(0.25),
            median: at(0.5),
            q3: at(0.75),
            p95: at(0.95),
            max,
            n,
        })
    }

    /// Whether the two differ clearly: by more than the tie band, and with middle halves apart.
    pub fn differs(&self, other: &Self) -> bool {
        let (low, high) = if self.median <= other.median { (self, other) } else { (other, self) };
        high.median > low.median * TIE_RATIO && high.q1 > low.q3
    }
}

/// The quantile `p` (0 to 1) by linear interpolation between the two nearest ranks. `sorted` is
/// ascending and not empty.
fn quantile(sorted: &[f64], p: f64) -> f64 {
    let rank = p * (sorted.len() - 1) as f64;
    let (below, above) = (rank.floor() as usize, rank.ceil() as usize);
    sorted[below] + (sorted[above] - sorted[below]) * (rank - below as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn medians_of_odd_and_even_counts() {
        assert_eq!(median(&[3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median(&[4.0, 1.0, 3.0, 2.0]), Some(2.5));
        assert_eq!(median(&[7.0]), Some(7.0));
        assert_eq!(median(&[]), None);
        assert_eq!(middle_and_most(&[3.0, 1.0, 7.0]), Some((3.0, 7.0)));
        assert_eq!(middle_and_most(&[]), None);
    }

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
}
