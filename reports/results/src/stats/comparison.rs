//! What differences between runs amount to. Nothing here assumes a distribution.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::order::median_of;

/// A confidence interval.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Interval {
    /// Its lower end.
    pub low: f64,
    /// Its upper end.
    pub high: f64,
}

/// The percentile bootstrap interval of the median: `resamples` times as many values are drawn with
/// replacement as there are, and the interval holds the middle `level` (0 to 1) of their medians.
///
/// The same seed gives the same interval. `None` for no values or no resamples.
pub fn bootstrap_median(
    values: &[f64],
    level: f64,
    resamples: usize,
    seed: u64,
) -> Option<Interval> {
    let last = resamples.checked_sub(1)?;
    if values.is_empty() {
        return None;
    }
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut drawn = vec![0.0; values.len()];
    let mut medians: Vec<f64> = (0..resamples)
        .map(|_| {
            drawn.fill_with(|| values[rng.random_range(0..values.len())]);
            median_of(&mut drawn)
        })
        .collect();
    medians.sort_unstable_by(f64::total_cmp);
    // Outwards to the next resample: the interval is never narrower than asked for.
    let tail = (1.0 - level) / 2.0 * last as f64;
    let (low, high) = (tail.floor() as usize, last - tail.floor() as usize);
    Some(Interval { low: medians[low], high: medians[high] })
}

/// Two-sided p-value of the sign test: how likely `n` fair coins fall at least as far from even as
/// with `on_one_side` of them alike. Exact for the median of any distribution.
pub fn sign_test(n: usize, on_one_side: usize) -> f64 {
    let extreme = on_one_side.max(n.saturating_sub(on_one_side));
    // Terms of the binomial distribution as logarithms: 2^-n underflows beyond a thousand coins.
    let mut ln_term = -(n as f64) * std::f64::consts::LN_2;
    let mut tail = ln_term.exp();
    for i in 0..n.saturating_sub(extreme) {
        ln_term += (((n - i) as f64) / ((i + 1) as f64)).ln();
        tail += ln_term.exp();
    }
    (2.0 * tail).min(1.0)
}

/// Holm's adjusted p-values, in the order given: comparing each with 0.05 keeps the chance of one
/// or more false discoveries among all of them below 5 %.
pub fn holm(p_values: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p_values.len()).collect();
    order.sort_by(|&a, &b| p_values[a].total_cmp(&p_values[b]));
    let mut adjusted = vec![1.0; p_values.len()];
    let mut largest: f64 = 0.0;
    for (rank, &index) in order.iter().enumerate() {
        let remaining = (p_values.len() - rank) as f64;
        // A larger p-value is never adjusted below a smaller one.
        largest = largest.max((p_values[index] * remaining).min(1.0));
        adjusted[index] = largest;
    }
    adjusted
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The bootstrap distribution of the median of 1 … n (n odd) in closed form: the median of a
    /// resample is at most j when more than half of its draws are.
    fn exact_bootstrap(n: usize, tail: f64) -> Interval {
        let at_most = |j: usize| -> f64 {
            let p = j as f64 / n as f64;
            (n / 2 + 1..=n)
                .map(|k| choose(n, k) * p.powi(k as i32) * (1.0 - p).powi((n - k) as i32))
                .sum()
        };
        let quantile =
            |q: f64| (1..=n).find(|&j| at_most(j) > q).expect("the last is certain") as f64;
        Interval { low: quantile(tail), high: quantile(1.0 - tail) }
    }

    fn choose(n: usize, k: usize) -> f64 {
        (1..=k).map(|i| (n - k + i) as f64 / i as f64).product()
    }

    #[test]
    fn the_bootstrap_agrees_with_its_closed_form() {
        for n in [5, 9, 15, 25] {
            let values: Vec<f64> = (1..=n).map(|value| value as f64).collect();
            let drawn = bootstrap_median(&values, 0.95, 10_000, 7).expect("there are values");
            // Three standard errors of a share of 2.5 % among 10,000 draws, either way.
            let (inner, outer) = (exact_bootstrap(n, 0.0297), exact_bootstrap(n, 0.0203));
            assert!(
                (outer.low..=inner.low).contains(&drawn.low),
                "n = {n}: {drawn:?} against {inner:?} and {outer:?}"
            );
            assert!(
                (inner.high..=outer.high).contains(&drawn.high),
                "n = {n}: {drawn:?} against {inner:?} and {outer:?}"
            );
        }
    }

    #[test]
    fn the_bootstrap_follows_its_seed_and_degenerates_with_its_data() {
        let values: Vec<f64> = (0..20).map(|i| f64::from(i * i)).collect();
        let interval = |seed| bootstrap_median(&values, 0.95, 200, seed);
        assert_eq!(interval(1), interval(1));
        assert!((2..20).any(|seed| interval(seed) != interval(1)));
        assert_eq!(
            bootstrap_median(&[2.0; 15], 0.95, 100, 1),
            Some(Interval { low: 2.0, high: 2.0 })
        );
        assert_eq!(bootstrap_median(&[], 0.95, 100, 1), None);
        assert_eq!(bootstrap_median(&values, 0.95, 0, 1), None);
    }

    #[test]
    fn intervals_cover_the_true_median_about_as_often_as_they_say() {
        // Skewed, as times are: the exponential distribution, whose median is ln 2.
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(42);
        let trials = 1_000;
        let covered = (0..trials).filter(|&trial| {
            let sample: Vec<f64> = (0..15).map(|_| -(1.0 - rng.random::<f64>()).ln()).collect();
            let Interval { low, high } =
                bootstrap_median(&sample, 0.95, 400, trial).expect("there are values");
            (low..=high).contains(&std::f64::consts::LN_2)
        });
        let share = covered.count() as f64 / trials as f64;
        assert!((0.92..=0.985).contains(&share), "covered {share}");
    }

    #[test]
    fn the_sign_test_has_its_tabled_values() {
        let close = |p: f64, expected: f64| {
            assert!((p / expected - 1.0).abs() < 1e-9, "{p} is not {expected}")
        };
        close(sign_test(6, 6), 2.0 / 64.0);
        close(sign_test(6, 0), 2.0 / 64.0);
        close(sign_test(10, 9), 22.0 / 1_024.0);
        close(sign_test(15, 13), 2.0 * (1.0 + 15.0 + 105.0) / 32_768.0);
        assert_eq!(sign_test(10, 5), 1.0);
        assert_eq!(sign_test(0, 0), 1.0);
        assert!(sign_test(5_000, 5_000) < 1e-300);
        assert!((0.04..0.06).contains(&sign_test(10_000, 5_098)));
    }

    #[test]
    fn holm_is_the_textbook_example() {
        let adjusted = holm(&[0.01, 0.04, 0.03, 0.005]);
        let expected = [0.03, 0.06, 0.06, 0.02];
        assert!(adjusted.iter().zip(expected).all(|(a, e)| (a - e).abs() < 1e-12), "{adjusted:?}");
        assert_eq!(holm(&[0.9, 0.8]), [1.0, 1.0]);
        assert!(holm(&[]).is_empty());
    }
}
