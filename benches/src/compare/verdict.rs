//! What follows from the ratios of paired rounds, under rules that are fixed before measuring.

use workloads::Kind;

use results::stats::{Interval, TIE_RATIO, bootstrap_median, holm, median, sign_test};

/// The share of intervals that hold the true ratio.
pub const CONFIDENCE: f64 = 0.95;

/// Resamples of the rounds per interval.
pub const RESAMPLES: usize = 10_000;

/// How a runtime compares with the one named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes less, of time or memory: the whole interval lies below the tie band, and that
    /// outlasts Holm.
    Faster,
    /// It takes more: the whole interval lies above the tie band, and that outlasts Holm.
    Slower,
    /// Whatever the difference is, it is less than 5 %: the whole interval lies within the tie
    /// band.
    Tie,
    /// The rounds do not tell.
    Undecided,
}

impl Verdict {
    /// As tables and results have it, for a workload of `kind`.
    pub fn word(self, kind: Kind) -> &'static str {
        match (self, kind) {
            (Self::Faster, Kind::Memory) => "smaller",
            (Self::Slower, Kind::Memory) => "larger",
            (Self::Faster, _) => "faster",
            (Self::Slower, _) => "slower",
            (Self::Tie, _) => "tie",
            (Self::Undecided, _) => "undecided",
        }
    }
}

/// The figure of a runtime over that of the one named first, from rounds in which both ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The median over the rounds.
    pub ratio: f64,
    /// Its interval.
    pub interval: Interval,
    /// How likely a ratio within the tie band gives rounds as one-sided as these, by the sign test.
    pub p_value: f64,
    /// The rounds.
    pub rounds: usize,
}

impl Comparison {
    /// Compares pairs `(first, this)` of positive figures; `None` when there are none.
    pub fn of(pairs: &[(f64, f64)], seed: u64) -> Option<Self> {
        let logs: Vec<f64> = pairs.iter().map(|&(first, this)| (this / first).ln()).collect();
        let middle = median(&logs)?;
        let Interval { low, high } = bootstrap_median(&logs, CONFIDENCE, RESAMPLES, seed)?;
        let edge = TIE_RATIO.ln();
        let beyond = if middle < 0.0 {
            logs.iter().filter(|&&log| log < -edge).count()
        } else {
            logs.iter().filter(|&&log| log > edge).count()
        };
        // Fewer than half beyond the edge are no hint of a difference, and the test is two-sided.
        let p_value = if 2 * beyond > logs.len() { sign_test(logs.len(), beyond) } else { 1.0 };
        let interval = Interval { low: low.exp(), high: high.exp() };
        Some(Self { ratio: middle.exp(), interval, p_value, rounds: pairs.len() })
    }

    /// What the interval alone says.
    fn region(&self) -> Verdict {
        let (lower, upper) = (1.0 / TIE_RATIO, TIE_RATIO);
        let Interval { low, high } = self.interval;
        if high < lower {
            Verdict::Faster
        } else if low > upper {
            Verdict::Slower
        } else if low >= lower && high <= upper {
            Verdict::Tie
        } else {
            Verdict::Undecided
        }
    }
}

/// The verdicts on all comparisons of one plan; `None` stands for one that came to nothing.
///
/// Holm's correction spans all of them: with many comparisons, a few would seem to differ by
/// chance. A tie needs no correction, it claims no difference; but it needs as many rounds as a
/// difference that stands alone.
pub fn judge(comparisons: &[Option<Comparison>]) -> Vec<Verdict> {
    let p_values: Vec<f64> = comparisons.iter().map(|c| c.map_or(1.0, |c| c.p_value)).collect();
    let adjusted = holm(&p_values);
    let verdict = |(comparison, p): (&Option<Comparison>, f64)| match comparison {
        Some(comparison) => match comparison.region() {
            Verdict::Faster | Verdict::Slower if p > 1.0 - CONFIDENCE => Verdict::Undecided,
            Verdict::Tie if comparison.rounds < least_rounds(1) => Verdict::Undecided,
            region => region,
        },
        None => Verdict::Undecided,
    };
    comparisons.iter().zip(adjusted).map(verdict).collect()
}

/// The fewest rounds with which a difference can be told among so many comparisons: when all rounds
/// agree, the sign test must outlast Holm.
pub fn least_rounds(comparisons: usize) -> usize {
    let level = (1.0 - CONFIDENCE) / comparisons.max(1) as f64;
    (1..).find(|&rounds| sign_test(rounds, rounds) <= level).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use rand::rngs::Xoshiro256PlusPlus;
    use rand::{RngExt, SeedableRng};

    use super::*;

    /// Rounds in which the first takes about 100 ns and the other `ratio` times that; both also
    /// share a drift of the machine that is much larger than the difference.
    fn rounds(ratio: f64, noise: f64, count: usize, seed: u64) -> Vec<(f64, f64)> {
        let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed);
        let mut factor = |spread: f64| (spread * (2.0 * rng.random::<f64>() - 1.0)).exp();
        (0..count)
            .map(|_| {
                let first = 100.0 * factor(0.7);
                (first, first * ratio * factor(noise))
            })
            .collect()
    }

    fn compare(pairs: &[(f64, f64)]) -> Comparison {
        Comparison::of(pairs, 1).expect("there are rounds")
    }

    fn verdict(pairs: &[(f64, f64)]) -> Verdict {
        judge(&[Some(compare(pairs))])[0]
    }

    #[test]
    fn pairing_takes_out_what_both_share() {
        let comparison = compare(&rounds(2.0, 0.02, 15, 3));
        assert!((1.96..2.04).contains(&comparison.ratio), "{comparison:?}");
        let Interval { low, high } = comparison.interval;
        assert!(
            low <= comparison.ratio && comparison.ratio <= high && high - low < 0.1,
            "{comparison:?}"
        );
    }

    #[test]
    fn the_readers_view_is_that_of_the_runtime_named_later() {
        assert_eq!(verdict(&rounds(2.0, 0.05, 15, 3)), Verdict::Slower);
        assert_eq!(verdict(&rounds(0.5, 0.05, 15, 3)), Verdict::Faster);
    }

    #[test]
    fn small_differences_are_ties_when_they_are_known_to_be_small() {
        assert_eq!(verdict(&rounds(1.0, 0.02, 15, 5)), Verdict::Tie);
        assert_eq!(verdict(&rounds(1.03, 0.005, 15, 5)), Verdict::Tie);
        assert_eq!(verdict(&rounds(1.0, 1.0, 15, 5)), Verdict::Undecided);
        assert_eq!(
            verdict(&rounds(1.05, 0.03, 15, 5)),
            Verdict::Undecided,
            "it straddles the band"
        );
    }

    #[test]
    fn the_same_runtime_twice_is_never_told_apart() {
        let found = (0..200).map(|seed| verdict(&rounds(1.0, 0.05, 15, seed)));
        let counts = found.fold([0; 2], |[tie, different], verdict| match verdict {
            Verdict::Tie => [tie + 1, different],
            Verdict::Undecided => [tie, different],
            Verdict::Faster | Verdict::Slower => [tie, different + 1],
        });
        assert_eq!(counts[1], 0);
        assert!(counts[0] >= 190, "{} ties of 200", counts[0]);
    }

    #[test]
    fn too_few_rounds_decide_nothing() {
        assert_eq!(least_rounds(1), 6);
        for count in 1..6 {
            assert_eq!(verdict(&vec![(100.0, 30.0); count]), Verdict::Undecided, "{count}");
            assert_eq!(verdict(&vec![(100.0, 100.0); count]), Verdict::Undecided, "{count}");
        }
        assert_eq!(verdict(&[(100.0, 30.0); 6]), Verdict::Faster);
        assert_eq!(verdict(&[(100.0, 100.0); 6]), Verdict::Tie);
        assert_eq!(Comparison::of(&[], 1), None);
    }

    #[test]
    fn a_difference_must_outlast_the_number_of_comparisons() {
        let clear = Some(compare(&[(100.0, 30.0); 6]));
        let tie = Some(compare(&[(100.0, 100.0); 6]));
        assert_eq!(judge(&[clear, tie]), [Verdict::Undecided, Verdict::Tie]);
        assert_eq!(judge(&[clear, None]), [Verdict::Undecided; 2]);
        assert_eq!(least_rounds(2), 7);
        let clear = Some(compare(&[(100.0, 30.0); 7]));
        assert_eq!(judge(&[clear, tie]), [Verdict::Faster, Verdict::Tie]);
        assert!(least_rounds(800) <= 15, "the default decides the whole matrix");
    }

    #[test]
    fn less_memory_is_smaller_and_not_faster() {
        let words = |kind| {
            [Verdict::Faster, Verdict::Slower, Verdict::Tie, Verdict::Undecided]
                .map(|v| v.word(kind))
        };
        assert_eq!(words(Kind::Throughput), ["faster", "slower", "tie", "undecided"]);
        assert_eq!(words(Kind::Latency), words(Kind::Throughput));
        assert_eq!(words(Kind::Memory), ["smaller", "larger", "tie", "undecided"]);
    }
}
