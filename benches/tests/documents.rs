//! What the documents say of the tool is what it does: commands that are shown are accepted, names
//! are registered, and numbers are those that are used.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

use benches::compare::verdict::CONFIDENCE;
use benches::harness::Args;
use clap::Parser;
use results::percentile::TAIL;
use results::stats::{Design, ERROR, LEAST_ROUNDS, TIE_BAND, TIE_RATIO};

fn document(path: &str) -> String {
    let root =
        Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
    fs::read_to_string(root.join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// A document as one line, so that it does not matter where its lines are broken.
fn words(path: &str) -> String {
    document(path).split_whitespace().collect::<Vec<_>>().join(" ")
}

/// The lines of shell blocks that begin with `start`, without comments, as a shell would part them.
fn commands(path: &str, start: &str) -> Vec<Vec<String>> {
    let text = document(path);
    let blocks = text.split("```sh").skip(1).filter_map(|rest| Some(rest.split_once("```")?.0));
    let lines = blocks.flat_map(str::lines).filter_map(|line| line.strip_prefix(start));
    let arguments = |line: &str| {
        let quoted = line.split('\'').enumerate();
        let mut arguments = Vec::new();
        for (i, part) in quoted {
            match i % 2 {
                0 => arguments.extend(
                    part.split(" #")
                        .next()
                        .unwrap_or_default()
                        .split_whitespace()
                        .map(str::to_owned),
                ),
                _ => arguments.push(part.to_owned()),
            }
            if part.contains(" #") {
                break;
            }
        }
        arguments
    };
    lines.map(arguments).collect()
}

fn stampede(arguments: &[&str]) -> (Option<i32>, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_stampede"))
        .args(arguments)
        .output()
        .expect("the tool starts");
    (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn every_workload_has_its_row_among_the_models() {
    let text = document("workloads/MODELS.md");
    let rows = text.lines().filter_map(|line| Some(line.strip_prefix("| `")?.split_once('`')?.0));
    let definitions = workloads::definitions();
    assert_eq!(
        rows.collect::<BTreeSet<_>>(),
        definitions.iter().map(|definition| definition.name).collect()
    );
}

#[test]
fn commands_that_are_shown_are_accepted() {
    let mut tried = 0;
    for path in ["README.md", "benches/METHODOLOGY.md", "runtimes/ADDING.md"] {
        for command in commands(path, "cargo bench -- ") {
            let arguments =
                [&["__bench", "throughput", "--bench"][..], &strs(&command), &["--list"]].concat();
            // `--list` may be there already.
            let arguments: Vec<&str> = dedup(arguments);
            let (code, errors) = stampede(&arguments);
            assert_eq!(code, Some(0), "{path}: {command:?}: {errors}");
            tried += 1;
        }
        for command in commands(path, "cargo stampede compare ") {
            // Everything else is looked at before the file.
            let arguments =
                [&["compare"][..], &strs(&command), &["--json=/nonexistent/x"]].concat();
            let (code, errors) = stampede(&arguments);
            assert_eq!(code, Some(2));
            assert!(
                errors.starts_with("error: cannot write /nonexistent/x"),
                "{path}: {command:?}: {errors}"
            );
            tried += 1;
        }
    }
    assert!(tried >= 6, "{tried} commands were found");
}

fn strs(command: &[String]) -> Vec<&str> {
    command.iter().map(String::as_str).collect()
}

fn dedup(arguments: Vec<&str>) -> Vec<&str> {
    let mut seen = BTreeSet::new();
    arguments
        .into_iter()
        .filter(|argument| *argument != "--list" || seen.insert(*argument))
        .collect()
}

#[test]
fn the_methods_numbers_are_those_that_are_used() {
    let text = words("benches/METHODOLOGY.md");
    let timing = Args::try_parse_from(["harness", "--bench"]).expect("well-formed").timing();
    let (samples, measurement) = (timing.samples, timing.measurement.as_secs_f64());
    let warm_up = timing.warm_up.as_secs_f64();
    for expected in [
        format!("takes {samples} samples (fewer, at least 10, where one iteration is long)"),
        format!("in {measurement} s after {warm_up} s of warm-up"),
        format!("lies more than {:.0} % from equal", TIE_BAND * 100.0),
        format!("of fewer than {LEAST_ROUNDS} rounds"),
    ] {
        assert!(text.contains(&expected), "METHODOLOGY.md does not say `{expected}`");
    }
}

#[test]
fn the_rules_that_help_states_are_those_that_are_used() {
    let output = Command::new(env!("CARGO_BIN_EXE_stampede"))
        .args(["compare", "--help"])
        .output()
        .expect("it starts");
    let help =
        String::from_utf8_lossy(&output.stdout).split_whitespace().collect::<Vec<_>>().join(" ");
    let looks =
        Design::adaptive(80, 1, TIE_BAND).looks().iter().map(usize::to_string).collect::<Vec<_>>();
    let (last, others) = looks.split_last().expect("it looks at least once");
    for expected in [
        format!("its {:.0} % interval (Student's t", CONFIDENCE * 100.0),
        format!(
            "less than 1/{TIE_RATIO} of the time of the first one: it is at least {:.0} % faster",
            TIE_BAND * 100.0
        ),
        format!("more than {TIE_RATIO} times as long"),
        format!("looks after {} and {last} rounds", others.join(", ")),
        format!("a probability of {:.0} % at most", ERROR * 100.0),
        format!("Of fewer than {LEAST_ROUNDS} rounds nothing is said"),
        format!("latency workloads by their {}", TAIL.words.trim_start_matches("the ")),
    ] {
        assert!(help.contains(&expected), "the help does not say `{expected}`: {help}");
    }
}

#[test]
fn nobody_counts_what_grows() {
    // A number of runtimes or workloads in prose is wrong after the next one.
    for path in ["README.md", "CHANGELOG.md", "benches/BIAS.md", "benches/METHODOLOGY.md"] {
        let text = words(path).to_lowercase();
        for number in
            ["five", "six", "nine", "ten", "thirteen", "twenty-eight", "thirty-six", "28", "36"]
        {
            for noun in
                ["schedulers", "executors", "runtimes", "peers", "workloads", "of the executors"]
            {
                let counted = format!(" {number} {noun}");
                assert!(!format!(" {text}").contains(&counted), "{path} says `{counted}`");
            }
        }
    }
}
