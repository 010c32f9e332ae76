//! The percentiles that are shown and compared, each with its names, chosen in one place.

/// A percentile and what it is called.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Percentile {
    /// The share of values at or below it, 0 to 1.
    pub share: f64,
    /// In a table: `p99`.
    pub short: &'static str,
    /// In a sentence: `the 99th percentile`.
    pub words: &'static str,
}

/// Half of the values.
pub const MEDIAN: Percentile = Percentile { share: 0.5, short: "p50", words: "the median" };
/// Nine of ten.
pub const P90: Percentile = Percentile { share: 0.9, short: "p90", words: "the 90th percentile" };
/// The percentile that stands for how long the unlucky wait. Latency workloads are ranked and
/// compared by it, and the rounds of a cell with each other.
pub const TAIL: Percentile = Percentile { share: 0.99, short: "p99", words: "the 99th percentile" };
/// What needs 100,000 values to be more than an anecdote.
pub const FAR_TAIL: Percentile =
    Percentile { share: 0.999, short: "p99.9", words: "the 99.9th percentile" };

/// Those of a table, in its order.
pub const SHOWN: [Percentile; 4] = [MEDIAN, P90, TAIL, FAR_TAIL];

/// Those by which a latency workload is summed up.
pub const SUMMARY: [Percentile; 2] = [MEDIAN, TAIL];
