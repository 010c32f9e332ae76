//! Counters as figures that mean something: per operation, or as a share of their whole.

use std::collections::BTreeSet;

use serde::Serialize;

use crate::matrix::{Column, Good, Row};
use results::format::{self, NONE};

/// How a figure is made of counters.
enum Formula {
    /// Per operation.
    Each(&'static str),
    /// Per 1,000 operations: for what is rare.
    Thousand(&'static str),
    /// One counter for each of another.
    Per(&'static str, &'static str),
    /// A share of the sum.
    Share(&'static str, &'static [&'static str]),
    /// What the operating system counted, per 1,000 operations.
    ProcessThousand(&'static str),
    /// Nanoseconds that the operating system counted, per operation.
    ProcessTime(&'static str),
    /// One of the operating system's counts for each of another.
    ProcessPer(&'static str, &'static str),
}

use Formula::{Each, Per, ProcessPer, ProcessThousand, ProcessTime, Share, Thousand};

/// The figures by topic, in the order in which a task meets them. A counter that stands in none of
/// them is shown under its own name.
const TOPICS: &[(&str, &[(&str, Formula)])] = &[
    (
        "Tasks",
        &[
            ("tasks spawned per operation", Each("spawned")),
            ("tasks cancelled per operation", Each("cancelled")),
            ("polls per operation", Each("polls")),
        ],
    ),
    (
        "Queues",
        &[
            (
                "scheduled from outside the workers, of all schedules",
                Share("scheduled_remote", &["scheduled_local", "scheduled_remote"]),
            ),
            (
                "taken from the slot of the task woken last, of all dequeues",
                Share("slot_hits", &["dequeued"]),
            ),
            (
                "taken from the shared queue or injector, of all dequeues",
                Share("shared_pops", &["dequeued"]),
            ),
            ("overflowed to the shared queue per 1,000 operations", Thousand("overflowed")),
        ],
    ),
    (
        "Sleeping and waking",
        &[
            ("wake-ups sent per operation", Each("unparks")),
            ("useless wake-ups, of those sent", Share("useless_unparks", &["unparks"])),
            ("times a worker slept per operation", Each("parks")),
        ],
    ),
    (
        "Stealing",
        &[
            ("steals per 1,000 operations", Thousand("steals")),
            ("tasks moved per steal", Per("stolen", "steals")),
            ("searches that found nothing per 1,000 operations", Thousand("failed_searches")),
        ],
    ),
    (
        "Reactor",
        &[
            ("epoll_wait calls per operation", Each("reactor_turns")),
            ("readiness events per epoll_wait call", Per("io_events", "reactor_turns")),
            ("timers fired per operation", Each("timers_fired")),
        ],
    ),
    (
        "Coroutines",
        &[
            ("coroutine switches per operation", Each("switches")),
            ("stacks taken from the system per 1,000 operations", Thousand("stacks_made")),
        ],
    ),
    (
        "Operating system",
        &[
            ("processors kept busy (CPU time per wall time)", ProcessPer("cpu_ns", "wall_ns")),
            ("CPU time per operation", ProcessTime("cpu_ns")),
            (
                "voluntary context switches per 1,000 operations",
                ProcessThousand("voluntary_switches"),
            ),
            (
                "involuntary context switches per 1,000 operations",
                ProcessThousand("involuntary_switches"),
            ),
        ],
    ),
];

/// Counters that are the whole of a share, or the other side of a law: they need no row of their
/// own.
const TOLD_BY_OTHERS: &[&str] = &["completed", "dequeued", "scheduled_local"];

impl Formula {
    fn value(&self, good: &Good<'_>) -> Option<f64> {
        let counter = |name: &str| good.measurement.counters.get(name).map(|&v| v as f64);
        let process = |name: &str| good.measurement.process.get(name).map(|&v| v as f64);
        let divide = |a: f64, b: f64| (b > 0.0).then(|| a / b);
        match self {
            Each(name) => good.per_operation(name),
            Thousand(name) => Some(good.per_operation(name)? * 1000.0),
            Per(name, other) => divide(counter(name)?, counter(other)?),
            Share(name, whole) => {
                divide(counter(name)?, whole.iter().map(|w| counter(w)).sum::<Option<f64>>()?)
            }
            ProcessThousand(name) => Some(process(name)? / good.counted_operations()? * 1000.0),
            ProcessTime(name) => Some(process(name)? / good.counted_operations()?),
            ProcessPer(name, other) => divide(process(name)?, process(other)?),
        }
    }

    fn show(&self, value: f64) -> String {
        match self {
            Share(..) => format::percent(value),
            ProcessTime(_) => format::duration(value),
            _ => format::rate(value),
        }
    }

    fn mentions(&self, counter: &str) -> bool {
        match self {
            Each(name) | Thousand(name) => *name == counter,
            Per(name, other) => [*name, *other].contains(&counter),
            Share(name, whole) => *name == counter || whole.contains(&counter),
            ProcessThousand(_) | ProcessTime(_) | ProcessPer(..) => false,
        }
    }
}

/// Figures that belong together.
#[derive(Debug, Serialize)]
pub(crate) struct Topic {
    /// What they are about.
    pub name: String,
    /// What each says, and its value per column of the matrix; empty where the cell does not count.
    pub rows: Vec<(String, Vec<String>)>,
}

/// The cells of a row by column, without those that may not be compared.
type Cells<'c, 'a> = [Option<&'c Good<'a>>];

/// The figures of `row` by topic, without those that are zero everywhere.
pub(crate) fn topics(row: &Row<'_>) -> Vec<Topic> {
    let mut cells: Vec<Option<&Good<'_>>> = row.cells.iter().map(|_| None).collect();
    for (column, good) in row.good() {
        cells[column] = Some(good);
    }
    let mut topics = vec![Topic { name: "This workload".to_owned(), rows: named_figures(&cells) }];
    for (name, figures) in TOPICS {
        let rows = figures.iter().filter_map(|(label, formula)| {
            let says_something =
                cells.iter().flatten().filter_map(|good| formula.value(good)).any(|v| v != 0.0);
            let values = || per_column(&cells, |good| formula.value(good).map(|v| formula.show(v)));
            says_something.then(|| ((*label).to_owned(), values()))
        });
        topics.push(Topic { name: (*name).to_owned(), rows: rows.collect() });
    }
    topics.push(Topic { name: "Other counters".to_owned(), rows: unknown_counters(&cells) });
    topics.retain(|topic| !topic.rows.is_empty());
    topics
}

fn per_column(cells: &Cells<'_, '_>, show: impl Fn(&Good<'_>) -> Option<String>) -> Vec<String> {
    let show = |good: &Good<'_>| show(good).unwrap_or_else(|| NONE.to_owned());
    cells.iter().map(|cell| cell.map(show).unwrap_or_default()).collect()
}

fn named_figures(cells: &Cells<'_, '_>) -> Vec<(String, Vec<String>)> {
    let good = cells.iter().flatten();
    let names: BTreeSet<&String> = good.flat_map(|good| good.measurement.figures.keys()).collect();
    let value = |good: &Good<'_>, name: &String| {
        good.measurement.figures.get(name).map(|v| format::figure(name, *v).1)
    };
    let row =
        |name: &String| (format::figure(name, 0.0).0, per_column(cells, |good| value(good, name)));
    names.into_iter().map(row).collect()
}

fn unknown_counters(cells: &Cells<'_, '_>) -> Vec<(String, Vec<String>)> {
    let known = |name: &str| {
        let mut formulas =
            TOPICS.iter().flat_map(|(_, figures)| figures.iter().map(|(_, formula)| formula));
        TOLD_BY_OTHERS.contains(&name) || formulas.any(|formula| formula.mentions(name))
    };
    let all = cells.iter().flatten().flat_map(|good| &good.measurement.counters);
    let names: BTreeSet<&String> =
        all.filter(|(name, value)| **value > 0 && !known(name)).map(|(n, _)| n).collect();
    let value = |good: &Good<'_>, name: &str| good.per_operation(name).map(format::rate);
    let row = |name: &String| {
        (format!("{name} per operation"), per_column(cells, |good| value(good, name)))
    };
    names.into_iter().map(row).collect()
}

/// One cell's counters as counted, by worker.
#[derive(Debug, Serialize)]
pub(crate) struct ByWorker {
    /// The runtime, with its worker count.
    pub name: String,
    /// Over how many operations.
    pub operations: String,
    /// The heads of the columns after the total.
    pub heads: Vec<String>,
    /// Counter, total, value per head.
    pub rows: Vec<(String, String, Vec<String>)>,
}

/// The counters of each cell as counted, without those that are zero.
pub(crate) fn by_worker(row: &Row<'_>, columns: &[Column<'_>]) -> Vec<ByWorker> {
    let one = |(column, good): (usize, &Good<'_>)| {
        let column = &columns[column];
        let each = &good.measurement.counters_per_worker;
        let most = each.values().map(Vec::len).max().unwrap_or(0);
        let heads = (0..most).map(|i| match i {
            i if i < column.workers => format!("worker {i}"),
            i if i == column.workers => "other threads".to_owned(),
            i => format!("block {i}"),
        });
        let counters = good.measurement.counters.iter().filter(|(_, total)| **total > 0);
        let rows = counters.map(|(name, &total)| {
            let show = |i| {
                each.get(name).and_then(|v| v.get(i)).map_or(NONE.to_owned(), |&v| format_count(v))
            };
            (name.replace('_', " "), format_count(total), (0..most).map(show).collect())
        });
        let operations = good.counted_operations().map_or(NONE.to_owned(), format::thousands);
        ByWorker {
            name: column.name.clone(),
            operations,
            heads: heads.collect(),
            rows: rows.collect(),
        }
    };
    row.good().map(one).filter(|table| !table.rows.is_empty()).collect()
}

fn format_count(count: u64) -> String {
    format::thousands(count as f64)
}
