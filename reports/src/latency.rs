//! The distributions of a workload: percentile charts, their table, and what they say.

use std::collections::BTreeSet;

use hdrhistogram::Histogram;
use serde::Serialize;

use crate::analysis::{self, Finding};
use crate::charts::percentiles::{self, Line, Range};
use crate::charts::{Chart, ChartError};
use crate::matrix::{Column, Good, Row};
use results::format;
use results::percentile::{FAR_TAIL, MEDIAN, Percentile, SHOWN, TAIL};
use results::stats::{self, Tail};

/// The histogram that counts from the actual start and so misses queueing; shown beside `latency`.
const UNCORRECTED: &str = "uncorrected";
/// The one that it stands beside.
const LATENCY: &str = "latency";

/// One named distribution over all runtimes.
#[derive(Debug, Serialize)]
pub(crate) struct Distribution {
    /// Its name, as words.
    pub name: String,
    /// One chart per worker count, on the same axes.
    pub panels: Vec<Panel>,
    /// The table's heads.
    pub heads: Vec<&'static str>,
    /// The table, lowest 99th percentile first.
    pub rows: Vec<TailRow>,
    /// Whether the rows have uncorrected figures.
    pub uncorrected: bool,
    /// What the data say.
    pub analysis: Vec<Finding>,
}

/// A chart of the runtimes with one worker count.
#[derive(Debug, Serialize)]
pub(crate) struct Panel {
    /// The worker count, in words.
    pub title: String,
    /// The chart.
    pub chart: Chart,
}

/// One runtime's percentiles.
#[derive(Debug, Serialize)]
pub(crate) struct TailRow {
    /// The runtime.
    pub name: String,
    /// Its worker threads.
    pub workers: usize,
    /// Whether it is somebody else's.
    pub peer: bool,
    /// How many samples.
    pub samples: String,
    /// One per head.
    pub cells: Vec<TailCell>,
}

/// A percentile.
#[derive(Debug, Default, Serialize)]
pub(crate) struct TailCell {
    /// The value, or what is in its place.
    pub text: String,
    /// The same from the uncorrected histogram.
    pub uncorrected: String,
    /// `weak` when few samples lie beyond or the machine was too busy, `small` when too few to show
    /// it.
    pub class: &'static str,
}

/// The distribution that stands for the workload in the summary.
pub(crate) fn main_histogram<'r>(row: &'r Row<'_>) -> Option<&'r str> {
    names(row).into_iter().next()
}

/// All distributions: the main one first.
pub(crate) fn distributions(
    row: &Row<'_>,
    columns: &[Column<'_>],
) -> Result<Vec<Distribution>, ChartError> {
    names(row).into_iter().map(|name| distribution(row, columns, name)).collect()
}

/// `latency` first, the others by name, without `uncorrected`, unless that is all there is.
fn names<'r>(row: &'r Row<'_>) -> Vec<&'r str> {
    let all: BTreeSet<&str> =
        row.good().flat_map(|(_, good)| good.histograms.keys().copied()).collect();
    let beside = all.contains(LATENCY);
    let mut names: Vec<&str> =
        all.into_iter().filter(|name| !(beside && *name == UNCORRECTED)).collect();
    names.sort_by_key(|name| *name != LATENCY);
    names
}

fn distribution(
    row: &Row<'_>,
    columns: &[Column<'_>],
    name: &str,
) -> Result<Distribution, ChartError> {
    let mut found: Vec<(&Column<'_>, &Good<'_>, &Histogram<u64>)> = row
        .good()
        .filter_map(|(column, good)| Some((&columns[column], good, good.histograms.get(name)?)))
        .collect();
    let panels = panels(row, name, &found)?;
    found.sort_by_key(|(_, _, histogram)| histogram.value_at_quantile(TAIL.share));
    let beside = |good: &Good<'_>| {
        if name == LATENCY { good.histograms.get(UNCORRECTED).cloned() } else { None }
    };
    let rows = found
        .iter()
        .map(|(column, good, histogram)| tail_row(column, good, histogram, beside(good).as_ref()));
    // The tail is what latency is about, as far as every sample size supports it.
    let least = found.iter().map(|(_, _, histogram)| histogram.len()).min().unwrap_or(0);
    let at = if stats::supported(least, TAIL.share) { TAIL } else { MEDIAN };
    let rows: Vec<TailRow> = rows.collect();
    Ok(Distribution {
        name: name.replace('_', " "),
        panels,
        heads: SHOWN.iter().map(|percentile| percentile.short).chain(["max"]).collect(),
        uncorrected: rows
            .iter()
            .any(|row| row.cells.iter().any(|cell| !cell.uncorrected.is_empty())),
        rows,
        analysis: analysis::latency(row, columns, name, at),
    })
}

fn panels(
    row: &Row<'_>,
    name: &str,
    found: &[(&Column<'_>, &Good<'_>, &Histogram<u64>)],
) -> Result<Vec<Panel>, ChartError> {
    let Some(range) = Range::of(found.iter().map(|(_, _, histogram)| *histogram)) else {
        return Ok(Vec::new());
    };
    let counts: BTreeSet<usize> = found.iter().map(|(column, ..)| column.workers).collect();
    let panel = |workers: usize| {
        let here = found.iter().filter(|(column, ..)| column.workers == workers);
        let lines: Vec<Line<'_>> = here
            .map(|(column, _, histogram)| Line {
                name: &column.runtime.name,
                peer: column.runtime.is_peer(),
                shade: column.shade,
                histogram,
            })
            .collect();
        let title = format::count(workers, "worker");
        let label = format!(
            "{}: {name} by percentile, {title}, {}",
            row.workload.name,
            format::count(lines.len(), "runtime")
        );
        Ok(Panel { title, chart: percentiles::chart(label, &lines, range)? })
    };
    counts.into_iter().map(panel).collect()
}

fn tail_row(
    column: &Column<'_>,
    good: &Good<'_>,
    histogram: &Histogram<u64>,
    beside: Option<&Histogram<u64>>,
) -> TailRow {
    let cell = |percentile: &Percentile| {
        // Without support the far tail is left out, what is nearer is marked.
        let value = |h: &Histogram<u64>| {
            Tail::of(h, percentile.share).map(|tail| format::duration(tail.value))
        };
        let enough = stats::supported(histogram.len(), percentile.share);
        if !enough && percentile.share >= FAR_TAIL.share {
            return TailCell {
                text: "n too small".to_owned(),
                class: "small",
                ..TailCell::default()
            };
        }
        TailCell {
            text: value(histogram).unwrap_or_default(),
            uncorrected: beside.and_then(value).unwrap_or_default(),
            class: if enough && !good.is_loud() { "" } else { "weak" },
        }
    };
    let max = TailCell {
        text: format::duration(histogram.max() as f64),
        uncorrected: beside.map(|h| format::duration(h.max() as f64)).unwrap_or_default(),
        class: "",
    };
    TailRow {
        name: column.runtime.name.clone(),
        workers: column.workers,
        peer: column.runtime.is_peer(),
        samples: format::thousands(histogram.len() as f64),
        cells: SHOWN.iter().map(cell).chain([max]).collect(),
    }
}
