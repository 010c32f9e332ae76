//! The stored cells laid out as runtime × workload, and which of them may be compared.

use std::collections::{BTreeMap, BTreeSet};

use hdrhistogram::Histogram;

use crate::quantity::Quantity;
use results::check::MAX_AMOUNT;
use results::format;
use results::histogram;
use results::percentile::SUMMARY;
use results::schema::{Kind, Measurement, Outcome, Record, Run, RuntimeInfo, WorkloadInfo};
use results::stats::{Location, Spread, Tail, between_processes, paired, unpaired};
use results::text::chain;

/// All cells that could be read.
#[derive(Debug)]
pub(crate) struct Matrix<'a> {
    /// Runtime and worker count, in the order of the registry: ours first.
    pub columns: Vec<Column<'a>>,
    /// One row per workload, in the order of the registry.
    pub rows: Vec<Row<'a>>,
    /// The runs that the cells come from, newest first.
    pub runs: Vec<&'a Run>,
}

/// A runtime with a worker count.
#[derive(Clone, Debug)]
pub(crate) struct Column<'a> {
    /// The runtime.
    pub runtime: &'a RuntimeInfo,
    /// Its worker threads.
    pub workers: usize,
    /// Name for sentences: the worker count is told where the page has several of this runtime.
    pub name: String,
    /// Place among the runtimes of its kind (ours or peers); chooses the colour.
    pub shade: usize,
}

/// A workload and its cells.
#[derive(Debug)]
pub(crate) struct Row<'a> {
    /// The workload, as its newest cell describes it.
    pub workload: &'a WorkloadInfo,
    /// One per column; `None` where nothing is stored.
    pub cells: Vec<Option<Cell<'a>>>,
}

/// One stored cell.
#[derive(Debug)]
pub(crate) struct Cell<'a> {
    /// Which column it is in.
    pub column: usize,
    /// Which of the matrix' runs measured it.
    pub run: usize,
    /// When it was finished, in seconds since the Unix epoch.
    pub finished_unix_s: u64,
    /// What came of it.
    pub state: State<'a>,
}

/// What came of a cell, as far as a comparison goes.
#[derive(Debug)]
pub(crate) enum State<'a> {
    /// It may be compared.
    Good(Box<Good<'a>>),
    /// It may not; the page says why.
    Bad {
        /// In one word.
        kind: Bad,
        /// In a sentence.
        reason: String,
    },
}

/// Why a cell may not be compared, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Bad {
    /// Wrong result, broken law, crash.
    Failed,
    /// It ran, but the measurement did not meet its own conditions.
    Void,
    /// It did not run.
    Skipped,
    /// It was measured with other parameters than the rest of its row.
    Other,
    /// Its record holds nothing to show.
    Unusable,
}

impl Bad {
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Failed => "failed",
            Self::Void => "void",
            Self::Skipped => "skipped",
            Self::Other => "not comparable",
            Self::Unusable => "unusable",
        }
    }

    /// Whether something is wrong, rather than left out.
    pub(crate) fn is_grave(self) -> bool {
        matches!(self, Self::Failed | Self::Unusable)
    }
}

/// What an operation costs in a cell, as it is ranked with others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cost<'m> {
    /// The ranks of its samples.
    pub spread: Spread,
    /// The cell.
    good: &'m Good<'m>,
    /// With how many others it is ranked.
    rivals: usize,
}

impl Cost<'_> {
    /// How many times `other` this is: turn by turn if the two took turns, else by their medians.
    pub(crate) fn ratio(&self, other: &Self) -> f64 {
        match self.apart(other) {
            Some(apart) if self.good.turns == other.good.turns => apart.middle.exp(),
            _ => self.spread.median / other.spread.median,
        }
    }

    /// Whether the two differ clearly.
    pub(crate) fn differs(&self, other: &Self) -> bool {
        let between = self.good.between.max(other.good.between);
        match self.apart(other) {
            Some(apart) => apart.of_programs(between).is_clear(self.rivals),
            None => self.spread.differs(&other.spread),
        }
    }

    /// The logarithm of how many times `other` this is; `None` where there are too few samples, or
    /// none of time.
    fn apart(&self, other: &Self) -> Option<Location> {
        let [a, b] = [self.good, other.good];
        let compare = if a.turns == b.turns { paired } else { unpaired };
        let apart = compare(&a.measurement.samples_ns, &b.measurement.samples_ns)?;
        let [a, b] = [a, b].map(|good| good.measurement.operations_per_iteration.ln());
        Some(apart.moved(b - a))
    }
}

/// The figures of a cell that may be compared.
#[derive(Debug)]
pub(crate) struct Good<'a> {
    /// As stored.
    pub measurement: &'a Measurement,
    /// Which of the matrix' runs measured it, and with how many workers: the cells of a row that
    /// have both in common took turns.
    turns: (usize, usize),
    /// How far that run found the same program from itself: see [`between_processes`].
    between: f64,
    /// What an operation costs; present in throughput rows (nanoseconds) and memory rows (bytes).
    pub cost: Option<Spread>,
    /// The decoded distributions in nanoseconds.
    pub histograms: BTreeMap<&'a str, Histogram<u64>>,
}

impl Good<'_> {
    /// Operations that the counters cover, if any.
    pub(crate) fn counted_operations(&self) -> Option<f64> {
        let operations =
            self.measurement.counted_iterations as f64 * self.measurement.operations_per_iteration;
        (operations > 0.0).then_some(operations)
    }

    /// A counter per operation.
    pub(crate) fn per_operation(&self, counter: &str) -> Option<f64> {
        Some(*self.measurement.counters.get(counter)? as f64 / self.counted_operations()?)
    }

    /// Whether it was measured in more noise than a latency bears, however often it was tried.
    pub(crate) fn is_loud(&self) -> bool {
        self.measurement.noise.is_some_and(|noise| noise.is_loud())
    }

    /// A percentile of one of the distributions, with what the figures tell about its rounds. Of
    /// what is loud none is supported.
    pub(crate) fn tail(&self, name: &str, p: f64) -> Option<Tail> {
        let mut tail = Tail::of(self.histograms.get(name)?, p)?;
        tail.supported &= !self.is_loud();
        let figure = |name: String| self.measurement.figures.get(&name).copied();
        let rounds = SUMMARY.into_iter().find(|summary| summary.share == p).and_then(|p| {
            let best = figure(histogram::best_round(name, p))?;
            Some((best, figure(histogram::worst_round(name, p))?))
        });
        Some(match rounds {
            Some((best, worst)) => tail.over_rounds(best, worst),
            None => tail,
        })
    }

    /// One counter as a share of another, `None` when the whole is zero.
    pub(crate) fn share(&self, part: &str, whole: &str) -> Option<f64> {
        let of = |name| self.measurement.counters.get(name).copied();
        let (part, whole) = (of(part)?, of(whole)?);
        (whole > 0).then(|| part as f64 / whole as f64)
    }
}

impl<'a> Row<'a> {
    /// The cells that may be compared, with their columns.
    pub(crate) fn good(&self) -> impl Iterator<Item = (usize, &Good<'a>)> {
        self.cells.iter().flatten().filter_map(|cell| match &cell.state {
            State::Good(good) => Some((cell.column, &**good)),
            State::Bad { .. } => None,
        })
    }

    /// The cells with a cost per operation, least first.
    pub(crate) fn by_cost(&self) -> Vec<(usize, &Good<'a>, Cost<'_>)> {
        let good: Vec<_> =
            self.good().filter_map(|(column, good)| Some((column, good, good.cost?))).collect();
        let rivals = good.len().saturating_sub(1);
        let cost = |spread, good| Cost { spread, good, rivals };
        let mut cells: Vec<_> =
            good.into_iter().map(|(c, good, spread)| (c, good, cost(spread, good))).collect();
        cells.sort_by(|a, b| a.2.spread.median.total_cmp(&b.2.spread.median));
        cells
    }

    /// What that cost is, and other times of the row.
    pub(crate) fn quantity(&self) -> Quantity {
        match self.workload.kind {
            Kind::Throughput | Kind::Latency => Quantity::Time,
            Kind::Memory => Quantity::Memory,
        }
    }
}

impl<'a> Matrix<'a> {
    /// Lays `records` out. Within a workload the newest cell's parameters count; cells measured
    /// with others stay visible but are not compared.
    pub(crate) fn new(records: &'a [Record]) -> Self {
        let columns = columns(records);
        let mut runs: Vec<&Run> = Vec::new();
        for record in records {
            match runs.iter_mut().find(|run| run.id == record.run.id) {
                // Each harness of a run notes its own start: the run began with the first of them.
                Some(known) if record.run.started_unix_s < known.started_unix_s => {
                    *known = &record.run
                }
                Some(_) => {}
                None => runs.push(&record.run),
            }
        }
        runs.sort_by(|a, b| b.started_unix_s.cmp(&a.started_unix_s).then_with(|| a.id.cmp(&b.id)));

        let between: Vec<f64> =
            runs.iter().map(|run| apart_from_themselves(records, run)).collect();
        let mut by_workload: BTreeMap<&str, Vec<&Record>> = BTreeMap::new();
        for record in records {
            by_workload.entry(&record.workload.name).or_default().push(record);
        }
        let mut rows: Vec<_> = by_workload
            .into_values()
            .map(|records| row(&records, &columns, &runs, &between))
            .collect();
        rows.sort_by_key(|row| (row.workload.position, &row.workload.name));
        Self { columns, rows, runs }
    }

    /// Every stored cell.
    pub(crate) fn cells(&self) -> impl Iterator<Item = &Cell<'a>> {
        self.rows.iter().flat_map(|row| &row.cells).flatten()
    }

    /// When the last cell of a run was finished, in seconds since the Unix epoch.
    pub(crate) fn finished(&self, run: usize) -> Option<u64> {
        self.cells().filter(|cell| cell.run == run).map(|cell| cell.finished_unix_s).max()
    }
}

/// The runtimes as their newest cells describe them, with every worker count that is stored.
fn columns(records: &[Record]) -> Vec<Column<'_>> {
    let mut newest: BTreeMap<&str, &Record> = BTreeMap::new();
    let mut workers: BTreeMap<&str, BTreeSet<usize>> = BTreeMap::new();
    for record in records {
        let name = record.runtime.name.as_str();
        workers.entry(name).or_default().insert(record.workers);
        let known = newest.entry(name).or_insert(record);
        if record.run.finished_unix_s > known.run.finished_unix_s {
            *known = record;
        }
    }
    let mut runtimes: Vec<&RuntimeInfo> =
        newest.into_values().map(|record| &record.runtime).collect();
    runtimes.sort_by_key(|runtime| {
        let place = (runtime.position, &runtime.name);
        (runtime.is_peer(), runtime.is_foreign(), !runtime.newcomer, place)
    });
    let ours = runtimes.iter().filter(|runtime| !runtime.is_peer()).count();

    let mut columns = Vec::new();
    for (place, runtime) in runtimes.into_iter().enumerate() {
        let counts = &workers[runtime.name.as_str()];
        for &workers in counts {
            let name = match counts.len() {
                1 => label(runtime),
                _ => format!("{} with {}", label(runtime), format::count(workers, "worker")),
            };
            let shade = if place < ours { place } else { place - ours };
            columns.push(Column { runtime, workers, name, shade });
        }
    }
    columns
}

/// A runtime's name as it is shown: the one that the page is about has a star.
pub(crate) fn label(runtime: &RuntimeInfo) -> String {
    let new = if runtime.newcomer { "★ " } else { "" };
    let foreign = if runtime.is_foreign() { "†" } else { "" };
    format!("{new}{}{foreign}", runtime.name)
}

/// How far `run` found programs from themselves.
fn apart_from_themselves(records: &[Record], run: &Run) -> f64 {
    let of_run = records.iter().filter(|record| record.run.id == run.id);
    let controls: Vec<Location> =
        of_run.filter_map(|record| record.outcome.measured()?.control()).collect();
    between_processes(&controls)
}

/// `records` are the cells of one workload: at least one.
fn row<'a>(
    records: &[&'a Record],
    columns: &[Column<'_>],
    runs: &[&Run],
    between: &[f64],
) -> Row<'a> {
    let newest =
        records.iter().max_by_key(|r| r.run.finished_unix_s).expect("a group has a record");
    let workload = &newest.workload;
    let mut cells: Vec<Option<Cell<'a>>> = columns.iter().map(|_| None).collect();
    for record in records {
        let here =
            |c: &Column<'_>| c.runtime.name == record.runtime.name && c.workers == record.workers;
        let column = columns.iter().position(here).expect("columns were made of these records");
        let run = runs.iter().position(|run| run.id == record.run.id).expect("so were the runs");
        cells[column] = Some(Cell {
            column,
            run,
            finished_unix_s: record.run.finished_unix_s,
            state: state(record, workload, (run, record.workers), between[run]),
        });
    }
    Row { workload, cells }
}

fn state<'a>(
    record: &'a Record,
    row: &WorkloadInfo,
    turns: (usize, usize),
    between: f64,
) -> State<'a> {
    let bad = |kind, reason: &str| State::Bad { kind, reason: reason.to_owned() };
    let measurement = match &record.outcome {
        Outcome::Failed { reason } => return bad(Bad::Failed, reason),
        Outcome::Void { reason } => return bad(Bad::Void, reason),
        Outcome::Skipped { reason } => return bad(Bad::Skipped, reason),
        Outcome::Measured(measurement) => measurement,
    };
    let own = &record.workload;
    if own.kind != row.kind || own.unit != row.unit {
        return bad(
            Bad::Other,
            "measured as another kind of workload than the newest cell of its row",
        );
    }
    if own.params != row.params {
        let theirs: Vec<String> =
            own.params.iter().map(|(name, value)| format!("{name} = {value}")).collect();
        return bad(Bad::Other, &format!("measured with other parameters: {}", theirs.join(", ")));
    }
    let mut histograms = BTreeMap::new();
    for (name, text) in &measurement.histograms {
        match histogram::decode(text) {
            Ok(histogram) if histogram.is_empty() => {}
            Ok(histogram) => drop(histograms.insert(name.as_str(), histogram)),
            Err(error) => return bad(Bad::Unusable, &format!("`{name}`: {}", chain(&error))),
        }
    }
    let operations = measurement.operations_per_iteration;
    let cost = match own.kind {
        Kind::Throughput if operations > 0.0 => {
            Spread::of(measurement.samples_ns.iter().map(|ns| ns / operations))
        }
        Kind::Memory => Spread::of(measurement.bytes_per_operation.iter().copied()),
        Kind::Throughput | Kind::Latency => None,
    };
    if cost.is_none() && (own.kind != Kind::Latency || histograms.is_empty()) {
        return bad(Bad::Unusable, "the record holds no samples");
    }
    // Finite parts do not make a finite whole: 1e17 ns of 1e-300 operations.
    if cost.is_some_and(|cost| cost.max > MAX_AMOUNT) {
        return bad(Bad::Unusable, "the record's figures cannot be right");
    }
    State::Good(Box::new(Good { measurement, turns, between, cost, histograms }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{cell, ended, latency_cell, measurement, of};

    fn bad(record: Record) -> (Bad, String) {
        let records = [record];
        match &Matrix::new(&records).rows[0].cells[0].as_ref().expect("stored").state {
            State::Bad { kind, reason } => (*kind, reason.clone()),
            State::Good(_) => panic!("the cell counts"),
        }
    }

    #[test]
    fn ours_come_first_in_the_order_of_the_registry() {
        let mut records =
            vec![cell("peer-x", 1, 1.0), cell("b", 2, 1.0), cell("b", 1, 1.0), cell("a", 1, 1.0)];
        records[3].runtime.position = 9;
        let matrix = Matrix::new(&records);
        let names: Vec<&str> = matrix.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["b with 1 worker", "b with 2 workers", "a", "peer-x"]);
        assert_eq!(
            matrix.columns.iter().map(|column| column.shade).collect::<Vec<_>>(),
            [0, 0, 1, 0]
        );
    }

    #[test]
    fn the_one_that_the_page_is_about_stands_first_and_is_marked() {
        let mut records = vec![
            cell("peer-x", 1, 1.0),
            cell("a", 1, 1.0),
            cell("new", 2, 1.0),
            cell("new", 1, 1.0),
        ];
        for record in &mut records[2..] {
            record.runtime.newcomer = true;
            record.runtime.position = 9;
        }
        let matrix = Matrix::new(&records);
        let names: Vec<&str> = matrix.columns.iter().map(|column| column.name.as_str()).collect();
        assert_eq!(names, ["★ new with 1 worker", "★ new with 2 workers", "a", "peer-x"]);
    }

    #[test]
    fn void_and_skipped_are_told_apart() {
        let reason = || "void of sense".to_owned();
        assert_eq!(
            bad(ended(cell("a", 1, 1.0), Outcome::Void { reason: reason() })),
            (Bad::Void, reason())
        );
        assert_eq!(
            bad(ended(cell("a", 1, 1.0), Outcome::Skipped { reason: reason() })),
            (Bad::Skipped, reason())
        );
    }

    #[test]
    fn other_parameters_are_not_compared() {
        let mut old = cell("a", 1, 1.0);
        old.workload.params.insert("tasks".to_owned(), 5);
        let mut new = cell("b", 1, 1.0);
        new.run.finished_unix_s = 2;
        new.workload.params.insert("tasks".to_owned(), 6);
        let records = [old, new];
        let matrix = Matrix::new(&records);
        assert_eq!(matrix.rows[0].good().map(|(column, _)| column).collect::<Vec<_>>(), [1]);
        assert_eq!(matrix.rows[0].workload.params["tasks"], 6);
    }

    #[test]
    fn records_without_figures_are_unusable() {
        let mut empty = cell("a", 1, 1.0);
        measurement(&mut empty).samples_ns.clear();
        assert_eq!(bad(empty).0, Bad::Unusable);
        let mut none = cell("a", 1, 1.0);
        measurement(&mut none).operations_per_iteration = 0.0;
        assert_eq!(bad(none).0, Bad::Unusable);
        let mut absurd = cell("a", 1, 1.0);
        measurement(&mut absurd).operations_per_iteration = 1e-300;
        assert_eq!(bad(absurd).0, Bad::Unusable);
        let mut damaged = latency_cell("a", 1, &[("latency", 9)]);
        measurement(&mut damaged).histograms.insert("latency".to_owned(), "?".to_owned());
        assert_eq!(bad(damaged).0, Bad::Unusable);
    }

    #[test]
    fn a_run_began_with_the_first_of_its_harnesses() {
        let mut first = of("w1", cell("a", 1, 1.0));
        first.run.started_unix_s = 100;
        first.run.finished_unix_s = 150;
        let mut second = of("w2", cell("a", 1, 1.0));
        second.run.started_unix_s = 150;
        second.run.finished_unix_s = 400;
        for records in [[first.clone(), second.clone()], [second, first]] {
            let matrix = Matrix::new(&records);
            assert_eq!(matrix.runs.len(), 1);
            assert_eq!((matrix.runs[0].started_unix_s, matrix.finished(0)), (100, Some(400)));
        }
    }

    #[test]
    fn runs_are_told_apart_newest_first() {
        let mut old = of("w1", cell("a", 1, 1.0));
        old.run.id = "old".to_owned();
        let mut new = of("w2", cell("a", 1, 1.0));
        new.run.started_unix_s = 5;
        let records = [old, new];
        let matrix = Matrix::new(&records);
        assert_eq!(
            matrix.runs.iter().map(|run| run.id.as_str()).collect::<Vec<_>>(),
            ["run", "old"]
        );
        assert_eq!(matrix.cells().map(|cell| cell.run).collect::<Vec<_>>(), [1, 0]);
    }
}
