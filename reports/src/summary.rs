//! The tables at the top: every cell as a ratio to the best of its row.

use serde::Serialize;

use crate::matrix::{Good, Matrix, Row, State};
use results::format::{self, NONE};
use results::percentile::{self, Percentile};
use results::schema::Kind;
use results::stats::{TIE_RATIO, geometric_mean};

/// Ratios up to which a cell gets each of the shades, darkest first; the rest get none.
const SHADES: [f64; 6] = [1.05, 1.3, 1.8, 3.0, 6.0, 15.0];

/// A table with one value per column of the matrix.
#[derive(Debug, Serialize)]
pub(crate) struct Table {
    /// One row per workload, or per workload and percentile.
    pub rows: Vec<Line>,
    /// The geometric mean and the worst case, where the table has them.
    pub total: Option<Total>,
}

/// A row of the table.
#[derive(Debug, Serialize)]
pub(crate) struct Line {
    /// The workload.
    pub name: String,
    /// Where its section is.
    pub id: String,
    /// The percentile, in latency tables.
    pub what: Option<&'static str>,
    /// One per column.
    pub cells: Vec<Cell>,
}

/// A cell of the table.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Cell {
    /// Its style.
    pub class: String,
    /// The ratio, or the word for what is in its place.
    pub text: String,
    /// The time, or the memory.
    pub amount: String,
    /// Whether it is the best of its row, or cannot be told from it.
    pub mark: &'static str,
    /// The run that measured it, where the page has several.
    pub run: Option<String>,
    /// The whole story, for a tooltip.
    pub title: String,
}

/// The rows below a throughput table.
#[derive(Debug, Serialize)]
pub(crate) struct Total {
    /// Geometric mean of the ratios, per column.
    pub means: Vec<String>,
    /// The worst ratio, per column.
    pub worst: Vec<String>,
    /// Over how many workloads.
    pub over: usize,
    /// Of how many.
    pub of: usize,
    /// The workloads that lack a cell of a runtime that takes part.
    pub left_out: Vec<String>,
    /// The runtimes that take no part: they have results in less than half of the workloads.
    pub without: Vec<String>,
}

/// A value to rank, with the test for a clear difference from another.
struct Value {
    /// Nanoseconds or bytes.
    amount: f64,
    /// How many times the best it is.
    ratio: f64,
    /// Whether it differs clearly from the best.
    clear: bool,
    /// Whether the samples support it. What they do not support is not ranked.
    firm: bool,
}

/// The table of throughput workloads, `None` when there are none.
pub(crate) fn throughput(matrix: &Matrix<'_>, ids: &[String]) -> Option<Table> {
    let (lines, ratios) = costs(matrix, ids, Kind::Throughput);
    let total = total(matrix, &ratios);
    (!lines.is_empty()).then_some(Table { rows: lines, total })
}

/// The table of memory workloads, `None` when there are none.
pub(crate) fn memory(matrix: &Matrix<'_>, ids: &[String]) -> Option<Table> {
    let (lines, _) = costs(matrix, ids, Kind::Memory);
    (!lines.is_empty()).then_some(Table { rows: lines, total: None })
}

/// A workload's name and its cells' ratios to the best, by column.
type Ratios = (String, Vec<Option<f64>>);

fn costs(matrix: &Matrix<'_>, ids: &[String], kind: Kind) -> (Vec<Line>, Vec<Ratios>) {
    let rows = matrix.rows.iter().zip(ids).filter(|(row, _)| row.workload.kind == kind);
    let mut lines = Vec::new();
    let mut ratios = Vec::new();
    for (row, id) in rows {
        let ranked = row.by_cost();
        let mut values: Vec<Option<Value>> = matrix.columns.iter().map(|_| None).collect();
        let ranks = |(column, _, _): &&(usize, _, _)| !foreign(matrix, *column);
        if let Some((_, _, best)) = ranked.iter().find(ranks).or(ranked.first()) {
            for (column, _, cost) in &ranked {
                values[*column] = Some(Value {
                    amount: cost.spread.median,
                    ratio: cost.ratio(best),
                    clear: best.differs(cost),
                    firm: true,
                });
            }
        }
        let to_best = values.iter().map(|value| value.as_ref().map(|v| v.ratio)).collect();
        ratios.push((row.workload.name.clone(), to_best));
        lines.push(line(matrix, row, id, None, &values));
    }
    (lines, ratios)
}

/// The table of latency workloads, two lines each, `None` when there are none.
pub(crate) fn latency(matrix: &Matrix<'_>, ids: &[String]) -> Option<Table> {
    let rows = matrix.rows.iter().zip(ids).filter(|(row, _)| row.workload.kind == Kind::Latency);
    let mut lines = Vec::new();
    for (row, id) in rows {
        let Some(name) = crate::latency::main_histogram(row) else {
            lines.push(line(matrix, row, id, None, &by_column(row, matrix, |_| None)));
            continue;
        };
        for Percentile { share: p, short: what, .. } in percentile::SUMMARY {
            let tails = row.good().filter_map(|(column, good)| Some((column, good.tail(name, p)?)));
            // Who is foreign or has too few samples is not the best, unless all are or have.
            let best = tails.min_by(|(a_column, a), (b_column, b)| {
                let first = foreign(matrix, *a_column).cmp(&foreign(matrix, *b_column));
                let first = first.then(b.supported.cmp(&a.supported));
                first.then(a.value.total_cmp(&b.value))
            });
            let best = best.map(|(_, tail)| tail);
            let values = by_column(row, matrix, |good| {
                let (tail, best) = (good.tail(name, p)?, best?);
                Some(Value {
                    amount: tail.value,
                    ratio: tail.value.max(1.0) / best.value.max(1.0),
                    clear: best.differs(&tail),
                    firm: tail.supported,
                })
            });
            lines.push(line(matrix, row, id, Some(what), &values));
        }
    }
    (!lines.is_empty()).then_some(Table { rows: lines, total: None })
}

fn by_column<'a>(
    row: &Row<'a>,
    matrix: &Matrix<'_>,
    value: impl Fn(&Good<'a>) -> Option<Value>,
) -> Vec<Option<Value>> {
    let mut values: Vec<Option<Value>> = matrix.columns.iter().map(|_| None).collect();
    for (column, good) in row.good() {
        values[column] = value(good);
    }
    values
}

fn line(
    matrix: &Matrix<'_>,
    row: &Row<'_>,
    id: &str,
    what: Option<&'static str>,
    values: &[Option<Value>],
) -> Line {
    let cells = row.cells.iter().enumerate().map(|(column, stored)| {
        let Some(stored) = stored else {
            return Cell {
                class: "none".to_owned(),
                text: NONE.to_owned(),
                title: "not measured".to_owned(),
                ..Cell::default()
            };
        };
        let run = (matrix.runs.len() > 1).then(|| run_letter(stored.run));
        match (&stored.state, &values[column]) {
            (State::Bad { kind, reason }, _) => {
                let class = if kind.is_grave() { "bad failed" } else { "bad" };
                let title = format!("{}: {}: {reason}", matrix.columns[column].name, kind.word());
                Cell {
                    class: class.to_owned(),
                    text: kind.word().to_owned(),
                    run,
                    title,
                    ..Cell::default()
                }
            }
            (State::Good(_), Some(value)) => {
                let ratio = value.ratio;
                let shade = SHADES.iter().position(|limit| ratio <= *limit).unwrap_or(SHADES.len());
                let (best, amount) = (ratio == 1.0, row.quantity().show(value.amount));
                let near = (TIE_RATIO.recip()..=TIE_RATIO).contains(&ratio);
                // What is not decided has no colour.
                let (class, mark) = match (value.firm, best, value.clear) {
                    _ if foreign(matrix, column) => ("foreign".to_owned(), ""),
                    (false, ..) => ("weak".to_owned(), ""),
                    (true, true, _) => (format!("h{shade}"), "best"),
                    (true, false, true) => (format!("h{shade}"), ""),
                    (true, false, false) if near => (format!("h{shade}"), "tie"),
                    (true, false, false) => ("open".to_owned(), "undecided"),
                };
                let name = &matrix.columns[column].name;
                let title = format!("{name}: {amount}, {} times the best", format::ratio(ratio));
                Cell { class, text: format::ratio(ratio), amount, mark, run, title }
            }
            (State::Good(_), None) => {
                let title = "no such distribution in this cell".to_owned();
                Cell {
                    class: "none".to_owned(),
                    text: NONE.to_owned(),
                    run,
                    title,
                    ..Cell::default()
                }
            }
        }
    });
    Line { name: row.workload.name.clone(), id: id.to_owned(), what, cells: cells.collect() }
}

/// Whether more than the executor differs in a column.
fn foreign(matrix: &Matrix<'_>, column: usize) -> bool {
    matrix.columns[column].runtime.is_foreign()
}

/// The letter of a run: `a` for the newest.
pub(crate) fn run_letter(run: usize) -> String {
    match u8::try_from(run) {
        Ok(n) if n < 26 => char::from(b'a' + n).to_string(),
        _ => (run + 1).to_string(),
    }
}

/// Means over the workloads that every runtime has a result in, so that all rest on the same cells.
fn total(matrix: &Matrix<'_>, ratios: &[Ratios]) -> Option<Total> {
    let present = |column: usize| ratios.iter().filter(|(_, row)| row[column].is_some()).count();
    let taking_part = |column: usize| {
        !foreign(matrix, column) && present(column) * 2 >= ratios.len() && present(column) > 0
    };
    let columns: Vec<usize> = (0..matrix.columns.len()).collect();
    let part: Vec<usize> = columns.iter().copied().filter(|&c| taking_part(c)).collect();
    let complete = |row: &Vec<Option<f64>>| part.iter().all(|&c| row[c].is_some());
    let (whole, partial): (Vec<_>, Vec<_>) = ratios.iter().partition(|(_, row)| complete(row));
    if whole.is_empty() || part.is_empty() {
        return None;
    }
    let of_column = |column: usize| whole.iter().filter_map(move |(_, row)| row[column]);
    let show = |column: usize, value: Option<f64>| match value {
        Some(value) if taking_part(column) => format::ratio(value),
        _ => NONE.to_owned(),
    };
    let lacking = |&&c: &&usize| !taking_part(c) && present(c) > 0 && !foreign(matrix, c);
    let without = columns.iter().filter(lacking);
    Some(Total {
        means: columns.iter().map(|&c| show(c, geometric_mean(of_column(c)))).collect(),
        worst: columns.iter().map(|&c| show(c, of_column(c).reduce(f64::max))).collect(),
        over: whole.len(),
        of: ratios.len(),
        left_out: partial.iter().map(|(name, _)| name.clone()).collect(),
        without: without.map(|&c| matrix.columns[c].name.clone()).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::{cell, ended, foreign_cell, latency_cell, of};
    use results::schema::{Outcome, Record};

    fn ids(matrix: &Matrix<'_>) -> Vec<String> {
        matrix.rows.iter().map(|row| row.workload.name.clone()).collect()
    }

    fn with_table(records: &[Record], check: impl FnOnce(Table)) {
        let matrix = Matrix::new(records);
        check(throughput(&matrix, &ids(&matrix)).expect("there are throughput rows"));
    }

    #[test]
    fn what_is_far_from_the_best_but_not_clearly_so_is_undecided() {
        let mut wobbling = cell("b", 1, 120.0);
        let samples = &mut crate::sample::measurement(&mut wobbling).samples_ns;
        samples.iter_mut().zip([0.5, 1.0, 1.6, 0.7, 1.3]).for_each(|(ns, by)| *ns *= by);
        with_table(&[cell("a", 1, 100.0), wobbling], |table| {
            let b = &table.rows[0].cells[1];
            assert_eq!((b.mark, b.class.as_str()), ("undecided", "open"));
        });
    }

    fn failed(record: Record) -> Record {
        ended(record, Outcome::Failed { reason: "wrong sum".to_owned() })
    }

    #[test]
    fn cells_are_ratios_to_the_best_and_ties_are_marked() {
        with_table(
            &[cell("a", 1, 100.0), cell("b", 1, 101.0), cell("peer-x", 1, 250.0)],
            |table| {
                let cells = &table.rows[0].cells;
                assert_eq!(
                    cells.iter().map(|c| c.text.as_str()).collect::<Vec<_>>(),
                    ["1.00", "1.01", "2.50"]
                );
                assert_eq!(cells.iter().map(|c| c.mark).collect::<Vec<_>>(), ["best", "tie", ""]);
                assert_eq!(cells[2].amount, "250\u{a0}ns");
            },
        );
    }

    #[test]
    fn who_differs_in_more_than_its_executor_is_shown_and_not_ranked() {
        let records = [
            of("w1", cell("a", 1, 100.0)),
            of("w1", foreign_cell("go", 1, 50.0)),
            of("w2", cell("a", 1, 100.0)),
        ];
        with_table(&records, |table| {
            let cells = &table.rows[0].cells;
            assert_eq!((cells[0].text.as_str(), cells[0].mark), ("1.00", "best"));
            assert_eq!((cells[1].text.as_str(), cells[1].mark), ("0.50", ""));
            assert_eq!(cells[1].class, "foreign");
            let total = table.total.expect("both rows are complete without it");
            assert_eq!(
                (total.over, total.means.as_slice()),
                (2, &["1.00", NONE].map(str::to_owned)[..])
            );
            assert!(total.without.is_empty(), "{:?}", total.without);
        });
    }

    #[test]
    fn means_rest_on_workloads_that_every_runtime_finished() {
        let records = [
            of("w1", cell("a", 1, 100.0)),
            of("w1", cell("b", 1, 400.0)),
            of("w2", cell("a", 1, 200.0)),
            of("w2", cell("b", 1, 100.0)),
            of("w3", cell("a", 1, 1.0)),
            of("w3", failed(cell("b", 1, 1.0))),
        ];
        with_table(&records, |table| {
            let total = table.total.expect("two rows are complete");
            assert_eq!(
                (total.over, total.of, total.left_out.as_slice()),
                (2, 3, &["w3".to_owned()][..])
            );
            assert_eq!(total.means, ["1.41", "2.00"]);
            assert_eq!(total.worst, ["2.00", "4.00"]);
            let cell = &table.rows[2].cells[1];
            assert_eq!((cell.text.as_str(), cell.class.as_str()), ("failed", "bad failed"));
            assert!(cell.title.contains("wrong sum"));
        });
    }

    #[test]
    fn a_runtime_with_few_results_does_not_empty_the_set() {
        let records = [
            of("w1", cell("a", 1, 100.0)),
            of("w2", cell("a", 1, 100.0)),
            of("w3", cell("a", 1, 100.0)),
            of("w3", cell("b", 1, 100.0)),
        ];
        with_table(&records, |table| {
            let total = table.total.expect("complete for a");
            assert_eq!(
                (total.over, total.means.as_slice()),
                (3, &["1.00".to_owned(), NONE.to_owned()][..])
            );
            assert_eq!(total.without, ["b"]);
        });
    }

    #[test]
    fn no_mean_without_a_complete_row() {
        let records = [
            of("w1", cell("a", 1, 100.0)),
            of("w1", failed(cell("b", 1, 1.0))),
            of("w2", failed(cell("a", 1, 1.0))),
            of("w2", cell("b", 1, 100.0)),
        ];
        with_table(&records, |table| assert!(table.total.is_none()));
    }

    #[test]
    fn latency_has_its_own_table_and_no_mean() {
        let records = [of("t", cell("a", 1, 100.0)), latency_cell("a", 1, &[("latency", 5_000)])];
        let matrix = Matrix::new(&records);
        let table = latency(&matrix, &ids(&matrix)).expect("a latency row");
        assert!(table.total.is_none());
        assert_eq!(
            table.rows.iter().map(|line| line.what).collect::<Vec<_>>(),
            [Some("p50"), Some("p99")]
        );
        assert_eq!(throughput(&matrix, &ids(&matrix)).expect("a throughput row").rows.len(), 1);
    }
}
