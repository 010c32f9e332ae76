//! `cargo stampede compare` as a user meets it, with rounds that are too short to mean anything.

use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::LazyLock;

use serde_json::Value;

/// Runs that take milliseconds, on any machine, however busy.
const TINY: [&str; 8] = [
    "--measurement-time=0.002",
    "--max-steal=100",
    "--max-others=100",
    "--workers=1",
    "--seed=7",
    "--param",
    "ping_pong.pairs=5",
    "--json",
];

/// Everybody whom these tests compare conforms: the first comparison finds that out, and the others
/// remember it.
static CONFORM: LazyLock<()> = LazyLock::new(|| {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args([
        "compare",
        "local",
        "work-stealing",
        "global-queue",
        "tokio-ct",
        "--rounds=1",
        "--max-steal=100",
        "--max-others=100",
        "--workload=ring",
    ]);
    let output =
        command.args(["--workers=1", "--param=ring.laps=2"]).output().expect("the tool starts");
    assert!(output.status.success(), "{}{}", stdout(&output), stderr(&output));
});

fn compare(arguments: &[&str]) -> Output {
    LazyLock::force(&CONFORM);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.arg("compare").args(arguments).output().expect("the tool starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

fn stderr(output: &Output) -> String {
    String::from_utf8(output.stderr.clone()).expect("UTF-8")
}

/// Tiny rounds of ping_pong, and what they left in the file.
fn tiny(runtimes: &[&str], more: &[&str]) -> (Output, Value) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("out.json");
    let fixed = ["--workload=^ping_pong$", path.to_str().expect("UTF-8")];
    let output = compare(&[runtimes, more, &fixed[..1], &TINY, &fixed[1..]].concat());
    let left: Vec<_> = std::fs::read_dir(dir.path()).expect("readable").flatten().collect();
    assert_eq!(left.len(), 1, "{left:?}: {}", stderr(&output));
    (output, read(&path))
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).expect("it was written")).expect("JSON")
}

/// Standard error of a command that must have been refused with code 2.
fn refused(arguments: &[&str]) -> String {
    let output = compare(arguments);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", stderr(&output));
    assert!(output.stdout.is_empty(), "{}", stdout(&output));
    stderr(&output)
}

#[test]
fn memory_is_compared_in_bytes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("out.json");
    let memory = ["--workload=^idle_memory$", "--rounds=6", "--param=idle_memory.tasks=2000"];
    let output = compare(
        &[&["local", "tokio-ct"], &memory[..], &TINY, &[path.to_str().expect("UTF-8")]].concat(),
    );
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let entries = read(&path);
    let other = &entries[1];
    assert_eq!(
        (&other["measure"], &other["median_ns"]),
        (&"bytes per operation".into(), &Value::Null)
    );
    assert!(other["median_bytes"].as_f64().expect("a number") > 64.0, "{other}");
    assert!(
        other["samples"][0]["ns"].is_null() && other["samples"][0]["bytes"].is_f64(),
        "{other}"
    );
    // Tokio's task is at least twice as large as ours, in any build.
    assert_eq!(other["verdict"], "larger", "{other}");
    let text = stdout(&output);
    assert!(
        text.contains("idle_memory, 1 worker: bytes per operation (tasks), 1 iteration a round"),
        "{text}"
    );
}

#[test]
fn runtimes_are_compared_with_the_first_in_a_table_and_a_file() {
    let (output, entries) = tiny(&["local", "work-stealing", "global-queue"], &["--rounds=3"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let entries = entries.as_array().expect("an array");
    let names: Vec<_> =
        entries.iter().map(|entry| entry["runtime"].as_str().expect("a name")).collect();
    assert_eq!(names, ["local", "work-stealing", "global-queue"]);
    for entry in entries {
        assert_eq!((&entry["workload"], &entry["workers"]), (&"ping_pong".into(), &1.into()));
        assert_eq!((&entry["rounds"], &entry["seed"]), (&3.into(), &7.into()));
        let [median, ratio, low, high] = ["median_ns", "ratio", "ratio_low", "ratio_high"]
            .map(|name| entry[name].as_f64().expect("a number"));
        assert!(median > 0.0 && low > 0.0 && low <= ratio && ratio <= high, "{entry}");
        let verdict = entry["verdict"].as_str().expect("a verdict");
        let first = entry["reference"] == true;
        assert_eq!(verdict, if first { "first" } else { "undecided" }, "three rounds: {entry}");
        assert_eq!(entry["samples"].as_array().map(Vec::len), Some(3));
        assert!(entry["samples"][0]["noise"]["steal"].is_number(), "{entry}");
        assert_eq!(entry["control"]["ratio"].is_number(), first, "{entry}");
    }
    let text = stdout(&output);
    assert!(text.starts_with("ping_pong, 1 worker: time per operation (round trips)"), "{text}");
    assert!(
        text.contains("Geometric mean of the ratios to local") && text.contains("over 1 of 1 cell"),
        "{text}"
    );
    assert!(text.contains("  local again "), "{text}");
    assert!(text.contains("A/A, the first against itself: 0 tied, 1 undecided"), "{text}");
    assert!(text.contains("Noise, median and worst round: steal"), "{text}");
    assert!(
        text.contains("again: cargo stampede compare local work-stealing global-queue"),
        "{text}"
    );
    assert!(!text.contains('\u{1b}'), "colours off a terminal");
    let progress = stderr(&output);
    assert!(
        progress.contains("seed 7; rounds with more than 100.0 % steal time or 100.0 % of other"),
        "{progress}"
    );
    assert!(progress.contains("3 rounds cannot decide anything: take at least 5"), "{progress}");
    assert!(progress.contains("round 2 of 3 — about"), "{progress}");
}

#[test]
fn the_same_runtime_twice_is_accepted_and_told_apart_by_its_label() {
    let (output, entries) = tiny(&["work-stealing", "work-stealing"], &["--rounds=2"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    assert_eq!(entries[1]["runtime"], "work-stealing#2");
    assert!(stdout(&output).contains("  work-stealing#2 "), "{}", stdout(&output));
}

#[test]
fn a_verdict_is_held_against_other_builds() {
    let (output, json) = tiny(&["local", "work-stealing"], &["--rounds=5", "--builds=fat,plain"]);
    assert!(output.status.success(), "{}", stderr(&output));
    let entries = json.as_array().expect("an array");
    let of = |field: &str| entries.iter().map(|entry| entry[field].clone()).collect::<Vec<_>>();
    assert_eq!(of("build"), ["fat", "fat", "plain", "plain"]);
    assert_eq!(of("runtime"), ["local", "work-stealing", "local", "work-stealing"]);
    assert_eq!(of("holds")[0], Value::Null);
    assert_eq!(of("holds")[1], of("holds")[3]);
    let text = stdout(&output);
    for expected in ["Verdicts in all builds, to local", "work-stealing@plain", "to local@plain"] {
        assert!(text.contains(expected), "{expected}: {text}");
    }
    let complaint = refused(&["local", "work-stealing", "--builds=fat,quick"]);
    assert!(complaint.contains("quick") && complaint.contains("mimalloc"), "{complaint}");
}

#[test]
fn latency_workloads_are_compared_by_their_tail() {
    let output = compare(&[
        "local",
        "work-stealing",
        "--workload=^timers$",
        "--workers=1",
        "--rounds=1",
        "--measurement-time=0.01",
        "--max-steal=100",
        "--max-others=100",
        "--param=timers.timers=100",
    ]);
    let text = stdout(&output);
    assert!(text.contains("timers, 1 worker: p99 latency in ns"), "{text}\n{}", stderr(&output));
    assert!(text.contains("ratios to local, p99 latency") || text.contains("void"), "{text}");
}

#[test]
fn a_runtime_that_fails_is_named_and_the_others_go_on() {
    // A hundred million yields take longer than the deadline on any machine.
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("out.json");
    let output = compare(&[
        "local",
        "work-stealing",
        "--workload=^(ping_pong|yield_many)$",
        "--workers=1",
        "--rounds=1",
        "--measurement-time=0.002",
        "--max-steal=100",
        "--max-others=100",
        "--deadline=4",
        "--param=yield_many.tasks=100000",
        "--param=yield_many.yields=1000000",
        "--param=ping_pong.pairs=5",
        "--json",
        path.to_str().expect("UTF-8"),
    ]);
    let (text, errors) = (stdout(&output), stderr(&output));
    assert_eq!(output.status.code(), Some(1), "{text}{errors}");
    assert!(text.contains("failed: hung in "), "{text}");
    assert!(errors.contains("no result for yield_many/local/w1: failed: hung"), "{errors}");
    let entries = read(&path);
    for entry in entries.as_array().expect("an array") {
        let failed = entry["workload"] == "yield_many";
        assert_eq!(
            (entry["median_ns"].is_null(), entry["reason"].is_string()),
            (failed, failed),
            "{entry}"
        );
        assert!(!failed || entry["verdict"] == "undecided", "{entry}");
    }
}

#[test]
fn an_interruption_keeps_and_shows_what_was_measured() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("out.json");
    let fixed = ["local", "local", "--workload=^ping_pong$", "--rounds=60000"];
    LazyLock::force(&CONFORM);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command
        .arg("compare")
        .args(fixed)
        .args(TINY)
        .arg(&path)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let mut child = command.spawn().expect("the tool starts");
    // Its first round has ended when it says so.
    let mut lines =
        std::io::BufRead::lines(std::io::BufReader::new(child.stderr.take().expect("piped")));
    let first = lines
        .by_ref()
        .map(|line| line.expect("UTF-8"))
        .find(|line| line.starts_with("round 1 of 60000"));
    assert!(first.is_some());
    let pid = rustix::process::Pid::from_child(&child);
    rustix::process::kill_process(pid, rustix::process::Signal::INT).expect("it is ours");
    lines.for_each(drop);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130));
    let text = stdout(&output);
    assert!(text.contains("  local#2 ") && text.contains("interrupted after"), "{text}");
    assert!(read(&path)[0]["rounds"].as_u64().expect("a count") >= 1);
}

#[test]
fn what_is_refused_is_named_with_what_would_do() {
    let error = refused(&["local", "tokoi-mt"]);
    assert!(
        error.contains("`tokoi-mt`: did you mean tokio-mt") && error.contains("work-stealing"),
        "{error}"
    );
    assert!(refused(&["local"]).contains("nobody to compare local with"));
    let error = refused(&["local", "local", "--workload", "nonesuch"]);
    assert!(error.contains("`nonesuch`") && error.contains("ping_pong"), "{error}");
    assert!(refused(&["local", "local", "--workload", "["]).contains("regex"));
    assert!(
        refused(&["local", "work-stealing", "--workers", "2"])
            .contains("local cannot run with 2 workers")
    );
    assert!(
        refused(&["local", "local", "--json", "/nonexistent/x.json"])
            .contains("/nonexistent/x.json")
    );
    assert!(
        refused(&["local", "local", "--param", "ping_pong.peers=1"])
            .contains("no parameter `peers`")
    );
    assert!(refused(&["local", "local", "--max-steal", "101"]).contains("percentage"));
    for odd in ["--rounds=0", "--workers=0", "--measurement-time=0", "--seed=x"] {
        refused(&["local", "local", odd]);
    }
}

#[test]
fn help_explains_the_verdicts() {
    let output = compare(&["--help"]);
    let text = stdout(&output).split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(output.status.success());
    for word in [
        "Examples:",
        "faster",
        "slower",
        "tie",
        "undecided",
        "control",
        "99th percentile",
        "Exit code",
    ] {
        assert!(text.contains(word), "{word}: {text}");
    }
}

#[test]
fn it_goes_on_until_the_verdict_stands() {
    let (output, entries) = tiny(&["local", "tokio-ct"], &["--band=90"]);
    assert_eq!(output.status.code(), Some(0), "{}", stderr(&output));
    let rounds = entries[1]["rounds"].as_u64().expect("a count");
    assert!((5..=80).contains(&rounds), "{entries}");
    let verdict = entries[1]["verdict"].as_str().expect("a verdict");
    assert!(rounds == 80 || verdict != "undecided", "{entries}");
    assert!(stderr(&output).contains("round 5 of 80 at most"), "{}", stderr(&output));
}

#[test]
fn a_budget_ends_it() {
    let (output, entries) = tiny(&["local", "tokio-ct"], &["--budget=0.000001", "--max-rounds=9"]);
    assert_eq!(entries[1]["rounds"], 0, "{}", stderr(&output));
    assert_eq!(output.status.code(), Some(1), "nothing was measured: {}", stderr(&output));
    for odd in ["--budget=1", "--max-rounds=3"] {
        assert!(refused(&["local", "local", "--rounds=3", odd]).contains("cannot be used with"));
    }
    assert!(refused(&["local", "local", "--band=0"]).contains("between 0 and 100"));
}
