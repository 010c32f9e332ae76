//! The tool as a user meets it: exit codes, what is on which stream, and what refusals name.

use std::process::{Command, Output};

use benches::contestants::{Outside, Workspace};
use serde_json::Value;

fn stampede(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stampede")).args(arguments).output().expect("the tool starts")
}

fn stdout(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("UTF-8")
}

/// Standard error of a command that must have been refused with `code`.
fn refused(arguments: &[&str], code: i32) -> String {
    let output = stampede(arguments);
    let text = String::from_utf8(output.stderr).expect("UTF-8");
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {text}");
    text
}

#[test]
fn list_as_json_names_every_runtime_and_workload() {
    let output = stampede(&["list", "--json"]);
    assert!(output.status.success());
    let list: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let names = |key: &str| -> Vec<String> {
        let entries = list[key].as_array().unwrap_or_else(|| panic!("`{key}` is an array"));
        entries
            .iter()
            .map(|entry| entry["name"].as_str().expect("each has a name").to_owned())
            .collect()
    };
    let programs = Workspace::find(&Outside::default()).expect("cargo built this test").programs;
    let workloads: Vec<_> =
        workloads::definitions().iter().map(|definition| definition.name.to_owned()).collect();
    let runtimes = names("runtimes");
    for program in programs {
        assert!(runtimes.contains(&program.name), "{} is missing from {runtimes:?}", program.name);
    }
    assert_eq!(names("workloads"), workloads);
    let param = &list["workloads"][0]["params"][0];
    assert!(
        param["name"].is_string() && param["default"].is_u64() && param["min"].is_u64(),
        "{param}"
    );
}

#[test]
fn list_as_text_shows_names_and_parameters_without_escapes() {
    let text = stdout(&stampede(&["list"]));
    assert!(text.contains("  work-stealing"), "{text}");
    assert!(text.contains("--param ping_pong.pairs=1000"), "{text}");
    assert!(!text.contains('\u{1b}'), "colours off a terminal");
}

#[test]
fn verify_runs_what_the_filter_matches() {
    let output = stampede(&[
        "verify",
        "^ping_pong/(local|work-stealing)/w1$",
        "--param",
        "ping_pong.pairs=10",
    ]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(text.contains("ok     ping_pong/local/w1"), "{text}");
    assert!(text.contains("2 of 2 cells are right"), "{text}");
}

#[test]
fn verify_takes_more_workers_than_cores() {
    let output = stampede(&[
        "verify",
        "--exact",
        "ring/work-stealing/w8",
        "--workers",
        "8",
        "--param",
        "ring.laps=2",
    ]);
    assert_eq!(output.status.code(), Some(0), "{}", stdout(&output));
}

#[test]
fn a_name_stands_for_a_runtime_on_every_workload_and_what_is_left_out_is_said() {
    let short = "--param=poisson.requests=1000";
    let output = stampede(&["verify", "^idle_memory/local/w1$", short]);
    assert!(!stdout(&output).contains("more cells"), "{}", stdout(&output));
    let output = stampede(&["verify", "^hog_latency/local/w1$", short]);
    assert_eq!(
        output.status.code(),
        Some(2),
        "the workload does not ask for it: {}",
        stdout(&output)
    );
    let output = stampede(&["verify", "^(hog_latency|ring)/stackful/", "--param=ring.laps=2"]);
    assert!(
        stdout(&output).contains("1 more cells are run only where their runtime is named"),
        "{}",
        stdout(&output)
    );
}

#[test]
fn a_runtime_checks_itself() {
    let output = stampede(&["conform", "local", "contract", "wakers::after_completion"]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(0), "{text}");
    assert!(
        text.contains("local wakers::after_completion") && text.contains("behaviours passed"),
        "{text}"
    );
    assert!(
        refused(&["conform", "local", "waker::after_completion"], 2)
            .contains("did you mean wakers::")
    );
}

#[test]
fn a_hung_cell_fails_is_named_and_does_not_hang_the_tool() {
    // A hundred million yields take longer than the deadline on any machine.
    let output = stampede(&[
        "verify",
        "^yield_many/local/w1$",
        "--param=yield_many.tasks=100000",
        "--param=yield_many.yields=1000000",
        "--deadline=0.5",
    ]);
    let text = stdout(&output);
    assert_eq!(output.status.code(), Some(1), "{text}");
    assert!(
        text.contains("FAILED yield_many/local/w1") && text.contains("hung in verification"),
        "{text}"
    );
    assert!(String::from_utf8_lossy(&output.stderr).contains("failed: yield_many/local/w1"));
}

#[test]
fn what_is_refused_is_named() {
    assert!(refused(&["verify", "nonesuch"], 2).contains("nonesuch"));
    assert!(refused(&["verify", "["], 2).contains("`[`"));
    assert!(refused(&["verify", "--runtime", "nonesuch"], 2).contains("nonesuch"));
    assert!(refused(&["conform", "lokal"], 2).contains("did you mean local"));
    assert!(
        refused(&["verify", "--param", "ping_pnog.pairs=1"], 2).contains("did you mean ping_pong")
    );
    assert!(
        refused(&["verify", "--param", "ping_pong.peers=1"], 2).contains("no parameter `peers`")
    );
    assert!(
        refused(&["verify", "--param", "ping_pong.pairs=x"], 2)
            .contains("`x` is not a whole number")
    );
    assert!(refused(&["verify", "--nonesuch"], 2).contains("--nonesuch"));
    assert!(refused(&["nonesuch"], 2).contains("nonesuch"));
    assert!(
        refused(&["report", "--results", "/nonexistent/results"], 2)
            .contains("/nonexistent/results")
    );
}

#[test]
fn harnesses_list_their_own_cells_and_refuse_unknown_flags_with_help() {
    // The name stands for local alone, although another one ends with it.
    let list =
        |kind| stdout(&stampede(&["__bench", kind, "--list", "--bench", "--runtime", "local"]));
    assert!(!list("throughput").contains("stackful-local"));
    assert!(list("throughput").contains("ping_pong/local/w1: benchmark\n"));
    assert!(!list("throughput").contains("timers/"));
    assert!(list("latency").contains("timers/local/w1: benchmark\n"));
    assert!(list("memory").contains("idle_memory/local/w1: benchmark\n"));
    for kind in ["throughput", "latency", "memory"] {
        let text = refused(&["__bench", kind, "--bench", "--nonesuch"], 2);
        assert!(text.contains("'--nonesuch'") && text.contains("--sample-size"), "{text}");
        assert!(refused(&["__bench", kind, "--bench", "nonesuch"], 2).contains("nonesuch"));
        let help = stdout(&stampede(&["__bench", kind, "--help"]));
        assert!(help.contains("Usage: cargo bench -- [OPTIONS] [FILTER]"), "{help}");
        assert!(
            help.contains("cargo bench -- --quick") && help.contains("--save-baseline"),
            "{help}"
        );
    }
}

#[test]
fn every_command_has_help_with_examples() {
    for command in [&[][..], &["compare"], &["conform"], &["list"], &["report"], &["verify"]] {
        let arguments = [command, &["--help"]].concat();
        let output = stampede(&arguments);
        assert!(output.status.success(), "{arguments:?}");
        let text = stdout(&output);
        assert!(text.contains("Examples:") && text.contains("cargo stampede"), "{text}");
        assert!(!text.contains("__"), "{text}");
    }
}
