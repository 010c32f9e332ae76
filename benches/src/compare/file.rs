//! `--json FILE`: one object per endpoint and runtime.

use results::output::{Output, OutputError};
use results::percentile::TAIL;
use serde::Serialize;
use workloads::Kind;

use super::sheet::{Run, Sheet};
use super::verdict::Verdict;

/// One runtime on one workload with one worker count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The runtime's name, `NAME#2` where it was named before.
    pub runtime: &'a str,
    /// Threads that ran tasks.
    pub workers: usize,
    /// What the median is of: `ns per operation`, `p99 latency in ns`, or `bytes per operation`.
    pub measure: String,
    /// The median over the rounds that count; none for memory.
    pub median_ns: Option<f64>,
    /// The same for memory; none for times.
    pub median_bytes: Option<f64>,
    /// Its time or memory over that of the first named; 1 for that one itself.
    pub ratio: Option<f64>,
    /// The lower end of the ratio's interval.
    pub ratio_low: Option<f64>,
    /// The upper end of the ratio's interval.
    pub ratio_high: Option<f64>,
    /// How it compares with the first named, which ties with itself: `faster`, `slower`, for memory
    /// `smaller`, `larger`; `tie`, `undecided`.
    pub verdict: &'a str,
    /// The rounds that count: for all but the first named, those in which both do.
    pub rounds: usize,
    /// Whether it is the one that the others are compared with.
    pub reference: bool,
    /// Why there is no result.
    pub reason: Option<&'a str>,
    /// Iterations under the clock in each run.
    pub iterations: u64,
    /// Each round that was run, for whoever wants to do the statistics again.
    pub samples: Vec<Sample<'a>>,
    /// The seed of the order and of the bootstrap.
    pub seed: u64,
}

/// One round of an entry.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Sample<'a> {
    /// Which, from 1.
    pub round: usize,
    /// The time; none for memory, and when the run is void.
    pub ns: Option<f64>,
    /// The memory; none for times, and when the run is void.
    pub bytes: Option<f64>,
    /// Why it does not count.
    pub rejected: Option<&'a str>,
}

/// What the figures of a workload are.
pub fn measure(kind: Kind) -> String {
    match kind {
        Kind::Throughput => "ns per operation".to_owned(),
        Kind::Latency => format!("{} latency in ns", TAIL.short),
        Kind::Memory => "bytes per operation".to_owned(),
    }
}

/// `figure` as a time and as memory: one of them is none.
fn by_unit(kind: Kind, figure: Option<f64>) -> (Option<f64>, Option<f64>) {
    match kind {
        Kind::Throughput | Kind::Latency => (figure, None),
        Kind::Memory => (None, figure),
    }
}

/// The entries of all sheets, with the verdicts of all columns but the first of each, in order.
pub fn entries<'a>(sheets: &'a [Sheet], verdicts: &[Verdict], seed: u64) -> Vec<Entry<'a>> {
    let mut verdicts = verdicts.iter().copied();
    let mut entries = Vec::new();
    for sheet in sheets {
        for column in 0..sheet.rows().len() {
            let reference = column == 0;
            let verdict = if reference {
                Verdict::Tie
            } else {
                verdicts.next().unwrap_or(Verdict::Undecided)
            };
            entries.push(entry(sheet, column, verdict, seed));
        }
    }
    entries
}

fn entry(sheet: &Sheet, column: usize, verdict: Verdict, seed: u64) -> Entry<'_> {
    let row = &sheet.rows()[column];
    let reference = column == 0;
    let kind = sheet.endpoint.workload.kind;
    let (median_ns, median_bytes) = by_unit(kind, row.median);
    let verdict = if reference && row.median.is_none() { Verdict::Undecided } else { verdict };
    let itself = (reference && row.median.is_some()).then_some((1.0, 1.0, 1.0));
    let ratio = itself.or(row.comparison.map(|c| (c.ratio, c.interval.low, c.interval.high)));
    Entry {
        workload: sheet.endpoint.workload.name,
        runtime: &sheet.endpoint.columns[column].label,
        workers: sheet.endpoint.workers,
        measure: measure(kind),
        median_ns,
        median_bytes,
        ratio: ratio.map(|(ratio, ..)| ratio),
        ratio_low: ratio.map(|(_, low, _)| low),
        ratio_high: ratio.map(|(.., high)| high),
        verdict: verdict.word(kind),
        rounds: row.rounds,
        reference,
        reason: row.reason.as_deref(),
        iterations: sheet.iterations,
        samples: samples(sheet, column),
        seed,
    }
}

fn samples(sheet: &Sheet, column: usize) -> Vec<Sample<'_>> {
    let mut samples = Vec::with_capacity(sheet.blocks.len());
    for block in &sheet.blocks {
        let (figure, void) = match &block.runs[column] {
            Run::Measured(figures) => (Some(figures.figure), None),
            Run::Void(reason) => (None, Some(reason.as_str())),
            Run::Missing => continue,
        };
        let (ns, bytes) = by_unit(sheet.endpoint.workload.kind, figure);
        samples.push(Sample {
            round: block.round,
            ns,
            bytes,
            rejected: void.or(block.rejection.as_deref()),
        });
    }
    samples
}

/// Writes `entries` as one array.
///
/// # Errors
/// [`OutputError`].
pub fn write(output: &mut Output, entries: &[Entry<'_>]) -> Result<(), OutputError> {
    // Plain data with names for keys always has a text; one without would end up as an empty file.
    let mut text = serde_json::to_vec_pretty(entries).unwrap_or_default();
    text.push(b'\n');
    output.write(&text)
}

#[cfg(test)]
mod tests {
    use std::fs;

    use serde_json::Value;

    use super::super::sheet::tests::{block, rejected, sheet};
    use super::*;

    fn finished() -> Sheet {
        let mut sheet = sheet();
        sheet.iterations = 40;
        sheet.push(block(1, [10.0, 10.0, 30.0]), 1);
        sheet.push(rejected(block(2, [99.0, 99.0, 99.0])), 1);
        sheet.push(block(3, [10.0, -1.0, 30.0]), 1);
        sheet
    }

    fn json(sheets: &[Sheet], verdicts: &[Verdict]) -> Value {
        serde_json::to_value(entries(sheets, verdicts, 7)).expect("plain data")
    }

    #[test]
    fn one_object_per_runtime_with_the_names_that_were_promised() {
        let entries = json(&[finished()], &[Verdict::Tie, Verdict::Slower]);
        let third = &entries[2];
        assert_eq!(
            (&third["workload"], &third["runtime"]),
            (&"ping_pong".into(), &"global-queue".into())
        );
        assert_eq!((&third["workers"], &third["rounds"]), (&1.into(), &2.into()));
        assert_eq!((&third["median_ns"], &third["verdict"]), (&30.0.into(), &"slower".into()));
        for name in ["ratio", "ratio_low", "ratio_high"] {
            assert!((third[name].as_f64().expect("a number") - 3.0).abs() < 1e-9, "{third}");
        }
        assert_eq!(entries[1]["runtime"], "work-stealing#2");
        assert_eq!((&entries[0]["ratio"], &entries[0]["verdict"]), (&1.0.into(), &"tie".into()));
        assert_eq!((&entries[0]["reference"], &third["reference"]), (&true.into(), &false.into()));
    }

    #[test]
    fn every_round_is_kept_with_the_reason_why_it_does_not_count() {
        let entries = json(&[finished()], &[Verdict::Tie, Verdict::Slower]);
        let samples = entries[1]["samples"].as_array().expect("an array");
        assert_eq!(samples.len(), 3);
        assert_eq!(
            (&samples[1]["ns"], &samples[1]["rejected"]),
            (&99.0.into(), &"steal time 25.0 %".into())
        );
        assert_eq!(
            (&samples[2]["ns"], &samples[2]["rejected"]),
            (&Value::Null, &"void: late".into())
        );
    }

    #[test]
    fn what_failed_has_a_reason_and_no_figures() {
        let mut sheet = finished();
        sheet.fail(0, "crashed".to_owned());
        sheet.evaluate(1);
        let entries = json(&[sheet], &[Verdict::Undecided; 2]);
        assert_eq!((&entries[0]["median_ns"], &entries[0]["ratio"]), (&Value::Null, &Value::Null));
        assert_eq!(
            (&entries[0]["verdict"], &entries[0]["reason"]),
            (&"undecided".into(), &"failed: crashed".into())
        );
    }

    #[test]
    fn the_file_is_replaced_whole_and_nothing_else_is_left() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let path = dir.path().join("out.json");
        fs::write(&path, "old").expect("writable");
        let mut file = Output::prepare(&path).expect("writable");
        assert_eq!(fs::read_to_string(&path).expect("readable"), "old");
        let sheets = [finished()];
        write(&mut file, &entries(&sheets, &[Verdict::Tie, Verdict::Slower], 7)).expect("writable");
        let read: Value =
            serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        assert_eq!(read.as_array().map(Vec::len), Some(3));
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }
}
