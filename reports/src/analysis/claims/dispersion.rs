//! Whether time slices pay, by how much service times differ.

use results::percentile::TAIL;

use super::{Finding, SLICED, STACKFUL, cell};
use crate::matrix::Matrix;
use results::format;

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
    let told: Vec<String> =
        SHAPES.iter().filter_map(|(workload, what)| told(matrix, workload, what)).collect();
    if told.is_empty() {
        return None;
    }
    let text = format!(
        "Judged by {} of short requests (the mean service time or less), at the same load and \
         mean: {}.",
        TAIL.words,
        told.join("; ")
    );
    Some(Finding::new("“Time slicing pays where service times differ”", text))
}

fn told(matrix: &Matrix<'_>, workload: &str, what: &str) -> Option<String> {
    let off = cell(matrix, workload, STACKFUL)?.tail(SHORT, TAIL.share)?;
    let mut shown = Vec::new();
    let (mut help, mut harm) = (Vec::new(), Vec::new());
    for (runtime, slice) in SLICED {
        let Some(tail) =
            cell(matrix, workload, runtime).and_then(|good| good.tail(SHORT, TAIL.share))
        else {
            continue;
        };
        shown.push(format!("{} at {slice}", format::duration(tail.value)));
        if tail.differs(&off) {
            let verdict = if tail.value < off.value { &mut help } else { &mut harm };
            verdict.push(slice.to_owned());
        }
    }
    if shown.is_empty() {
        return None;
    }
    // A verdict on slices holds for all that were measured; else it names those that it is about.
    let all = shown.len();
    let some = |slices: &[String], verb: &str| format!("slices of {} {verb}", format::list(slices));
    let verdict = match (help.len(), harm.len()) {
        (0, 0) => "slices make no clear difference".to_owned(),
        (n, 0) if n == all => "slices help".to_owned(),
        (0, n) if n == all => "slices harm".to_owned(),
        (_, 0) => some(&help, "help"),
        (0, _) => some(&harm, "harm"),
        (..) => format!("{} and {}", some(&help, "help"), some(&harm, "harm")),
    };
    Some(format!(
        "{what}, {verdict} ({} without, {})",
        format::duration(off.value),
        format::list(&shown)
    ))
}
