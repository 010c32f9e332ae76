//! Latencies into histograms of one common precision.

use hdrhistogram::Histogram;

/// Three significant digits: a value is off by at most 0.1 %.
const DIGITS: u8 = 3;

/// A histogram of `values_ns`. It grows with its values: none is clipped.
pub(crate) fn histogram(values_ns: impl Iterator<Item = u64>) -> Histogram<u64> {
    let mut histogram = Histogram::new(DIGITS).expect("3 digits lie in 0 to 5");
    for value in values_ns {
        // An auto-resizing histogram takes any value up to u64::MAX / 2, some 290 years.
        histogram.record(value).expect("the value fits");
    }
    histogram
}
