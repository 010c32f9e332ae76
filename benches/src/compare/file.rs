//! `--json FILE`: one object per endpoint and runtime.

use results::builds::Holds;
use results::output::{Output, OutputError};
use results::percentile::TAIL;
use results::stats::Interval;
use serde::Serialize;
use workloads::Kind;

use super::builds;
use super::sheet::{Run, Sheet};
use super::verdict::{Verdict, word};
use crate::contestants::Build;
use crate::noise::Noise;

/// One runtime on one workload with one worker count.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Entry<'a> {
    /// The workload's name.
    pub workload: &'a str,
    /// The runtime's name, `NAME#2` where it was named before.
    pub runtime: &'a str,
    /// How it was built.
    pub build: &'a str,
    /// Threads that ran tasks.
    pub workers: usize,
    /// What the median is of: `ns per operation`, `p99 latency in ns`, or `bytes per operation`.
    pub measure: String,
    /// The median over the rounds that count; none for memory.
    pub median_ns: Option<f64>,
    /// The same for memory; none for times.
    pub median_bytes: Option<f64>,
    /// Its time or memory over that of the first named in the same build; 1 for the first of all.
    /// Of the first named in another build: over itself in the main one.
    pub ratio: Option<f64>,
    /// The lower end of the ratio's interval; of one round there is none.
    pub ratio_low: Option<f64>,
    /// The upper end of the ratio's interval.
    pub ratio_high: Option<f64>,
    /// How it compares with the first named, which is `first`: `faster`, `slower`, for memory
    /// `smaller`, `larger`; `tie`, `undecided`.
    pub verdict: &'a str,
    /// Where builds are compared: `robust` where the verdict is the same in all of them, `depends
    /// on the build`, or `undecided`.
    pub holds: Option<&'static str>,
    /// The rounds that count: for all but the first named, those in which both do.
    pub rounds: usize,
    /// Whether it is the one that the others are compared with.
    pub reference: bool,
    /// Why there is no result.
    pub reason: Option<&'a str>,
    /// Iterations under the clock in each run or, for throughput, in each slice.
    pub iterations: u64,
    /// Slices of a run.
    pub slices: usize,
    /// Of the first named: what it came to against itself.
    pub control: Option<Control<'a>>,
    /// Why every verdict of the file is doubtful, if it is.
    pub doubt: Option<&'a str>,
    /// Each round that was run, for whoever wants to do the statistics again.
    pub samples: Vec<Sample<'a>>,
    /// The seed of the order.
    pub seed: u64,
}

/// The first named against itself.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Control<'a> {
    /// The one over the other.
    pub ratio: f64,
    /// The lower end of the ratio's interval; of one round there is none.
    pub ratio_low: Option<f64>,
    /// The upper end of the ratio's interval.
    pub ratio_high: Option<f64>,
    /// `tie`, `undecided`, or, which is wrong, `faster` or `slower`.
    pub verdict: &'a str,
    /// The rounds that count.
    pub rounds: usize,
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
    /// How often the kernel took a processor from one of its threads in the counted run.
    pub involuntary_switches: Option<u64>,
    /// What else went on in the machine during the round.
    pub noise: Noise,
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

/// The entries of all sheets. `doubt` is why their verdicts are doubtful.
pub fn entries<'a>(sheets: &'a [Sheet], doubt: Option<&'a str>, seed: u64) -> Vec<Entry<'a>> {
    let entries = sheets.iter().flat_map(|sheet| {
        let named = (0..sheet.rows().len()).filter(|&c| !sheet.endpoint.columns[c].control);
        named.map(move |column| entry(sheet, column, doubt, seed))
    });
    entries.collect()
}

fn entry<'a>(sheet: &'a Sheet, column: usize, doubt: Option<&'a str>, seed: u64) -> Entry<'a> {
    let (row, this) = (&sheet.rows()[column], &sheet.endpoint.columns[column]);
    let reference = column == 0;
    let kind = sheet.endpoint.workload.kind;
    let (median_ns, median_bytes) = by_unit(kind, row.median);
    let verdict = match column.checked_sub(1) {
        None if row.median.is_some() => "first",
        None => word(Verdict::Undecided, kind),
        Some(other) => word(sheet.verdicts()[other], kind),
    };
    let itself = (reference && row.median.is_some()).then_some(1.0);
    let end =
        |end: fn(Interval) -> f64| itself.or(row.comparison.and_then(|c| c.interval).map(end));
    Entry {
        workload: sheet.endpoint.workload.name,
        runtime: &this.name,
        build: this.build.unwrap_or(Build::FAT).name,
        workers: sheet.endpoint.workers,
        measure: measure(kind),
        median_ns,
        median_bytes,
        ratio: itself.or(row.comparison.map(|c| c.ratio)),
        ratio_low: end(|interval| interval.low),
        ratio_high: end(|interval| interval.high),
        verdict,
        holds: builds::holds(sheet, column).map(Holds::word),
        rounds: row.rounds,
        reference,
        reason: row.reason.as_deref(),
        iterations: sheet.iterations,
        slices: sheet.slices,
        control: if reference { control(sheet) } else { None },
        doubt,
        samples: samples(sheet, column),
        seed,
    }
}

fn control(sheet: &Sheet) -> Option<Control<'_>> {
    let column = sheet.endpoint.columns.iter().position(|column| column.control)?;
    let comparison = sheet.rows()[column].comparison?;
    Some(Control {
        ratio: comparison.ratio,
        ratio_low: comparison.interval.map(|interval| interval.low),
        ratio_high: comparison.interval.map(|interval| interval.high),
        verdict: word(sheet.verdicts()[column - 1], sheet.endpoint.workload.kind),
        rounds: comparison.rounds,
    })
}

fn samples(sheet: &Sheet, column: usize) -> Vec<Sample<'_>> {
    let mut samples = Vec::with_capacity(sheet.blocks.len());
    for block in &sheet.blocks {
        let (figures, void) = match &block.runs[column] {
            Run::Measured(figures) => (Some(figures), None),
            Run::Void(reason) => (None, Some(reason.as_str())),
            Run::Missing => continue,
        };
        let figure = figures.map(|figures| figures.figure);
        let (ns, bytes) = by_unit(sheet.endpoint.workload.kind, figure);
        samples.push(Sample {
            round: block.round,
            ns,
            bytes,
            rejected: void.or(block.rejection.as_deref()),
            involuntary_switches: figures.map(|figures| figures.involuntary_switches),
            noise: block.noise,
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

    use super::super::sheet::tests::finished;
    use super::*;

    fn json(sheets: &[Sheet]) -> Value {
        serde_json::to_value(entries(sheets, None, 7)).expect("plain data")
    }

    #[test]
    fn one_object_per_runtime_with_the_names_that_were_promised() {
        let entries = json(&[finished()]);
        let third = &entries[2];
        assert_eq!(
            (&third["workload"], &third["runtime"]),
            (&"ping_pong".into(), &"global-queue".into())
        );
        assert_eq!((&third["workers"], &third["rounds"]), (&1.into(), &6.into()));
        assert_eq!((&third["median_ns"], &third["verdict"]), (&30.0.into(), &"slower".into()));
        for name in ["ratio", "ratio_low", "ratio_high"] {
            assert!((third[name].as_f64().expect("a number") - 3.0).abs() < 1e-9, "{third}");
        }
        assert_eq!(entries[1]["runtime"], "work-stealing#2");
        assert_eq!((&entries[0]["ratio"], &entries[0]["verdict"]), (&1.0.into(), &"first".into()));
        assert_eq!((&entries[0]["reference"], &third["reference"]), (&true.into(), &false.into()));
    }

    #[test]
    fn every_round_is_kept_with_the_reason_why_it_does_not_count() {
        let entries = json(&[finished()]);
        let samples = entries[1]["samples"].as_array().expect("an array");
        assert_eq!(samples.len(), 7);
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
        sheet.evaluate();
        let entries = json(&[sheet]);
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
        write(&mut file, &entries(&sheets, None, 7)).expect("writable");
        let read: Value =
            serde_json::from_slice(&fs::read(&path).expect("readable")).expect("JSON");
        assert_eq!(read.as_array().map(Vec::len), Some(3));
        assert_eq!(fs::read_dir(dir.path()).expect("readable").count(), 1);
    }
}
