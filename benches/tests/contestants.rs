//! Contestants of a small workspace of their own: found, built and asked as ours are, and broken in
//! every way.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread;
use std::time::Duration;

use benches::cell::{Launcher, Task};
use benches::contestants::{BuildError, Builder, Gate, Roster, Verdict, Workspace};
use benches::matrix::Cell;
use benches::params::Overrides;
use results::schema::Outcome;
use tempfile::TempDir;

/// A contestant in a few lines: it answers each request with what stands for its type. `ME` is
/// replaced by its name.
const SOUND: &str = r###"//! A fake.
fn main() {
    for line in std::io::stdin().lines().map_while(Result::ok) {
        let has = |kind: &str| line.contains(&format!(r#""type":"{kind}""#));
        let description = r#"{"type":"description","protocol":1,"runtimes":[{"name":"ME","summary":"s","isolates":"i"}],"workloads":["ring"],"build":{"compiler":"rustc","optimised":false}}"#;
        if has("describe") { println!("{description}"); }
        if has("start") { println!(r#"{{"type":"started"}}"#); }
        if has("run") { println!("RUN"); }
        if has("figures") { println!(r#"{{"type":"figures","figures":{{}}}}"#); }
        if has("shutdown") { println!(r#"{{"type":"stopped","counters":{{}},"broken_law":LAW}}"#); }
        if has("behaviours") { println!(r#"{{"type":"behaviours","names":["a::works","a::dies","b::never"]}}"#); }
        if has("conform") {
            println!(r#"{{"type":"checking","name":"a::works"}}"#);
            println!(r#"{{"type":"checked","name":"a::works","passed":true,"reason":null,"elapsed_ns":1}}"#);
            println!(r#"{{"type":"checking","name":"a::dies"}}"#);
            std::process::abort();
        }
    }
}
"###;

const SAMPLE: &str = r#"{{\"type\":\"sample\",\"elapsed_ns\":10,\"operations\":2,\"counted\":{{\"counters\":{{}},\"per_worker\":{{}},\"process\":{{}}}}}}"#;

fn fake(name: &str, run: &str, law: &str) -> String {
    SOUND.replace("ME", name).replace("RUN", run).replace("LAW", law)
}

fn sound(name: &str) -> String {
    fake(name, SAMPLE, "null")
}

/// A workspace with one package of these programs.
struct House {
    dir: TempDir,
}

impl House {
    fn new(programs: &[(&str, String)]) -> Self {
        let house = Self { dir: tempfile::tempdir().expect("a temporary directory") };
        let manifest = "[package]\nname = \"fakes\"\nversion = \"0.0.0\"\nedition = \"2024\"\n\n\
                        [package.metadata.stampede]\ncontestants = \"ours\"\n\n[workspace]\n";
        house.write("Cargo.toml", manifest);
        for (name, text) in programs {
            house.write(&format!("src/bin/{name}.rs"), text);
        }
        house
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.dir.path().join(path);
        fs::create_dir_all(path.parent().expect("it has a folder")).expect("writable");
        fs::write(path, text).expect("writable");
    }

    fn workspace(&self) -> Workspace {
        self.with_target(&self.dir.path().join("target"))
    }

    fn with_target(&self, target: &Path) -> Workspace {
        Workspace::at(cargo(), self.dir.path(), Some(target)).expect("cargo knows the workspace")
    }
}

fn cargo() -> std::ffi::OsString {
    env::var_os("CARGO").unwrap_or_else(|| "cargo".into())
}

fn build(workspace: &Workspace) -> Roster {
    let programs: Vec<_> = workspace.programs.iter().collect();
    Roster::build(workspace, &programs).unwrap_or_else(|error| panic!("{error}"))
}

/// What comes of verifying the only contestant of `house`.
fn verified(house: &House) -> Outcome {
    let roster = build(&house.workspace());
    let ring = workloads::definitions()
        .into_iter()
        .find(|definition| definition.name == "ring")
        .expect("it is registered");
    let cell = Cell { workload: ring, runtime: Arc::clone(&roster.contestants()[0]), workers: 1 };
    Launcher::new(Duration::from_secs(60)).run(&cell, &Overrides::default(), &Task::Verify).outcome
}

fn reason(outcome: &Outcome) -> &str {
    match outcome {
        Outcome::Failed { reason } => reason,
        other => panic!("it must have failed: {other:?}"),
    }
}

#[test]
fn a_new_file_is_a_new_contestant() {
    let house = House::new(&[("one", sound("one"))]);
    assert_eq!(build(&house.workspace()).names(), ["one"]);
    house.write("src/bin/two.rs", &sound("two"));
    assert_eq!(build(&house.workspace()).names(), ["one", "two"]);
    assert!(verified(&house).measured().is_some());
}

#[test]
fn a_compile_error_costs_one_contestant() {
    let house =
        House::new(&[("good", sound("good")), ("broken", "fn main() { nonsense }".to_owned())]);
    let roster = build(&house.workspace());
    assert_eq!(roster.names(), ["good"]);
    assert_eq!(roster.lost()["broken"], "src/bin/broken.rs does not compile, see above");
}

#[test]
fn one_that_is_called_otherwise_than_its_file_is_refused() {
    let house = House::new(&[("one", sound("one")), ("copy", sound("one"))]);
    let roster = build(&house.workspace());
    assert_eq!(roster.names(), ["one"]);
    assert!(roster.lost()["copy"].contains("calls itself `one`"), "{:?}", roster.lost());
}

#[test]
fn what_is_built_is_found_wherever_cargo_puts_it() {
    let house = House::new(&[("one", sound("one"))]);
    let elsewhere = tempfile::tempdir().expect("a temporary directory");
    let workspace = house.with_target(&elsewhere.path().join("mine"));
    assert_eq!(build(&workspace).names(), ["one"]);
    assert!(workspace.stampede_dir().starts_with(elsewhere.path()));
    let config =
        format!("[build]\nbuild-dir = \"{}\"\n", elsewhere.path().join("intermediate").display());
    house.write(".cargo/config.toml", &config);
    let workspace = house.workspace();
    let roster = build(&workspace);
    assert_eq!(roster.names(), ["one"]);
    assert!(
        roster.contestants()[0].program.starts_with(&workspace.target),
        "{:?}",
        roster.contestants()
    );
    assert!(elsewhere.path().join("intermediate").is_dir());
}

#[test]
fn what_was_built_is_listed_without_building() {
    let house = House::new(&[("one", sound("one"))]);
    let workspace = house.workspace();
    let programs: Vec<_> = workspace.programs.iter().collect();
    assert!(Roster::kept(&workspace, &programs).names().is_empty());
    build(&workspace);
    assert_eq!(Roster::kept(&workspace, &programs).names(), ["one"]);
    fs::write(&build(&workspace).contestants()[0].program, "other").expect("writable");
    assert!(Roster::kept(&workspace, &programs).names().is_empty(), "the program is another one");
}

#[test]
fn a_target_directory_that_cannot_be_written_is_named_with_cargos_words() {
    let house = House::new(&[("one", sound("one"))]);
    house.write("occupied", "a file");
    let mut workspace = house.workspace();
    workspace.target = house.dir.path().join("occupied/target");
    let programs: Vec<_> = workspace.programs.iter().collect();
    let error = Builder::new(&workspace).build(&programs).expect_err("there is no room");
    assert!(matches!(error, BuildError::Refused { .. }), "{error}");
    let text = error.to_string();
    assert!(text.contains("occupied/target:\n") && text.contains("error: "), "{text}");
}

#[test]
fn two_commands_build_at_once() {
    let house = House::new(&[("one", sound("one")), ("two", sound("two"))]);
    let workspace = house.workspace();
    thread::scope(|scope| {
        let names =
            || build(&workspace).names().iter().map(|&name| name.to_owned()).collect::<Vec<_>>();
        let other = scope.spawn(names);
        assert_eq!(names(), ["one", "two"]);
        assert_eq!(other.join().expect("it ends"), ["one", "two"]);
    });
}

#[test]
fn a_claim_that_fails_is_a_failed_cell() {
    let wrong = r#"{{\"type\":\"failed\",\"kind\":\"failed\",\"reason\":\"wrong result\"}}"#;
    assert_eq!(
        reason(&verified(&House::new(&[("one", fake("one", wrong, "null"))]))),
        "wrong result"
    );
    let refusal = r#"{{\"type\":\"refused\",\"reason\":\"not today\"}}"#;
    let outcome = verified(&House::new(&[("one", fake("one", refusal, "null"))]));
    assert!(reason(&outcome).contains("refused verification: not today"), "{outcome:?}");
    let outcome = verified(&House::new(&[("one", fake("one", SAMPLE, r#""a = b""#))]));
    assert_eq!(reason(&outcome), "broken counter law: a = b");
    let uncounted = r#"{{\"type\":\"sample\",\"elapsed_ns\":10,\"operations\":2}}"#;
    let outcome = verified(&House::new(&[("one", fake("one", uncounted, "null"))]));
    assert!(reason(&outcome).contains("counted nothing"), "{outcome:?}");
    let void = r#"{{\"type\":\"failed\",\"kind\":\"void\",\"reason\":\"late\"}}"#;
    let outcome = verified(&House::new(&[("one", fake("one", void, "null"))]));
    assert_eq!(outcome, Outcome::Void { reason: "late".to_owned() });
}

#[test]
fn one_that_does_not_conform_is_not_timed_and_says_what_it_lacks() {
    let house = House::new(&[("one", sound("one"))]);
    let workspace = house.workspace();
    let mut roster = build(&workspace);
    let gate = Gate::new(&workspace.stampede_dir());
    let mut said = Vec::new();
    let verdict = gate
        .check(&roster.contestants()[0], &mut |name| said.push(name.to_owned()))
        .expect("it can be asked");
    let Verdict::Lacks(lacks) = verdict else { panic!("it aborts") };
    let [lack] = &lacks[..] else { panic!("one behaviour, and no theme after it: {lacks:?}") };
    assert_eq!(lack.behaviour, "a::dies");
    assert!(lack.reason.contains("SIGABRT"), "{}", lack.reason);
    assert_eq!(said, ["a::works", "a::dies"]);
    assert!(!gate.remembers(&roster.contestants()[0]));
    let names = vec!["one".to_owned()];
    let mut allowed = roster.clone();
    gate.admit(&mut allowed, &names, true).expect("nobody interrupts");
    assert_eq!(allowed.contestants()[0].lacks, ["a::dies"]);
    gate.admit(&mut roster, &names, false).expect("nobody interrupts");
    assert!(roster.names().is_empty());
    assert_eq!(roster.lost()["one"], "it does not conform");
}

#[test]
fn one_that_conforms_is_remembered_until_it_changes() {
    let conforms = sound("one")
        .replace(r#""names":["a::works","a::dies","b::never"]"#, r#""names":["a::works"]"#)
        .replace("a::dies", "a::works")
        .replace(
            "std::process::abort();",
            r##"println!(r#"{{"type":"conformance","passed":1,"failed":0}}"#);"##,
        );
    let house = House::new(&[("one", conforms.clone())]);
    let workspace = house.workspace();
    let gate = Gate::new(&workspace.stampede_dir());
    let roster = build(&workspace);
    let one = &roster.contestants()[0];
    assert_eq!(gate.check(one, &mut |_| {}).expect("it can be asked"), Verdict::Conforms);
    assert!(gate.remembers(one));
    house.write("src/bin/one.rs", &conforms.replace("elapsed_ns\\\":10", "elapsed_ns\\\":11"));
    let roster = build(&workspace);
    assert!(!gate.remembers(&roster.contestants()[0]));
}

#[test]
fn programs_are_found_by_the_packages_that_say_they_have_some() {
    let house = House::new(&[("one", sound("one"))]);
    let workspace = house.workspace();
    assert_eq!(workspace.programs[0].source, canonical(house.dir.path()).join("src/bin/one.rs"));
    assert_eq!(workspace.programs[0].first_line().as_deref(), Some("A fake."));
    let manifest = fs::read_to_string(house.dir.path().join("Cargo.toml")).expect("readable");
    house.write("Cargo.toml", &manifest.replace("contestants = \"ours\"", "others = 1"));
    assert!(house.workspace().programs.is_empty());
}

fn canonical(path: &Path) -> PathBuf {
    fs::canonicalize(path).expect("it exists")
}
