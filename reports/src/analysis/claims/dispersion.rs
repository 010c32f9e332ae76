//! Whether time slices pay, by how much service times differ.

use super::{Finding, P99, SLICED, STACKFUL, cell};
use crate::format;
use crate::matrix::Matrix;
use crate::stats::Tail;

/// The distribution of the requests that take the mean service time or less.
const SHORT: &str = "short";

/// The workloads, widest first, with what their requests are.
const SHAPES: [(&str, &str); 3] = [
    ("dispersion_bimodal", "where one request in 200 takes a thousand times as long as the others"),
    ("dispersion_exponential", "where service times are exponential"),
    ("dispersion_fixed", "where all are equal"),
];

/// Where slices help short requests, and where not.
pub(super) fn pays(matrix: &Matrix<'_>) -> Option<Finding> {
    let told: Vec<String> = SHAPES.iter().filter_map(|(workload, what)| told(matrix, workload, what)).collect();
    if told.is_empty() {
        return None;
    }
    let text = format!(
        "The 99th percentile of short requests (the mean service time or less) at the same load and mean: {}.",
        told.join("; ")
    );
    Some(Finding::new("“Time slicing pays where service times differ”", text))
}

fn told(matrix: &Matrix<'_>, workload: &str, what: &str) -> Option<String> {
    let off = cell(matrix, workload, STACKFUL)?.tail(SHORT, P99)?;
    let sliced = SLICED.iter().filter_map(|(runtime, slice)| {
        let tail = cell(matrix, workload, runtime)?.tail(SHORT, P99)?;
        Some((tail, format!("{} at {slice}", format::duration(tail.value))))
    });
    let (tails, shown): (Vec<Tail>, Vec<String>) = sliced.unzip();
    if tails.is_empty() {
        return None;
    }
    let clearly = |better: fn(f64, f64) -> bool| tails.iter().any(|t| t.differs(&off) && better(t.value, off.value));
    let verdict = match (clearly(|sliced, off| sliced < off), clearly(|sliced, off| sliced > off)) {
        (true, false) => "slices help",
        (false, true) => "slices harm",
        (true, true) => "it depends on the slice",
        (false, false) => "slices make no clear difference",
    };
    Some(format!("{what}, {verdict} ({} without, {})", format::duration(off.value), format::list(&shown)))
}
