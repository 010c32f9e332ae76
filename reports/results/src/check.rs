//! What a record must be like to be stored or believed: names, numbers, texts and sizes.
//!
//! The same rules hold in both directions, so that a file which somebody else wrote can do no more
//! than one of ours.

use std::collections::BTreeMap;

use crate::noise::Noise;
use crate::schema::{Measurement, Outcome, Record};
use crate::text::{MAX_TEXT_BYTES, is_invisible};

/// The longest workload or runtime name that makes a file name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// The greatest time or size that is believed: 1e18 ns are 31 years, and 1e18 bytes an exabyte.
pub const MAX_AMOUNT: f64 = 1e18;

/// More worker threads than any machine runs.
const MAX_WORKERS: usize = 65_536;

/// The most entries in one of a record's lists. Ours have some dozens.
const MAX_ENTRIES: usize = 10_000;

/// Threads that counters are told apart by, beside the workers.
const MAX_OTHER_THREADS: usize = 1_024;

/// What is wrong with a record.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum Unfit {
    /// A name that cannot be part of a file name.
    #[error(
        "`{}` cannot name a {what}: use 1 to {MAX_NAME_BYTES} lower-case letters, digits, hyphens \
         and underscores",
        name.escape_debug()
    )]
    Name {
        /// Which of the cell's names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// A number that nobody can have measured.
    #[error("{what} is {value:e}: it must be between {least:e} and {most:e}")]
    Number {
        /// Which number.
        what: String,
        /// What it is.
        value: f64,
        /// The least that is accepted.
        least: f64,
        /// The greatest that is accepted.
        most: f64,
    },
    /// More of something than a record may hold.
    #[error("there are {count} {what}, at most {most} are accepted")]
    Count {
        /// Of what.
        what: &'static str,
        /// How many.
        count: usize,
        /// How many there may be.
        most: usize,
    },
    /// A text that is too long, or holds what cannot be seen.
    #[error("{what} is too long or holds characters that cannot be seen: `{}`", beginning(text))]
    Text {
        /// Which text.
        what: &'static str,
        /// What it says.
        text: String,
    },
}

fn beginning(text: &str) -> String {
    text.chars().take(40).flat_map(char::escape_debug).collect()
}

/// Checks everything in `record` but its version and its distributions.
///
/// # Errors
/// The first thing that is [`Unfit`].
pub fn check(record: &Record) -> Result<(), Unfit> {
    name("workload", &record.workload.name)?;
    name("runtime", &record.runtime.name)?;
    at_most("workers", record.workers, MAX_WORKERS)?;
    texts(record)?;
    at_most("parameters", record.workload.params.len(), MAX_ENTRIES)?;
    at_most("packages", record.run.machine.packages.len(), MAX_ENTRIES)?;
    match &record.outcome {
        Outcome::Measured(measurement) => figures(measurement, record.workers),
        Outcome::Failed { .. } | Outcome::Void { .. } | Outcome::Skipped { .. } => Ok(()),
    }
}

/// Names become file names, so they must not be able to leave the directory, hide, or collide.
fn name(what: &'static str, name: &str) -> Result<(), Unfit> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(Unfit::Name { what, name: name.to_owned() })
}

fn at_most(what: &'static str, count: usize, most: usize) -> Result<(), Unfit> {
    if count <= most { Ok(()) } else { Err(Unfit::Count { what, count, most }) }
}

fn texts(record: &Record) -> Result<(), Unfit> {
    let Record { run, workload, runtime, outcome, .. } = record;
    let machine = &run.machine;
    let one_line = [
        ("the run's name", Some(&run.id)),
        ("the processor's name", Some(&machine.cpu)),
        ("the kernel's name", Some(&machine.kernel)),
        ("the compiler's name", Some(&machine.rustc)),
        ("the revision", machine.revision.as_ref()),
        ("the workload's summary", Some(&workload.summary)),
        ("what the workload shows", Some(&workload.shows)),
        ("the workload's unit", Some(&workload.unit)),
        ("the runtime's summary", Some(&runtime.summary)),
        ("what the runtime isolates", Some(&runtime.isolates)),
        ("the peer's name", runtime.peer.as_ref()),
    ];
    for (what, text) in one_line {
        text.map_or(Ok(()), |text| readable(what, text, false))?;
    }
    readable("the command", &run.command, true)?;
    for (package, version) in &machine.packages {
        readable("a package's name", package, false)?;
        readable("a package's version", version, false)?;
    }
    workload.params.keys().try_for_each(|name| readable("a parameter's name", name, false))?;
    match outcome {
        Outcome::Failed { reason } | Outcome::Void { reason } | Outcome::Skipped { reason } => {
            readable("the reason", reason, true)
        }
        Outcome::Measured(m) => {
            let counters =
                m.counters.keys().chain(m.counters_per_worker.keys()).chain(m.process.keys());
            let mut names = counters.chain(m.figures.keys()).chain(m.histograms.keys());
            names.try_for_each(|name| readable("a figure's name", name, false))
        }
    }
}

/// A text of several `lines` may hold line breaks and tabs.
fn readable(what: &'static str, text: &str, lines: bool) -> Result<(), Unfit> {
    let hidden = |c: char| is_invisible(c) && !(lines && matches!(c, '\n' | '\t'));
    if text.len() <= MAX_TEXT_BYTES && !text.contains(hidden) {
        return Ok(());
    }
    Err(Unfit::Text { what, text: text.to_owned() })
}

fn figures(m: &Measurement, workers: usize) -> Result<(), Unfit> {
    let lists = [
        ("samples", m.samples_ns.len(), 100 * MAX_ENTRIES),
        ("samples of the control", m.control_ns.len(), 100 * MAX_ENTRIES),
        ("rounds", m.bytes_per_operation.len(), 100 * MAX_ENTRIES),
        ("counters", m.counters.len(), MAX_ENTRIES),
        ("counters by worker", m.counters_per_worker.len(), MAX_ENTRIES),
        ("process figures", m.process.len(), MAX_ENTRIES),
        ("distributions", m.histograms.len(), 100),
        ("figures", m.figures.len(), MAX_ENTRIES),
    ];
    lists.into_iter().try_for_each(|(what, count, most)| at_most(what, count, most))?;
    let threads = |values: &Vec<u64>| {
        at_most("threads with counters", values.len(), workers + MAX_OTHER_THREADS)
    };
    m.counters_per_worker.values().try_for_each(threads)?;
    for (i, &ns) in m.samples_ns.iter().chain(&m.control_ns).enumerate() {
        number(|| format!("sample {i}"), ns, 0.0, MAX_AMOUNT)?;
    }
    for &bytes in &m.bytes_per_operation {
        number(|| "bytes per operation".to_owned(), bytes, 0.0, MAX_AMOUNT)?;
    }
    number(|| "operations per iteration".to_owned(), m.operations_per_iteration, 0.0, MAX_AMOUNT)?;
    if let Some(Noise { steal, others, waiting }) = m.noise {
        number(|| "share of steal time".to_owned(), steal, 0.0, 1.0)?;
        number(|| "share of other processes".to_owned(), others, 0.0, 1.0)?;
        number(|| "threads that waited".to_owned(), waiting, 0.0, MAX_AMOUNT)?;
    }
    named(&m.figures)
}

/// A workload may name any figure, also one that is no amount: only what is no number is refused.
fn named(figures: &BTreeMap<String, f64>) -> Result<(), Unfit> {
    let check = |(name, &value): (&String, &f64)| {
        number(|| format!("the figure `{name}`"), value, f64::MIN, f64::MAX)
    };
    figures.iter().try_for_each(check)
}

/// A comparison with NaN is false, so that NaN is refused.
fn number(what: impl FnOnce() -> String, value: f64, least: f64, most: f64) -> Result<(), Unfit> {
    if (least..=most).contains(&value) {
        return Ok(());
    }
    Err(Unfit::Number { what: what(), value, least, most })
}
