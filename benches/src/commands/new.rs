//! `cargo stampede new`.

use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Args;

use super::Done;
use crate::contestants::{Outside, Workspace};
use crate::say::say;

const EXAMPLES: &str = "\
Examples:
  cargo stampede new newest-first     writes runtimes/schedulers/src/bin/newest-first.rs
  cargo stampede try newest-first     builds, checks and compares it

  cargo stampede new newest-first --outside ../newest-first
                                      writes a crate of its own in that folder
  cargo stampede try newest-first --contestant ../newest-first

A name has 1 to 32 lower-case letters, digits and hyphens, and begins with a letter.";

/// A policy that conforms and runs every workload: it is compiled and tested as it stands.
const TEMPLATE: &str = include_str!("../../../runtimes/template/src/bin/my-scheduler.rs");

/// The manifest of a crate of its own.
const OUTSIDE_MANIFEST: &str = include_str!("outside.toml");

/// Where this workspace is, in that manifest.
const ROOT: &str = "{stampede}";

/// Conformance and workloads as tests of that crate.
const OUTSIDE_TESTS: &str = "\
//! Conformance, and every workload with small parameters, as tests: `cargo test wakers` asks about
//! one theme.

fn main() -> std::process::ExitCode {
    contestant::testing::main(&[])
}
";

/// What the template is called, wherever it names itself.
const PLACEHOLDER: &str = "my-scheduler";

/// Names stay short enough for tables, and for the names of threads.
const LONGEST: usize = 32;

/// Names that mean something else: to Cargo, to its target directory, or to this tool.
const RESERVED: &[&str] = &[
    "all",
    "bench",
    "benches",
    "build",
    "cargo",
    "compare",
    "conform",
    "core",
    "debug",
    "deps",
    "examples",
    "full",
    "help",
    "incremental",
    "list",
    "my-scheduler",
    "new",
    "release",
    "report",
    "reports",
    "results",
    "runtimes",
    "schedulers",
    "stampede",
    "test",
    "try",
    "verify",
    "workloads",
];

/// Write the file of a new scheduler: a policy that works, to be changed.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct New {
    /// What it is to be called
    name: String,

    /// Write a crate of its own into this folder, which must be empty or not there yet
    #[arg(long, value_name = "DIR")]
    outside: Option<PathBuf>,
}

/// Why a scheduler cannot be called so, or its file not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub(crate) enum NewError {
    /// Not a name at all.
    #[error(
        "`{name}` cannot name a scheduler: {reason}; a name has 1 to {LONGEST} lower-case \
         letters, digits and \
         hyphens, and begins with a letter{}", .hint.as_ref().map_or_else(
            String::new, |hint| format!(": try {hint}"))
    )]
    Form {
        /// The text given.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
        /// The nearest text that is a name.
        hint: Option<String>,
    },
    /// It means something else.
    #[error("`{0}` cannot name a scheduler: the name is reserved")]
    Reserved(String),
    /// Another contestant is called so.
    #[error("`{name}` is taken: {} is called so", place.display())]
    Taken {
        /// The name.
        name: String,
        /// Whose it is.
        place: PathBuf,
    },
    /// It would be read as another configuration of a contestant.
    #[error("`{name}` is taken: it is a runtime of the contestant `{owner}`")]
    Configuration {
        /// The name.
        name: String,
        /// Whose it is.
        owner: String,
    },
    /// There is something already.
    #[error("{} is not empty: a new crate would be mixed with what is there", place.display())]
    NotEmpty {
        /// The folder.
        place: PathBuf,
    },
    /// The file cannot be written.
    #[error("cannot write {}", place.display())]
    Write {
        /// Where.
        place: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

impl New {
    pub(super) fn run(&self) -> Done {
        check_form(&self.name)?;
        let workspace = Workspace::find(&Outside::default())?;
        if let Some(dir) = &self.outside {
            return Ok(self.outside(&workspace, dir)?);
        }
        let place = create(&workspace, &self.name)?;
        let shown = place.strip_prefix(&workspace.root).unwrap_or(&place).display();
        let name = &self.name;
        say!("wrote {shown}: a policy that works. Change it, and then");
        say!(
            "  cargo stampede try {name}                  build, check, verify and compare it: a \
             minute"
        );
        say!(
            "  cargo stampede conform {name} contract     what every policy promises, checked in \
             seconds"
        );
        say!(
            "  cargo bench -- /{name}/                    measure it on every workload, for the \
             page"
        );
        say!("What a policy must keep to stands in runtimes/ADDING.md.");
        Ok(ExitCode::SUCCESS)
    }
}

impl New {
    fn outside(&self, workspace: &Workspace, dir: &Path) -> Result<ExitCode, NewError> {
        let name = &self.name;
        let dir = create_outside(workspace, name, dir)?;
        let shown = crate::session::quoted(&dir.to_string_lossy());
        say!("wrote {shown}: a crate with a policy that works. Change it, and then");
        say!("  cargo stampede try {name} --contestant {shown}");
        say!("  cargo stampede verify {name} --contestant {shown}");
        say!("  cargo bench -- /{name}/ --contestant {shown}");
        say!("or, in its folder, `cargo test`. A stampede.toml saves the flag:");
        say!("  contestants = [{:?}]", dir.to_string_lossy());
        say!("What a policy must keep to stands in runtimes/ADDING.md.");
        Ok(ExitCode::SUCCESS)
    }
}

/// Writes the crate of a scheduler called `name` into `dir`, which must not hold anything, and
/// returns the folder's full name.
///
/// # Errors
/// [`NewError`].
pub(crate) fn create_outside(
    workspace: &Workspace,
    name: &str,
    dir: &Path,
) -> Result<PathBuf, NewError> {
    check_form(name)?;
    check_free(workspace, name)?;
    let write = |place: &Path, text: &str| {
        write_new(place, text).map_err(|source| NewError::Write { place: place.to_owned(), source })
    };
    if fs::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(NewError::NotEmpty { place: dir.to_owned() });
    }
    // Cargo looks at dependencies from the crate's folder, so theirs must be full names.
    let root = workspace.root.to_string_lossy();
    let manifest = OUTSIDE_MANIFEST.replace(PLACEHOLDER, name).replace(ROOT, &root);
    write(&dir.join("Cargo.toml"), &manifest)?;
    write(&dir.join("src/main.rs"), &text(name))?;
    write(&dir.join("tests/contestants.rs"), OUTSIDE_TESTS)?;
    write(&dir.join(".gitignore"), "/target\n")?;
    dir.canonicalize().map_err(|source| NewError::Write { place: dir.to_owned(), source })
}

/// # Errors
/// When anybody is called `name`, or would be taken to be.
fn check_free(workspace: &Workspace, name: &str) -> Result<(), NewError> {
    if let Some(program) = workspace.programs.iter().find(|program| program.name == name) {
        let place =
            program.source.strip_prefix(&workspace.root).unwrap_or(&program.source).to_owned();
        return Err(NewError::Taken { name: name.to_owned(), place });
    }
    if crate::contestants::wanted::known_names(workspace).iter().any(|known| known == name) {
        let owner =
            workspace.program_of(name).map_or_else(String::new, |program| program.name.clone());
        return Err(NewError::Configuration { name: name.to_owned(), owner });
    }
    Ok(())
}

/// Writes the file of a scheduler called `name`, unless anybody has the name or the file is there.
///
/// # Errors
/// [`NewError`]; nothing has been written then.
pub(crate) fn create(workspace: &Workspace, name: &str) -> Result<PathBuf, NewError> {
    check_form(name)?;
    check_free(workspace, name)?;
    let place = workspace.root.join(format!("runtimes/schedulers/src/bin/{name}.rs"));
    write_new(&place, &text(name))
        .map_err(|source| NewError::Write { place: place.clone(), source })?;
    Ok(place)
}

fn text(name: &str) -> String {
    TEMPLATE.replace(PLACEHOLDER, name)
}

/// Never over a file that is there, whoever has put it there meanwhile.
fn write_new(place: &Path, text: &str) -> io::Result<()> {
    place.parent().map_or(Ok(()), fs::create_dir_all)?;
    let mut file = OpenOptions::new().write(true).create_new(true).open(place)?;
    file.write_all(text.as_bytes())
}

fn check_form(name: &str) -> Result<(), NewError> {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    let reason = match name {
        "" => "it is empty",
        _ if name.len() > LONGEST => "it is too long",
        _ if !name.chars().all(plain) => "it has other characters",
        _ if !name.starts_with(|c: char| c.is_ascii_lowercase()) => {
            "it does not begin with a letter"
        }
        _ if name.ends_with('-') || name.contains("--") => "its hyphens join nothing",
        _ if is_reserved(name) => return Err(NewError::Reserved(name.to_owned())),
        _ => return Ok(()),
    };
    Err(NewError::Form { name: name.to_owned(), reason, hint: nearest(name) })
}

/// What the text is as a name, if that is another text and a name.
fn nearest(text: &str) -> Option<String> {
    let plain = |c: char| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' };
    let text: String = text.chars().map(plain).collect();
    let parts: Vec<_> = text.split('-').filter(|part| !part.is_empty()).collect();
    let name = parts.join("-");
    (name.len() <= LONGEST && check_form_only(&name)).then_some(name)
}

fn check_form_only(name: &str) -> bool {
    name.starts_with(|c: char| c.is_ascii_lowercase()) && !is_reserved(name)
}

/// Filters of cells would mean a workload and a runtime alike.
fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name)
        || workloads::definitions().iter().any(|definition| definition.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::Program;
    use crate::contestants::tests::program;

    fn workspace(root: &Path) -> Workspace {
        let program = |name: &str| Program {
            source: root.join(format!("runtimes/peers/src/bin/{name}.rs")),
            ..program(name)
        };
        let programs = vec![program("local"), program("stackful"), program("tokio-mt")];
        Workspace {
            cargo: "cargo".into(),
            root: root.to_owned(),
            target: root.join("target"),
            programs,
        }
    }

    fn bin(root: &Path) -> PathBuf {
        root.join("runtimes/schedulers/src/bin")
    }

    #[test]
    fn what_is_written_is_called_as_was_asked_for() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let place = create(&workspace(dir.path()), "newest-first").expect("nobody is called so");
        assert_eq!(place, bin(dir.path()).join("newest-first.rs"));
        let text = fs::read_to_string(place).expect("it has been written");
        assert!(text.contains("name: \"newest-first\","), "{text}");
        assert!(!text.contains(PLACEHOLDER), "{text}");
    }

    #[test]
    fn names_that_are_bad_or_taken_are_refused_before_anything_is_written() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let long = "x".repeat(LONGEST + 1);
        let refused = [
            ("", "it is empty"),
            (long.as_str(), "too long"),
            ("Newest", "other characters"),
            ("newest_first", "try newest-first"),
            ("New Est", "try new-est"),
            ("../evil", "try evil"),
            ("a/b", "other characters"),
            ("a.rs", "other characters"),
            ("naïve", "other characters"),
            ("-x", "does not begin with a letter"),
            ("1st", "does not begin with a letter"),
            ("x-", "its hyphens join nothing"),
            ("x--y", "its hyphens join nothing"),
            ("test", "is reserved"),
            ("my-scheduler", "is reserved"),
            ("skynet", "is reserved"),
            ("local", "runtimes/peers/src/bin/local.rs is called so"),
            ("tokio-mt", "is taken"),
            ("stackful-1ms", "a runtime of the contestant `stackful`"),
        ];
        for (name, words) in refused {
            let error = create(&workspace(dir.path()), name).expect_err(name).to_string();
            assert!(
                error.contains(words) && error.contains(&format!("`{name}`")),
                "{name}: {error}"
            );
        }
        assert!(!bin(dir.path()).exists(), "something has been written");
    }

    #[test]
    fn a_file_that_is_there_is_never_written_over() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::create_dir_all(bin(dir.path())).expect("writable");
        fs::write(bin(dir.path()).join("mine.rs"), "precious").expect("writable");
        let error = create(&workspace(dir.path()), "mine").expect_err("it is there");
        assert!(matches!(error, NewError::Write { .. }), "{error}");
        assert_eq!(
            fs::read_to_string(bin(dir.path()).join("mine.rs")).expect("it is there"),
            "precious"
        );
    }
}
