//! One workload's part of the page.

use serde::Serialize;

use crate::analysis::{self, Finding};
use crate::charts::bars::{self, Bar};
use crate::charts::{Chart, ChartError};
use crate::counters::{self, ByWorker, Topic};
use crate::latency::{self, Distribution};
use crate::matrix::{Cell, Matrix, Row, State};
use crate::quantity::Quantity;
use results::format;
use results::schema::Kind;

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
    /// Its group on the page: `throughput`, `latency` or `memory`.
    pub group: &'static str,
    /// Time or memory per operation.
    pub costs: Option<Costs>,
    /// Latency and other distributions.
    pub distributions: Vec<Distribution>,
    /// The counters as figures.
    pub counters: Vec<Topic>,
    /// The counters as counted.
    pub by_worker: Vec<ByWorker>,
    /// The cells that may not be compared.
    pub problems: Vec<Problem>,
}

/// Time or memory per operation of all runtimes.
#[derive(Debug, Serialize)]
pub(crate) struct Costs {
    /// Which, with a capital: `Time` or `Memory`.
    pub what: &'static str,
    /// The chart.
    pub chart: Chart,
    /// Whether its axis is logarithmic.
    pub log: bool,
    /// What it says.
    pub analysis: Vec<Finding>,
    /// The same in numbers, least first.
    pub rows: Vec<CostRow>,
}

/// One runtime's costs.
#[derive(Debug, Serialize)]
pub(crate) struct CostRow {
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
        let param =
            |(name, &value): (&String, &u64)| (name.clone(), format::thousands(value as f64));
        Ok(Self {
            id: id.to_owned(),
            name: workload.name.clone(),
            summary: workload.summary.clone(),
            shows: workload.shows.clone(),
            unit: workload.unit.clone(),
            params: workload.params.iter().map(param).collect(),
            group: match workload.kind {
                Kind::Throughput => "throughput",
                Kind::Latency => "latency",
                Kind::Memory => "memory",
            },
            costs: costs(matrix, row)?,
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

fn costs(matrix: &Matrix<'_>, row: &Row<'_>) -> Result<Option<Costs>, ChartError> {
    let ranked = row.by_cost();
    let Some((first, _, best)) = ranked.first() else { return Ok(None) };
    let bars: Vec<Bar<'_>> = ranked
        .iter()
        .map(|(column, _, cost)| {
            let column = &matrix.columns[*column];
            let peer = column.runtime.is_peer();
            Bar { name: &column.runtime.name, workers: column.workers, peer, cost: cost.spread }
        })
        .collect();
    let quantity = row.quantity();
    let what = match quantity {
        Quantity::Time => "Time",
        Quantity::Memory => "Memory",
    };
    let label = format!(
        "{}: median {} per operation with spread, {}, least first; first {}, {}",
        row.workload.name,
        what.to_lowercase(),
        format::count(bars.len(), "cell"),
        matrix.columns[*first].name,
        quantity.show(best.spread.median),
    );
    let rows = bars.iter().map(|bar| {
        let c = bar.cost;
        CostRow {
            name: bar.name.to_owned(),
            workers: bar.workers,
            peer: bar.peer,
            samples: format::thousands(c.n as f64),
            ranks: [c.min, c.p5, c.q1, c.median, c.q3, c.p95, c.max]
                .map(|value| quantity.show(value))
                .to_vec(),
        }
    });
    Ok(Some(Costs {
        what,
        rows: rows.collect(),
        log: bars::is_log(&bars),
        analysis: analysis::costs(row, &matrix.columns),
        chart: bars::chart(label, &bars, quantity)?,
    }))
}
