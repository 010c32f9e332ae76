//! Streams that are full, gone or elsewhere, and signals: what was measured is kept, and whoever
//! waits for it is told in one line.

use std::fs::{self, File};
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{FileTypeExt, symlink};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::sync::LazyLock;
use std::thread;
use std::time::{Duration, Instant};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// One cell, one round, milliseconds.
const VERIFY: [&str; 4] = ["verify", "--exact", "ping_pong/local/w1", "--param=ping_pong.pairs=5"];
const COMPARE: [&str; 10] = [
    "compare",
    "local",
    "local",
    "--workload=^ping_pong$",
    "--workers=1",
    "--rounds=1",
    "--measurement-time=0.002",
    "--max-steal=100",
    "--max-others=100",
    "--param=ping_pong.pairs=5",
];
/// A cell that runs for hours.
const ENDLESS: [&str; 3] =
    ["--param=yield_many.tasks=100000", "--param=yield_many.yields=1000000", "--deadline=600"];

/// Who takes part is built and has passed the suite before anything is looked at.
static READY: LazyLock<()> = LazyLock::new(|| {
    let output = Command::new(env!("CARGO_BIN_EXE_stampede"))
        .args(COMPARE)
        .output()
        .expect("the tool starts");
    assert!(output.status.success(), "{}", text(&output.stderr));
});

fn stampede(arguments: &[&str]) -> Command {
    LazyLock::force(&READY);
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

fn full() -> Stdio {
    File::options().write(true).open("/dev/full").expect("Linux has it").into()
}

/// The command with a standard output that nobody reads.
fn unread(arguments: &[&str]) -> Output {
    let mut child = stampede(arguments).spawn().expect("the tool starts");
    drop(child.stdout.take());
    child.wait_with_output().expect("it ends")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("UTF-8")
}

/// The arguments of a harness that keeps everything in `dir`.
fn harness<'a>(dir: &'a Path, more: &[&'a str]) -> Vec<&'a str> {
    let out = [
        "__bench",
        "throughput",
        "--bench",
        "--seed=7",
        "--quick",
        "--out",
        dir.to_str().expect("UTF-8"),
    ];
    [&out[..], more].concat()
}

const RING: [&str; 3] = ["--exact", "ring/local/w1", "--param=ring.laps=3"];

#[test]
fn a_full_standard_output_is_an_error_and_no_panic() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let harness = harness(dir.path(), &RING);
    let commands: [&[&str]; 8] = [
        &["list"],
        &["list", "--json"],
        &["--help"],
        &["compare", "--help"],
        &["__bench", "latency", "--list"],
        &["__bench", "latency", "--help"],
        &VERIFY,
        &harness,
    ];
    for arguments in commands {
        let output = stampede(arguments).stdout(full()).output().expect("the tool starts");
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        let complaint =
            "error: cannot write to standard output: No space left on device (os error 28)";
        assert_eq!(errors.matches(complaint).count(), 1, "{arguments:?}: {errors}");
        assert!(!errors.contains("panicked"), "{arguments:?}: {errors}");
    }
    assert!(dir.path().join("results/ring.local.w1.json").is_file(), "what was measured is kept");
    assert!(dir.path().join("index.html").is_file());
}

#[test]
fn a_reader_that_has_seen_enough_is_no_error() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let harness = harness(dir.path(), &RING);
    for arguments in [&["list"][..], &["list", "--json"], &["--help"], &VERIFY, &harness] {
        let output = unread(arguments);
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(0), "{arguments:?}: {errors}");
        assert!(errors.is_empty(), "{arguments:?}: {errors}");
    }
    assert!(dir.path().join("results/ring.local.w1.json").is_file(), "it is measured to the end");
    let output = unread(&COMPARE);
    assert_eq!(output.status.code(), Some(0));
    assert!(!text(&output.stderr).contains("error"), "{}", text(&output.stderr));
}

#[test]
fn a_full_standard_error_is_no_error() {
    let output = stampede(&COMPARE).stderr(full()).output().expect("the tool starts");
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("local#2"));
    let output = stampede(&["nonesuch"]).stderr(full()).output().expect("the tool starts");
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_table_that_does_not_fit_is_shown_elsewhere() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let json = dir.path().join("out.json");
    let json_flag = format!("--json={}", json.display());
    let arguments = [&COMPARE[..], &[&json_flag]].concat();
    let output = stampede(&arguments).stdout(full()).output().expect("the tool starts");
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("  local#2 ") && errors.contains("again: cargo stampede compare"),
        "{errors}"
    );
    assert!(
        errors.contains("error: cannot write to standard output") && !errors.contains("panicked"),
        "{errors}"
    );
    let entries: Value = serde_json::from_slice(&fs::read(json).expect("written")).expect("JSON");
    assert_eq!(entries.as_array().map(Vec::len), Some(2));
}

#[test]
fn results_follow_links_and_go_straight_into_pipes() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let entries = |bytes: &[u8]| {
        serde_json::from_slice::<Value>(bytes).expect("JSON").as_array().map(Vec::len)
    };
    fs::write(dir.path().join("file.json"), "old").expect("writable");
    let link = dir.path().join("link.json");
    symlink("file.json", &link).expect("a link");
    let compare = |place: &Path| {
        let flag = format!("--json={}", place.display());
        // Two rounds: a stream takes the results once, when they are complete.
        let twice: Vec<&str> =
            COMPARE.iter().map(|&a| if a == "--rounds=1" { "--rounds=2" } else { a }).collect();
        stampede(&[&twice[..], &[&flag]].concat()).output().expect("the tool starts")
    };
    let output = compare(&link);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert!(link.is_symlink());
    assert_eq!(entries(&fs::read(dir.path().join("file.json")).expect("readable")), Some(2));

    let pipe = dir.path().join("pipe");
    let mode = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
    rustix::fs::mknodat(rustix::fs::CWD, &pipe, rustix::fs::FileType::Fifo, mode, 0)
        .expect("a pipe can be made");
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut bytes = Vec::new();
            File::open(pipe).expect("readable").read_to_end(&mut bytes).expect("it ends");
            bytes
        }
    });
    assert_eq!(compare(&pipe).status.code(), Some(0));
    assert_eq!(entries(&reader.join().expect("it ended")), Some(2));
    assert!(fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo());

    let output = compare(Path::new("/dev/stdout"));
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(entries(&output.stdout), Some(2));
    assert!(text(&output.stderr).contains("  local#2 "), "the table gives way to the results");

    let output = compare(Path::new("/dev/full"));
    let errors = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.ends_with("error: cannot write /dev/full: No space left on device (os error 28)\n"),
        "{errors}"
    );
    assert!(text(&output.stdout).contains("  local#2 "), "the table comes first");
    assert!(fs::metadata("/dev/full").expect("there").file_type().is_char_device());

    let output = compare(dir.path());
    assert_eq!(output.status.code(), Some(2));
    assert!(
        text(&output.stderr).contains("a directory cannot be written to")
            && output.stdout.is_empty()
    );
}

#[test]
fn no_error_says_the_same_twice() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("writable");
    let (file, inside) = (file.to_str().expect("UTF-8"), format!("{}/x", file.display()));
    let damaged = dir.path().join("results");
    fs::create_dir(&damaged).expect("created");
    fs::write(damaged.join("x.json"), "{").expect("writable");
    let (damaged, json) = (damaged.to_str().expect("UTF-8"), format!("--json={inside}"));
    let commands: [&[&str]; 8] = [
        &["verify", "["],
        &["verify", "--param", "ping_pong.pairs=0"],
        &["verify", "--param", "ping_pong.peers=1"],
        &["report", "--results", file],
        &["report", "--results", damaged],
        &["compare", "local", "local", &json],
        &["__bench", "throughput", "--bench", "--out", file, "--exact", "ring/local/w1"],
        &["__bench", "throughput", "--bench", "--out", &inside, "["],
    ];
    for arguments in commands {
        let output = stampede(arguments).output().expect("the tool starts");
        let errors = text(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {errors}");
        let mut parts: Vec<&str> =
            errors.trim().split(": ").filter(|part| part.len() > 12).collect();
        parts.sort_unstable();
        assert!(parts.windows(2).all(|pair| pair[0] != pair[1]), "{errors}");
        assert!(errors.starts_with("error: ") && !errors.contains("Caused by"), "{errors}");
    }
}

/// The first line that `stream` says.
fn first_line(stream: impl Read + Send + 'static) -> (String, thread::JoinHandle<String>) {
    let mut reader = BufReader::new(stream);
    let mut line = String::new();
    reader.read_line(&mut line).expect("UTF-8");
    let rest = thread::spawn(move || {
        let mut rest = String::new();
        reader.read_to_string(&mut rest).expect("UTF-8");
        rest
    });
    (line, rest)
}

/// Ends a tool that would run for hours when the test that started it fails.
struct EndedWithTheTest(Pid);

impl Drop for EndedWithTheTest {
    fn drop(&mut self) {
        if thread::panicking() {
            // It may have ended by itself. Its contestants end with it.
            let _ = kill_process(self.0, Signal::KILL);
        }
    }
}

/// Sends `signal` to the process alone, as `kill` does and a terminal does not.
fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).expect("it is ours");
}

#[test]
fn a_signal_ends_a_harness_in_the_middle_of_a_cell_and_nothing_false_is_said() {
    for (number, code) in [(Signal::TERM, 143), (Signal::INT, 130)] {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let endless = [&["--exact", "yield_many/local/w1"][..], &ENDLESS].concat();
        let mut child = stampede(&harness(dir.path(), &endless)).spawn().expect("the tool starts");
        let _ended = EndedWithTheTest(Pid::from_child(&child));
        let (announced, rest) = first_line(child.stdout.take().expect("piped"));
        assert_eq!(announced, "throughput: 1 cell, seed 7\n");
        let began = Instant::now();
        signal(&child, number);
        let output = child.wait_with_output().expect("it ends");
        assert!(began.elapsed() < Duration::from_secs(60), "the cell would have taken ten minutes");
        assert_eq!(output.status.code(), Some(code));
        let (rest, errors) = (rest.join().expect("it ended"), text(&output.stderr));
        assert!(
            rest.contains("interrupted after") && rest.contains("0 of 1 cell measured"),
            "{rest}"
        );
        assert_eq!(errors, "no cell was finished, so nothing was stored\n");
        assert!(!rest.contains("page:") && !dir.path().join("index.html").exists());
    }
}

#[test]
fn a_signal_ends_a_comparison_in_the_middle_of_a_run() {
    let fixed = ["compare", "local", "local", "--workload=^yield_many$", "--workers=1"];
    let mut child = stampede(&[&fixed[..], &ENDLESS].concat()).spawn().expect("the tool starts");
    let _ended = EndedWithTheTest(Pid::from_child(&child));
    let (announced, rest) = first_line(child.stderr.take().expect("piped"));
    assert!(announced.contains("1 case in up to 80 rounds"), "{announced}");
    let began = Instant::now();
    signal(&child, Signal::TERM);
    let output = child.wait_with_output().expect("it ends");
    assert!(began.elapsed() < Duration::from_secs(60), "a run would have taken ten minutes");
    assert_eq!(output.status.code(), Some(143), "{}", rest.join().expect("it ended"));
    assert!(text(&output.stdout).contains("interrupted after"), "{}", text(&output.stdout));
}

#[test]
fn flags_of_libtest_have_their_meaning() {
    let list = |more: &[&str]| {
        let fixed = ["__bench", "throughput", "--bench", "--list"];
        let output = stampede(&[&fixed[..], more].concat()).output().expect("the tool starts");
        assert_eq!(output.status.code(), Some(0), "{more:?}: {}", text(&output.stderr));
        text(&output.stdout)
    };
    let some = list(&[
        "^ring/",
        "^fib/local",
        "--skip",
        "work-stealing",
        "--skip=tokio",
        "--test-threads=1",
        "-q",
    ]);
    assert!(
        some.contains("ring/local/w1: benchmark\n") && some.contains("fib/local/w1: benchmark\n"),
        "{some}"
    );
    assert!(
        !some.contains("work-stealing") && !some.contains("tokio") && !some.contains("mpsc/"),
        "{some}"
    );
    assert_eq!(
        list(&["--format=json", "-Z", "unstable-options", "--exact", "ring/local/w1"]),
        "ring/local/w1: benchmark\n"
    );
}

#[test]
fn one_is_singular_everywhere() {
    let output = stampede(&VERIFY).output().expect("the tool starts");
    assert!(text(&output.stdout).contains("1 of 1 cell is right"), "{}", text(&output.stdout));
    let output = stampede(&COMPARE).output().expect("the tool starts");
    let (table, errors) = (text(&output.stdout), text(&output.stderr));
    assert!(
        table.contains("over 1 of 1 cell") && errors.contains("1 case in 1 round,"),
        "{table}{errors}"
    );
    for plural in ["1 cells", "1 rounds", "1 workers", "1 cases", "1 iterations"] {
        // A number may end with 1.
        let alone = format!(" {plural}");
        assert!(!format!("{table}{errors}").contains(&alone), "{plural}: {table}{errors}");
    }
}
