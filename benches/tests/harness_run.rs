//! A harness from flags to stored records, as `cargo bench` starts it.

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use results::Store;
use results::schema::{Kind, Record};
use serde::Deserialize;

/// Keeps an iteration short in a build without optimisation.
const SHORT_RING: &str = "--param=ring.laps=3";

/// Runs a harness as `cargo bench -- FLAGS` would, into `dir`.
fn bench(kind: &str, dir: &Path, flags: &[&str]) -> Output {
    let out = dir.to_str().expect("UTF-8");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args(["__bench", kind, "--bench", "--out", out, "--seed", "7"]).args(flags);
    command.output().expect("the tool starts")
}

/// What it prints, when it must end well.
fn well(output: &Output) -> String {
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(0), "{text}{errors}");
    text.into_owned()
}

/// Its complaints, when it must end with `code`.
fn badly(output: &Output, code: i32) -> String {
    let (text, errors) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{text}{errors}");
    format!("{text}{errors}")
}

fn records(dir: &Path) -> Vec<Record> {
    let loaded = Store::existing(dir.join("results")).load_all();
    loaded.into_iter().map(|record| record.unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn measured_cells_are_stored_whole() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = ["^ping_pong/(local|work-stealing)/", "--quick", "--param", "ping_pong.pairs=20"];
    let text = well(&bench("throughput", dir.path(), &flags));
    assert!(!text.contains("time:   ["), "criterion's own lines are shown on demand: {text}");
    let records = records(dir.path());
    assert!(records.len() >= 2, "{}", records.len());
    for record in &records {
        assert_eq!(record.workload.kind, Kind::Throughput);
        assert_eq!(record.workload.params["pairs"], 20);
        assert_eq!((record.run.seed, record.run.quick), (7, true));
        let measurement =
            record.outcome.measured().unwrap_or_else(|| panic!("{:?}", record.outcome));
        assert_eq!(measurement.samples_ns.len(), 10);
        assert!(measurement.samples_ns.iter().all(|&ns| ns > 0.0));
        assert_eq!(measurement.operations_per_iteration, 20.0);
        // One body task per run and a task on either side of each pair at least.
        assert!(measurement.counters["spawned"] >= 40 * measurement.counted_iterations);
        assert!(measurement.process["wall_ns"] > 0);
    }
    assert!(dir.path().join("index.html").exists());
}

#[test]
fn memory_is_measured_once_in_each_process() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = ["^idle_memory/local/", "--rounds", "2", "--param", "idle_memory.tasks=20_000"];
    well(&bench("memory", dir.path(), &flags));
    let [record] = &records(dir.path())[..] else { panic!("one cell was meant") };
    assert_eq!(record.workload.kind, Kind::Memory);
    let measurement = record.outcome.measured().unwrap_or_else(|| panic!("{:?}", record.outcome));
    // The future alone has 64 bytes.
    let plausible = |bytes: &f64| (64.0..1_000.0).contains(bytes);
    assert_eq!(measurement.bytes_per_operation.len(), 2);
    assert!(
        measurement.bytes_per_operation.iter().all(plausible),
        "{:?}",
        measurement.bytes_per_operation
    );
    assert_eq!(measurement.counted_iterations, 2);
}

#[test]
fn a_cell_that_hangs_is_stored_as_failed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let endless = ["--param=yield_many.tasks=100000", "--param=yield_many.yields=1000000"];
    let flags =
        ["--quick", "--exact", "yield_many/local/w1", "--deadline=0.3", endless[0], endless[1]];
    well(&bench("throughput", dir.path(), &flags));
    match &records(dir.path())[..] {
        [record] => {
            assert!(format!("{:?}", record.outcome).contains("hung in verification"), "{record:?}")
        }
        other => panic!("one failed record: {other:?}"),
    }
    let as_test = [&["--test"], &flags[1..]].concat();
    assert!(badly(&bench("throughput", dir.path(), &as_test), 1).contains("hung in verification"));
}

#[test]
fn as_a_test_nothing_is_stored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    well(&bench("throughput", dir.path(), &["--test", "--exact", "ring/local/w1", SHORT_RING]));
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_harness_without_matching_cells_leaves_them_to_the_other() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    well(&bench("latency", dir.path(), &["--exact", "ring/local/w1"]));
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_filter_that_matches_nothing_anywhere_is_an_error() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(badly(&bench("throughput", dir.path(), &["nonesuch"]), 2).contains("nonesuch"));
}

#[test]
fn a_baseline_that_is_missing_is_refused_before_measuring() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cell = ["--quick", "--exact", "ring/local/w1", SHORT_RING];
    let against = [&["--baseline", "before"], &cell[..]].concat();
    let text = badly(&bench("throughput", dir.path(), &against), 2);
    assert!(text.contains("no baseline `before` for ring/local/w1"), "{text}");

    well(&bench("throughput", dir.path(), &[&["--save-baseline", "before"], &cell[..]].concat()));
    well(&bench("throughput", dir.path(), &against));
    assert!(dir.path().join("criterion/ring/local/w1/change/estimates.json").exists());

    // Criterion compares what is kept, and shows it as everybody knows it.
    well(&bench("throughput", dir.path(), &[&["--save-baseline", "after"], &cell[..]].concat()));
    let kept = [&["--load-baseline", "after", "--baseline", "before"], &cell[1..]].concat();
    let text = well(&bench("throughput", dir.path(), &kept));
    assert!(text.contains("ring/local/w1") && text.contains("change:"), "{text}");
}

#[test]
fn what_was_kept_with_other_parameters_is_not_compared() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let cell = |laps: &'static str| ["--quick", "--exact", "ring/local/w1", laps];
    let (few, more) = (cell("--param=ring.laps=2"), cell("--param=ring.laps=3"));
    let run =
        |more: &[&str], cell: &[&str]| bench("throughput", dir.path(), &[more, cell].concat());
    well(&run(&["--save-baseline", "before"], &few));
    let text = badly(&run(&["--baseline", "before"], &more), 2);
    let said = "the baseline `before` for ring/local/w1 is of no use: `laps` was 2 and is 3";
    assert!(text.contains(said), "{text}");
    let text = well(&run(&["--baseline-lenient", "before"], &more));
    assert!(text.contains("not compared with before: `laps` was 2 and is 3"), "{text}");
    // The comparison with `before` that was made is not shown as one with something else.
    let text = well(&run(&["--baseline-lenient", "before"], &few));
    assert!(text.contains("% against before") || text.contains(") against before"), "{text}");
    let text = well(&run(&["--baseline-lenient", "nonesuch"], &few));
    assert!(text.contains("not compared with nonesuch: there is none"), "{text}");
}

#[test]
fn a_baseline_that_an_earlier_build_kept_is_refused_by_its_version() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kept = dir.path().join("baselines/before");
    fs::create_dir_all(&kept).expect("created");
    fs::write(kept.join("timers.local.w1.json"), r#"{"version": 2}"#).expect("writable");
    let text = badly(
        &bench("latency", dir.path(), &["--baseline", "before", "--exact", "timers/local/w1"]),
        2,
    );
    assert!(text.contains("the baseline `before` for timers/local/w1 is of no use: "), "{text}");
    assert!(text.contains("has schema version 2, this build reads only 3"), "{text}");
}

/// Criterion's own account of its samples.
#[derive(Deserialize)]
struct SampleFile {
    iters: Vec<f64>,
    times: Vec<f64>,
}

#[test]
fn our_samples_are_criterions() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = [
        "--exact",
        "fib/local/w1",
        "--param=fib.n=8",
        "--sample-size=12",
        "-v",
        "--warm-up-time=0.01",
    ];
    let text = well(&bench(
        "throughput",
        dir.path(),
        &[&flags[..], &["--measurement-time=0.03"]].concat(),
    ));
    assert!(text.contains("time:   ["), "criterion's own lines were asked for: {text}");
    let file = fs::read(dir.path().join("criterion/fib/local/w1/new/sample.json"))
        .expect("criterion stored its samples");
    let SampleFile { iters, times } = serde_json::from_slice(&file).expect("criterion's format");
    let expected: Vec<f64> = times.iter().zip(&iters).map(|(time, iters)| time / iters).collect();
    let [record] = &records(dir.path())[..] else { panic!("one cell was meant") };
    assert_eq!(record.outcome.measured().expect("it was measured").samples_ns, expected);
    assert_eq!(expected.len(), 12);
}
