//! One workload's part of the page.

use serde::Serialize;

use crate::analysis::{self, Finding};
use crate::charts::bars::{self, Bar};
use crate::charts::{Chart, ChartError};
use crate::counters::{self, ByWorker, Topic};
use crate::format;
use crate::latency::{self, Distribution};
use crate::matrix::{Cell, Matrix, Row, State};
use crate::schema::Kind;

/// Everything that the page says about one workload.
#[derive(Debug, Serialize)]
pub(crate) struct Section {
    /// Its anchor.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the tasks do.
    pub summary: String,
    /// Which cost it shows.
    pub shows: String,
    /// What one operation is, plural.
    pub unit: String,
    /// Names and values of the parameters.
    pub params: Vec<(String, String)>,
    /// Whether it is a latency workload.
    pub latency: bool,
    /// Time per operation.
    pub times: Option<Times>,
    /// Latency and other distributions.
    pub distributions: Vec<Distribution>,
    /// The counters as figures.
    pub counters: Vec<Topic>,
    /// The counters as counted.
    pub by_worker: Vec<ByWorker>,
    /// The cells that may not be compared.
    pub problems: Vec<Problem>,
}

/// Time per operation of all runtimes.
#[derive(Debug, Serialize)]
pub(crate) struct Times {
    /// The chart.
    pub chart: Chart,
    /// Whether its axis is logarithmic.
    pub log: bool,
    /// What it says.
    pub analysis: Vec<Finding>,
    /// The same in numbers, fastest first.
    pub rows: Vec<TimeRow>,
}

/// One runtime's times.
#[derive(Debug, Serialize)]
pub(crate) struct TimeRow {
    /// The runtime.
    pub name: String,
    /// Its worker threads.
    pub workers: usize,
    /// Whether it is somebody else's.
    pub peer: bool,
    /// How many samples.
    pub samples: String,
    /// Least, 5th percentile, quartile, median, quartile, 95th percentile, greatest.
    pub ranks: Vec<String>,
}

/// A cell that may not be compared.
#[derive(Debug, Serialize)]
pub(crate) struct Problem {
    /// The runtime and its worker count.
    pub name: String,
    /// Failed, void, skipped …
    pub word: &'static str,
    /// Whether something is wrong, rather than left out.
    pub grave: bool,
    /// Why.
    pub reason: String,
}

impl Section {
    /// The section of `row` with the anchor `id`.
    pub(crate) fn new(matrix: &Matrix<'_>, row: &Row<'_>, id: &str) -> Result<Self, ChartError> {
        let workload = row.workload;
        let param = |(name, &value): (&String, &u64)| (name.clone(), format::thousands(value as f64));
        Ok(Self {
            id: id.to_owned(),
            name: workload.name.clone(),
            summary: workload.summary.clone(),
            shows: workload.shows.clone(),
            unit: workload.unit.clone(),
            params: workload.params.iter().map(param).collect(),
            latency: workload.kind == Kind::Latency,
            times: times(matrix, row)?,
            distributions: latency::distributions(row, &matrix.columns)?,
            counters: counters::topics(row),
            by_worker: counters::by_worker(row, &matrix.columns),
            problems: row.cells.iter().flatten().filter_map(|cell| problem(matrix, cell)).collect(),
        })
    }
}

fn problem(matrix: &Matrix<'_>, cell: &Cell<'_>) -> Option<Problem> {
    let State::Bad { kind, reason } = &cell.state else { return None };
    let name = matrix.columns[cell.column].name.clone();
    Some(Problem { name, word: kind.word(), grave: kind.is_grave(), reason: reason.clone() })
}

fn times(matrix: &Matrix<'_>, row: &Row<'_>) -> Result<Option<Times>, ChartError> {
    let timed = row.timed();
    let Some((fastest, _, best)) = timed.first() else { return Ok(None) };
    let bars: Vec<Bar<'_>> = timed
        .iter()
        .map(|(column, _, time)| {
            let column = &matrix.columns[*column];
            let peer = column.runtime.peer.is_some();
            Bar { name: &column.runtime.name, workers: column.workers, peer, time: *time }
        })
        .collect();
    let label = format!(
        "{}: median time per operation with spread, {} in order of speed; first {}, {}",
        row.workload.name,
        format::count(bars.len(), "cell"),
        matrix.columns[*fastest].name,
        format::duration(best.median),
    );
    let rows = bars.iter().map(|bar| {
        let t = bar.time;
        TimeRow {
            name: bar.name.to_owned(),
            workers: bar.workers,
            peer: bar.peer,
            samples: format::thousands(t.n as f64),
            ranks: [t.min, t.p5, t.q1, t.median, t.q3, t.p95, t.max].map(format::duration).to_vec(),
        }
    });
    Ok(Some(Times {
        rows: rows.collect(),
        log: bars::is_log(&bars),
        analysis: analysis::throughput(row, &matrix.columns),
        chart: bars::chart(label, &bars)?,
    }))
}
