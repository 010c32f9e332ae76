//! Two cells that took turns, compared turn by turn.
//!
//! What the machine does falls on neighbouring turns alike, so each pair of samples gives a ratio,
//! and the ratios say how far apart the two are: see [`Location`]. What they cannot say is how far
//! two processes of the *same* program are apart (code, memory and threads come to lie elsewhere).
//! A run measures that by programs that took part twice, and [`between_processes`] reads it off
//! them.

use super::order::median_of;
use super::{ERROR, Location, TIE_RATIO};

/// Fewer pairs than this say nothing.
const LEAST_PAIRS: usize = 5;

/// The median of the square of a standard normal variable.
const MEDIAN_OF_SQUARE: f64 = 0.4549;

/// Where the logarithm of the ratio of `a` to `b` lies, sample by sample. The two ended with the
/// same turn, so the last ones belong together. `None` if there are fewer than 5 pairs, or any that
/// has no ratio.
pub fn paired(a: &[f64], b: &[f64]) -> Option<Location> {
    let n = a.len().min(b.len());
    if n < LEAST_PAIRS {
        return None;
    }
    let pairs = a[a.len() - n..].iter().zip(&b[b.len() - n..]);
    Location::of(&pairs.map(|(a, b)| (a / b).ln()).collect::<Vec<_>>())
}

/// The same for two that did not take turns: what the machine did meanwhile is in their errors, as
/// far as their samples know of it (Welch's approximation, with the fewer degrees of freedom).
pub fn unpaired(a: &[f64], b: &[f64]) -> Option<Location> {
    let logarithms = |samples: &[f64]| {
        let enough = samples.len() >= LEAST_PAIRS;
        enough.then(|| Location::of(&samples.iter().map(|ns| ns.ln()).collect::<Vec<_>>()))?
    };
    Some(logarithms(a)?.minus(&logarithms(b)?))
}

/// The standard deviation of what processes of the same program are apart, beyond what their own
/// samples explain, as the logarithm of a ratio: from the `controls` of a run, each a program
/// against itself. Robust, as a few of them are always far out: the median square is what it is for
/// a normal variable. 0 without controls.
pub fn between_processes(controls: &[Location]) -> f64 {
    if controls.is_empty() {
        return 0.0;
    }
    let mut squares: Vec<f64> = controls.iter().map(|control| control.middle.powi(2)).collect();
    let mut errors: Vec<f64> = controls.iter().map(|control| control.error.powi(2)).collect();
    let all = median_of(&mut squares) / MEDIAN_OF_SQUARE;
    (all - median_of(&mut errors)).max(0.0).sqrt()
}

impl Location {
    /// Whether a ratio of which this is the logarithm differs clearly from 1: by more than the tie
    /// band, and with an interval without 1 where 5 % of families of so many comparisons have one
    /// by chance (Bonferroni).
    pub fn is_clear(&self, comparisons: usize) -> bool {
        let level = 1.0 - ERROR / comparisons.max(1) as f64;
        let interval = self.interval(level);
        self.middle.abs() > TIE_RATIO.ln() && (interval.low > 0.0 || interval.high < 0.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wavy(middle: f64, n: u32) -> Vec<f64> {
        (0..n).map(|i| middle * (1.0 + 0.02 * f64::from(i * 7 % 5) - 0.04)).collect()
    }

    #[test]
    fn what_falls_on_both_alike_is_no_difference_and_hides_none() {
        let weather: Vec<f64> = (0..20).map(|i| 100.0 * 1.2_f64.powi(i % 7)).collect();
        let by = |factor: f64| -> Vec<f64> {
            weather.iter().zip(wavy(factor, 20)).map(|(w, f)| w * f).collect()
        };
        let tie = paired(&by(1.0), &weather).expect("pairs");
        assert!(!tie.is_clear(1), "{tie:?}");
        let slower = paired(&by(1.1), &weather).expect("pairs");
        assert!(slower.is_clear(20) && slower.middle > 0.0, "{slower:?}");
        let (a, b) = (slower.middle, paired(&weather, &by(1.1)).expect("pairs").middle);
        assert!((a + b).abs() < 1e-9, "either way round: {a}, {b}");
    }

    #[test]
    fn the_last_samples_belong_together() {
        let (short, long) = ([2.0, 4.0, 8.0, 16.0, 32.0], [9.0, 1.0, 2.0, 4.0, 8.0, 16.0]);
        let ratio = paired(&short, &long).expect("pairs");
        assert!((ratio.middle - 2.0_f64.ln()).abs() < 1e-12 && ratio.error < 1e-9, "{ratio:?}");
        assert_eq!(paired(&short[1..], &long), None, "four pairs");
        assert_eq!(paired(&[0.0; 5], &long), None, "no ratio");
    }

    #[test]
    fn those_that_took_no_turns_have_the_errors_of_both() {
        let apart = unpaired(&wavy(1.3, 20), &wavy(1.0, 12)).expect("enough");
        assert!((apart.middle.exp() - 1.3).abs() < 0.02 && apart.is_clear(20), "{apart:?}");
        assert!(apart.error > paired(&wavy(1.3, 20), &wavy(1.0, 20)).expect("pairs").error);
        assert_eq!(unpaired(&[1.0; 4], &[1.0; 9]), None);
    }

    #[test]
    fn what_programs_are_apart_from_themselves_is_no_difference_of_others() {
        let control =
            |middle: f64| Location::of(&wavy(1.0, 20)).map(|c| c.moved(middle - c.middle));
        let far: Vec<_> = [0.1, -0.1, 0.12, -0.09, 0.4].into_iter().filter_map(control).collect();
        let between = between_processes(&far);
        assert!((0.14..0.16).contains(&between), "{between}");
        let quiet: Vec<_> = [0.001, -0.001, 0.4].into_iter().filter_map(control).collect();
        assert_eq!((between_processes(&quiet), between_processes(&[])), (0.0, 0.0));
        let difference = control(0.2).expect("a location");
        assert!(difference.is_clear(10));
        assert!(!difference.of_programs(between).is_clear(10));
    }
}
