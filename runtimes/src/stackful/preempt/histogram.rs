//! Histograms of times, recorded without allocation: eight steps to each doubling, so a value is
//! off by 6 % at most.

use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Steps to a doubling, as a power of two.
const STEP_BITS: u32 = 3;
const STEPS: u64 = 1 << STEP_BITS;
const BUCKETS: usize = ((64 - STEP_BITS as usize) + 1) * STEPS as usize;

fn bucket(value: u64) -> usize {
    if value < STEPS {
        return value as usize;
    }
    let exponent = value.ilog2() - STEP_BITS;
    ((u64::from(exponent) + 1) * STEPS + ((value >> exponent) - STEPS)) as usize
}

/// The smallest value of a bucket.
fn lowest(bucket: usize) -> u64 {
    let bucket = bucket as u64;
    if bucket < STEPS {
        return bucket;
    }
    let exponent = bucket / STEPS - 1;
    (STEPS + bucket % STEPS) << exponent
}

/// Counts of one writer.
pub(super) struct Recorder(Box<[AtomicU64]>);

impl Recorder {
    pub(super) fn new() -> Self {
        Self((0..BUCKETS).map(|_| AtomicU64::new(0)).collect())
    }

    /// Counts `value`. Only for the one writer.
    pub(super) fn record(&self, value: u64) {
        let count = &self.0[bucket(value)];
        count.store(count.load(Relaxed) + 1, Relaxed);
    }

    /// Adds what was counted to `histogram`.
    pub(super) fn add_to(&self, histogram: &mut Histogram) {
        for (sum, count) in histogram.0.iter_mut().zip(&self.0) {
            *sum += count.load(Relaxed);
        }
    }
}

/// A copy of the counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Histogram(Box<[u64]>);

impl Default for Histogram {
    fn default() -> Self {
        Self(vec![0; BUCKETS].into())
    }
}

impl Histogram {
    /// How many values there are.
    pub fn len(&self) -> u64 {
        self.0.iter().sum()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// The buckets that are not empty, ascending: smallest value and number of values.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.0
            .iter()
            .enumerate()
            .filter(|&(_, &count)| count != 0)
            .map(|(n, &count)| (lowest(n), count))
    }

    /// The value that `quantile` (0.0 to 1.0) of all do not exceed, rounded to the middle of its
    /// bucket; 0 when there is none.
    pub fn value_at(&self, quantile: f64) -> u64 {
        let rank = (quantile.clamp(0.0, 1.0) * self.len() as f64).ceil().max(1.0) as u64;
        let mut seen = 0;
        for (n, &count) in self.0.iter().enumerate() {
            seen += count;
            if seen >= rank {
                return lowest(n)
                    + (lowest((n + 1).min(BUCKETS - 1)).saturating_sub(lowest(n))) / 2;
            }
        }
        0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_value_lies_in_the_bucket_that_begins_at_or_below_it() {
        for n in 0..BUCKETS {
            assert_eq!(bucket(lowest(n)), n);
        }
        for value in (0..64).flat_map(|bit| {
            [1u64 << bit, (1 << bit) + 1, (1u64 << bit).wrapping_sub(1), u64::MAX >> bit]
        }) {
            let n = bucket(value);
            assert!(lowest(n) <= value && (n + 1 == BUCKETS || lowest(n + 1) > value), "{value}");
        }
    }

    #[test]
    fn quantiles_are_within_six_percent() {
        let recorder = Recorder::new();
        (1..=10_000).for_each(|value| recorder.record(value));
        let mut histogram = Histogram::default();
        recorder.add_to(&mut histogram);
        recorder.add_to(&mut histogram);
        assert_eq!(histogram.len(), 20_000);
        for (quantile, exact) in [(0.01, 100.0), (0.5, 5_000.0), (0.99, 9_900.0)] {
            let value = histogram.value_at(quantile) as f64;
            assert!((value / exact - 1.0).abs() < 0.065, "{quantile}: {value}");
        }
        assert_eq!(histogram.buckets().map(|(_, count)| count).sum::<u64>(), 20_000);
        assert_eq!(Histogram::default().value_at(0.5), 0);
    }
}
