//! Whether time slices pay, by how much service times differ.

use super::{Finding, SLICED, STACKFUL, cell, figure};
use crate::format;
use crate::matrix::Matrix;

/// The 99th percentile of the requests that take the mean service time or less.
const SHORT_P99: &str = "short_p99_ns";

/// The workloads, widest first, with what their requests are.
const SHAPES: [(&str, &str); 3] = [
    ("dispersion_bimodal", "where one request in 200 takes a thousand times as long as the others"),
    ("dispersion_exponential", "where service times are exponential"),
    ("dispersion_fixed", "where all are equal"),
];

/// A percentile of some thousand requests moves by tens of percent from run to run: less than this factor is no difference.
const CLEAR: f64 = 1.5;

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
    let off_ns = figure(cell(matrix, workload, STACKFUL)?, SHORT_P99)?;
    let sliced = SLICED.iter().filter_map(|(runtime, slice)| {
        let ns = figure(cell(matrix, workload, runtime)?, SHORT_P99)?;
        Some((ns, format!("{} at {slice}", format::duration(ns))))
    });
    let (ns, shown): (Vec<f64>, Vec<String>) = sliced.unzip();
    let least_ns = ns.iter().copied().reduce(f64::min)?;
    let greatest_ns = ns.iter().copied().reduce(f64::max)?;
    let verdict = match (least_ns * CLEAR < off_ns, greatest_ns > off_ns * CLEAR) {
        (true, false) => "slices help",
        (false, true) => "slices harm",
        (true, true) => "it depends on the slice",
        (false, false) => "slices make no clear difference",
    };
    Some(format!("{what}, {verdict} ({} without, {})", format::duration(off_ns), format::list(&shown)))
}
