//! Contestants that misbehave, each a shell script: whatever they do becomes an error that says so.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use contestant::client::{Checking, Client, ClientError};
use contestant::protocol::{FailureKind, Start};
use tempfile::TempDir;

/// Far beyond what a script takes.
const PATIENCE: Duration = Duration::from_secs(60);

/// What a sound contestant says of itself.
const DESCRIPTION: &str = r#"{"type":"description","protocol":1,"runtimes":[{"name":"fake","summary":"","isolates":""}],"workloads":["ring"],"build":{"compiler":"sh","optimised":true}}"#;

/// A program that is a shell script.
struct Script {
    program: PathBuf,
    _dir: TempDir,
}

impl Script {
    fn new(text: &str) -> Self {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let program = dir.path().join("fake");
        fs::write(&program, format!("#!/bin/sh\n{text}\n")).expect("writable");
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).expect("ours");
        Self { program, _dir: dir }
    }

    /// One that describes itself and then does `text`.
    fn described(text: &str) -> Self {
        Self::new(&format!("read line; echo '{DESCRIPTION}'\n{text}"))
    }

    fn launch(&self, deadline: Duration) -> Result<Client, ClientError> {
        // A script that another thread of this process has just written may be open for writing in
        // a child that the other thread forks at this moment.
        for _ in 0..100 {
            match Client::launch(&self.program, deadline) {
                Err(ClientError::Start { source, .. })
                    if source.kind() == std::io::ErrorKind::ExecutableFileBusy =>
                {
                    std::thread::yield_now();
                }
                other => return other,
            }
        }
        panic!("the script stays busy");
    }

    fn refused(&self) -> ClientError {
        self.launch(PATIENCE).map(drop).expect_err("it must be refused")
    }
}

fn start() -> Start {
    Start {
        runtime: "fake".to_owned(),
        workload: "ring".to_owned(),
        workers: 1,
        params: BTreeMap::new(),
    }
}

/// The error of a run after `text` has answered nothing but the description.
fn run(text: &str, deadline: Duration) -> ClientError {
    let mut client = Script::described(text).launch(deadline).expect("it describes itself");
    client.run(1, false, "sampling").expect_err("it must fail")
}

#[test]
fn a_sound_contestant_is_understood() {
    let sample = r#"{"type":"sample","elapsed_ns":5,"operations":7,"new":"member"}"#;
    let answers = format!(
        r#"read l; echo '{{"type":"alive"}}'; echo '{{"type":"started"}}'; read l; echo '{sample}'; echo aside >&2
           read l; echo '{{"type":"figures","figures":{{"x":1.5}}}}'
           read l; echo '{{"type":"counters","counters":{{"polls":3}},"per_worker":{{}}}}'
           read l; echo '{{"type":"stopped","counters":{{}},"broken_law":"a ≥ b"}}'; read l"#
    );
    let mut client = Script::described(&answers).launch(PATIENCE).expect("it describes itself");
    assert_eq!(client.description().runtimes[0].name, "fake");
    client.start(start()).expect("it starts");
    let sample = client.run(1, false, "sampling").expect("it runs");
    assert_eq!((sample.elapsed_ns, sample.operations, sample.counted), (5, 7, None));
    assert_eq!(client.figures().expect("it has some")["x"], 1.5);
    assert_eq!(client.counters().expect("it counts").counters["polls"], 3);
    assert_eq!(client.shutdown().expect("it stops").broken_law.as_deref(), Some("a ≥ b"));
    assert_eq!(client.end().expect("it ends"), ["aside"]);
}

#[test]
fn another_version_is_refused_whatever_its_description_looks_like() {
    for text in [
        &*DESCRIPTION.replace("\"protocol\":1", "\"protocol\":2"),
        r#"{"protocol":2,"hello":"world"}"#,
    ] {
        let error = Script::new(&format!("read l; echo '{text}'; read l")).refused();
        assert!(matches!(error, ClientError::Version { theirs: 2 }), "{error}");
        assert!(error.to_string().contains("speaks version 2"), "{error}");
    }
    let refusal = r#"{"type":"refused","reason":"I speak version 2"}"#;
    let error = Script::new(&format!("read l; echo '{refusal}'; read l")).refused();
    assert!(error.to_string().contains("refused its description: I speak version 2"), "{error}");
}

#[test]
fn junk_is_shown() {
    let error = Script::new("read l; echo Welcome to my scheduler; read l").refused();
    assert!(
        error.to_string().ends_with("no message of the protocol: Welcome to my scheduler"),
        "{error}"
    );
    let error = run(r#"read l; echo "$(head -c 5000 /dev/zero | tr '\0' x)"; read l"#, PATIENCE);
    assert!(matches!(error, ClientError::Junk { .. }), "{error}");
    assert!(error.to_string().contains("in sampling") && error.to_string().len() < 400, "{error}");
}

#[test]
fn an_answer_to_another_question_is_refused() {
    let error = run(r#"read l; echo '{"type":"started"}'; read l"#, PATIENCE);
    assert!(matches!(error, ClientError::Unexpected { .. }), "{error}");
}

#[test]
fn a_crash_has_phase_signal_and_last_words() {
    let text = run("read l; echo 'queue is corrupt' >&2; kill -ABRT $$", PATIENCE).to_string();
    assert!(text.contains("died in sampling") && text.contains("SIGABRT"), "{text}");
    assert!(text.ends_with("last words: queue is corrupt"), "{text}");
    let error = Script::new("exit 3").refused().to_string();
    assert!(
        error.contains("died in its description") && error.contains("exit status: 3"),
        "{error}"
    );
}

#[test]
fn one_killed_from_the_terminal_is_no_result() {
    assert!(matches!(run("read l; kill -INT $$", PATIENCE), ClientError::Interrupted));
}

#[test]
fn silence_is_a_hang_with_phase_and_threads() {
    let began = Instant::now();
    let text = run("exec sleep 600", Duration::from_millis(300)).to_string();
    assert!(
        text.contains("hung in sampling: silent for 0.3 s") && text.contains("asleep"),
        "{text}"
    );
    assert!(began.elapsed() < PATIENCE);
}

#[test]
fn a_sign_of_life_puts_the_deadline_off() {
    let alive = r#"echo '{"type":"alive"}'; sleep 0.4;"#.repeat(4);
    let answer = format!(r#"read l; {alive} echo '{{"type":"started"}}'; read l"#);
    let mut client = Script::described(&answer)
        .launch(Duration::from_millis(1_500))
        .expect("it describes itself");
    client.start(start()).expect("it said that it lives");
}

#[test]
fn what_cannot_be_started_is_named() {
    let error = Client::launch("/nonexistent/fake".as_ref(), PATIENCE)
        .map(drop)
        .expect_err("there is none");
    assert!(error.to_string().contains("cannot start /nonexistent/fake"), "{error}");
    let script = Script::new("true");
    fs::set_permissions(&script.program, fs::Permissions::from_mode(0o644)).expect("ours");
    assert!(matches!(script.refused(), ClientError::Start { .. }), "it is not executable");
}

#[test]
fn descriptions_that_make_no_sense_are_refused() {
    let two =
        r#"{"name":"fake","summary":"","isolates":""},{"name":"fake","summary":"","isolates":""}"#;
    let one = r#"{"name":"fake","summary":"","isolates":""}"#;
    for (runtimes, reason) in
        [("", "no runtime"), (two, "two runtimes"), (&one.replace("fake", "../x"), "lower-case")]
    {
        let text = DESCRIPTION.replace(one, runtimes);
        let error = Script::new(&format!("read l; echo '{text}'; read l")).refused().to_string();
        assert!(error.contains(reason), "{error}");
    }
}

#[test]
fn failures_keep_their_kind() {
    let error =
        run(r#"read l; echo '{"type":"failed","kind":"void","reason":"late"}'; read l"#, PATIENCE);
    assert!(matches!(error, ClientError::Failed { kind: FailureKind::Void, .. }), "{error}");
    assert_eq!(error.to_string(), "late");
}

#[test]
fn behaviours_are_told_as_they_are_checked() {
    let answers = r#"read l
        echo '{"type":"checking","name":"a::b"}'
        echo '{"type":"checked","name":"a::b","passed":false,"reason":"it forgot","elapsed_ns":1}'
        echo '{"type":"conformance","passed":0,"failed":1}'; read l"#;
    let mut client = Script::described(answers).launch(PATIENCE).expect("it describes itself");
    let mut heard = Vec::new();
    let hear = &mut |event: Checking<'_>| match event {
        Checking::Begun(name) => heard.push(name.to_owned()),
        Checking::Done(checked) => heard.push(checked.reason.clone().unwrap_or_default()),
    };
    client.conform("fake", &[], hear).expect("it answers");
    assert_eq!(heard, ["a::b", "it forgot"]);
}
