//! A harness from flags to stored records, with the tool that this build made.

use std::fs;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use benches::cell::{Launcher, Request, Task, Timing};
use benches::harness::{Args, run};
use benches::params::to_map;
use clap::Parser;
use results::Store;
use results::schema::{Kind, Outcome, Record};
use serde::Deserialize;
use workloads::Params;

const TOOL: &str = env!("CARGO_BIN_EXE_stampede");

/// Keeps an iteration short in a build without optimisation.
const SHORT_RING: &str = "--param=ring.laps=3";

/// Runs the throughput harness as `cargo bench -- FLAGS` would, into `dir`.
fn bench(kind: workloads::Kind, tool: &str, dir: &Path, flags: &[&str]) -> ExitCode {
    let out = dir.to_str().expect("UTF-8");
    let fixed = ["harness", "--bench", "--out", out, "--seed", "7"];
    let args = Args::try_parse_from(fixed.iter().chain(flags)).unwrap_or_else(|e| panic!("{e}"));
    run(kind, &args, &[], tool.into()).unwrap_or_else(|e| panic!("{e:#}"))
}

fn records(dir: &Path) -> Vec<Record> {
    let loaded = Store::existing(dir.join("results")).load_all();
    loaded.into_iter().map(|record| record.unwrap_or_else(|e| panic!("{e}"))).collect()
}

#[test]
fn measured_cells_are_stored_whole() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = ["^ping_pong/(local|work-stealing)/", "--quick", "--param", "ping_pong.pairs=20"];
    let code = bench(workloads::Kind::Throughput, TOOL, dir.path(), &flags);
    assert_eq!(code, ExitCode::SUCCESS);
    let records = records(dir.path());
    assert!(records.len() >= 2, "{}", records.len());
    for record in &records {
        assert_eq!(record.workload.kind, Kind::Throughput);
        assert_eq!(record.workload.params["pairs"], 20);
        assert_eq!((record.run.seed, record.run.quick), (7, true));
        let measurement = record.outcome.measured().unwrap_or_else(|| panic!("{:?}", record.outcome));
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
    assert_eq!(bench(workloads::Kind::Memory, TOOL, dir.path(), &flags), ExitCode::SUCCESS);
    let [record] = &records(dir.path())[..] else { panic!("one cell was meant") };
    assert_eq!(record.workload.kind, Kind::Memory);
    let measurement = record.outcome.measured().unwrap_or_else(|| panic!("{:?}", record.outcome));
    // The future alone has 64 bytes.
    let plausible = |bytes: &f64| (64.0..1_000.0).contains(bytes);
    assert_eq!(measurement.bytes_per_operation.len(), 2);
    assert!(measurement.bytes_per_operation.iter().all(plausible), "{:?}", measurement.bytes_per_operation);
    assert_eq!(measurement.counted_iterations, 2);
}

#[test]
fn a_cell_whose_process_dies_is_stored_as_failed() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let code = bench(workloads::Kind::Throughput, "/bin/false", dir.path(), &["--exact", "ring/local/w1"]);
    assert_eq!(code, ExitCode::SUCCESS, "the other harness must still run");
    match &records(dir.path())[..] {
        [Record { outcome: Outcome::Failed { reason }, .. }] => assert!(reason.contains("died"), "{reason}"),
        other => panic!("one failed record: {other:?}"),
    }
}

#[test]
fn as_a_test_a_failed_cell_fails_and_nothing_is_stored() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let flags = ["--test", "--exact", "ring/local/w1", SHORT_RING];
    assert_eq!(bench(workloads::Kind::Throughput, "/bin/false", dir.path(), &flags), ExitCode::FAILURE);
    assert_eq!(bench(workloads::Kind::Throughput, TOOL, dir.path(), &flags), ExitCode::SUCCESS);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_harness_without_matching_cells_leaves_them_to_the_other() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let code = bench(workloads::Kind::Latency, "/bin/false", dir.path(), &["--exact", "ring/local/w1"]);
    assert_eq!(code, ExitCode::SUCCESS);
    assert!(!dir.path().join("results").exists());
}

#[test]
fn a_filter_that_matches_nothing_anywhere_is_an_error() {
    let args = Args::try_parse_from(["harness", "--bench", "nonesuch"]).expect("well-formed");
    let error = run(workloads::Kind::Throughput, &args, &[], TOOL.into()).expect_err("nothing matches");
    assert!(error.to_string().contains("nonesuch"), "{error}");
}

#[test]
fn a_baseline_that_is_missing_is_refused_before_measuring() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let out = dir.path().to_str().expect("UTF-8");
    let cell = ["--quick", "--exact", "ring/local/w1", SHORT_RING];
    let line = ["harness", "--bench", "--out", out, "--baseline", "before"];
    let args = Args::try_parse_from(line.iter().chain(&cell)).expect("well-formed");
    let error = run(workloads::Kind::Throughput, &args, &[], TOOL.into()).expect_err("there is none");
    assert!(error.to_string().contains("no baseline `before` for ring/local/w1"), "{error}");

    bench(workloads::Kind::Throughput, TOOL, dir.path(), &[&["--save-baseline", "before"], &cell[..]].concat());
    run(workloads::Kind::Throughput, &args, &[], TOOL.into()).expect("now there is one");
    assert!(dir.path().join("criterion/ring/local/w1/change/estimates.json").exists());
}

#[test]
fn a_baseline_that_an_earlier_build_kept_is_refused_by_its_version() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let kept = dir.path().join("baselines/before");
    fs::create_dir_all(&kept).expect("created");
    fs::write(kept.join("timers.local.w1.json"), r#"{"version": 2}"#).expect("writable");
    let out = dir.path().to_str().expect("UTF-8");
    let line = ["harness", "--bench", "--out", out, "--baseline", "before", "--exact", "timers/local/w1"];
    let args = Args::try_parse_from(line).expect("well-formed");
    let error = run(workloads::Kind::Latency, &args, &[], "/bin/false".into()).expect_err("it cannot be compared with");
    let text = format!("{error:#}");
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
    let home = tempfile::tempdir().expect("a temporary directory");
    let deadline = Duration::from_secs(60);
    let launcher = Launcher::new(TOOL.into(), &["--bench".to_owned()], home.path().to_owned(), deadline);
    let ms = Duration::from_millis;
    let timing =
        Timing { samples: 12, adapt: false, warm_up: ms(5), measurement: ms(30), counted: ms(1), resamples: 1_001 };
    let card = workloads::cards().into_iter().find(|card| card.name == "fib").expect("it is registered");
    let mut params = Params::defaults(card);
    params.set(card, "n", 8).expect("in range");
    let request = Request {
        workload: "fib".to_owned(),
        runtime: "local".to_owned(),
        workers: 1,
        params: to_map(&params),
        task: Task::Sample(timing),
    };
    let finished = launcher.run(&request).expect("the tool starts");
    let measurement = finished.outcome.measured().unwrap_or_else(|| panic!("{:?}", finished.outcome));
    let file = fs::read(home.path().join("fib/local/w1/new/sample.json")).expect("criterion stored its samples");
    let SampleFile { iters, times } = serde_json::from_slice(&file).expect("criterion's format");
    let expected: Vec<f64> = times.iter().zip(&iters).map(|(time, iters)| time / iters).collect();
    assert_eq!(measurement.samples_ns, expected);
    assert_eq!(expected.len(), 12);
}
