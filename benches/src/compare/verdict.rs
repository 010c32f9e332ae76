//! What follows from the ratios of paired rounds, under rules that are fixed before measuring.

pub use results::stats::{Design, Verdict};
use results::stats::{Interval, Location};
use workloads::Kind;

/// The share of intervals that hold the true ratio.
pub const CONFIDENCE: f64 = 0.95;

/// A verdict as tables and results have it, for a workload of `kind`.
pub fn word(verdict: Verdict, kind: Kind) -> &'static str {
    match (verdict, kind) {
        (Verdict::Less, Kind::Memory) => "smaller",
        (Verdict::More, Kind::Memory) => "larger",
        (Verdict::Less, _) => "faster",
        (Verdict::More, _) => "slower",
        (Verdict::Tie, _) => "tie",
        (Verdict::Undecided, _) => "undecided",
    }
}

/// The figure of a runtime over that of the one named first, from rounds in which both ran.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Comparison {
    /// The middle over the rounds.
    pub ratio: f64,
    /// Its interval; of a single round there is none.
    pub interval: Option<Interval>,
    /// The rounds.
    pub rounds: usize,
    /// The same as a logarithm, for the verdict.
    pub location: Option<Location>,
}

impl Comparison {
    /// Compares pairs `(first, this)` of positive figures, in the order in which they were
    /// measured; `None` when there are none.
    pub fn of(pairs: &[(f64, f64)]) -> Option<Self> {
        let logs: Vec<f64> = pairs.iter().map(|&(first, this)| (this / first).ln()).collect();
        let location = Location::of(&logs);
        let interval = location.map(|location| {
            let Interval { low, high } = location.interval(CONFIDENCE);
            Interval { low: low.exp(), high: high.exp() }
        });
        let middle = location.map(|location| location.middle).or(logs.first().copied())?;
        Some(Self { ratio: middle.exp(), interval, rounds: pairs.len(), location })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairing_takes_out_what_both_share() {
        // The machine is up to four times slower in some rounds.
        let pairs = [10.0, 40.0, 12.0, 20.0, 31.0].map(|first| (first, 2.0 * first));
        let comparison = Comparison::of(&pairs).expect("five rounds");
        assert!((comparison.ratio - 2.0).abs() < 1e-9, "{comparison:?}");
        let (interval, location) = comparison.interval.zip(comparison.location).expect("five");
        assert!(interval.high - interval.low < 1e-6, "{interval:?}");
        assert_eq!(Design::fixed(5, 1, 0.05).judge(&location), Verdict::More);
    }

    #[test]
    fn one_round_has_no_interval() {
        assert_eq!(Comparison::of(&[]), None);
        let one = Comparison::of(&[(1.0, 2.0)]).expect("one round");
        assert!((one.ratio - 2.0).abs() < 1e-9 && one.interval.is_none(), "{one:?}");
    }

    #[test]
    fn less_memory_is_smaller_and_not_faster() {
        let words = |kind| {
            [Verdict::Less, Verdict::More, Verdict::Tie, Verdict::Undecided].map(|v| word(v, kind))
        };
        assert_eq!(words(Kind::Throughput), ["faster", "slower", "tie", "undecided"]);
        assert_eq!(words(Kind::Latency), words(Kind::Throughput));
        assert_eq!(words(Kind::Memory), ["smaller", "larger", "tie", "undecided"]);
    }
}
