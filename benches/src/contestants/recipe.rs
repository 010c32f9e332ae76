//! How a program is made that Cargo does not build: by a command of its own, if it is not there
//! already, with a tool that must be new enough.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use serde::Deserialize;

use crate::say::note;

/// Stands for the program's place in a command that makes it.
const PROGRAM: &str = "{program}";

/// Lines of a failed command that are shown: the first ones name the mistake.
const SHOWN_LINES: usize = 40;

/// How to make a program, and what that takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recipe {
    /// What the program is, before it can be asked.
    pub summary: String,
    /// Where the command runs.
    dir: PathBuf,
    program: PathBuf,
    /// Empty when the program is there.
    build: Vec<String>,
    needs: Option<Needs>,
    /// Whether it is known by its program alone.
    is_ready: bool,
}

/// A tool without which there is no program.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Needs {
    /// The command that prints its version.
    command: Vec<String>,
    /// The oldest version that will do.
    version: String,
    /// How to get it.
    hint: String,
}

impl Recipe {
    pub(super) fn new(
        summary: String,
        dir: &Path,
        program: PathBuf,
        build: Vec<String>,
        needs: Option<Needs>,
    ) -> Self {
        Self { summary, dir: dir.to_owned(), program, build, needs, is_ready: false }
    }

    /// A program that is there.
    pub(super) fn ready(program: &Path, summary: String) -> Self {
        let dir = program.parent().unwrap_or(program);
        let recipe = Self::new(summary, dir, program.to_owned(), Vec::new(), None);
        Self { is_ready: true, ..recipe }
    }

    /// Where it was found: a folder that says how it is made, or the program itself.
    pub(super) fn place(&self) -> &Path {
        if self.is_ready { &self.program } else { &self.dir }
    }

    /// Looks for the tool without which there is no program.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub(super) fn check_needs(&self) -> Result<(), String> {
        self.needs.as_ref().map_or(Ok(()), Needs::check)
    }

    /// Makes the program and returns where it is.
    ///
    /// # Errors
    /// Why there is none, and what to do.
    pub(super) fn make(&self, name: &str) -> Result<PathBuf, String> {
        if let Some((tool, arguments)) = self.build.split_first() {
            if let Some(dir) = self.program.parent() {
                fs::create_dir_all(dir)
                    .map_err(|error| format!("cannot make {}: {error}", dir.display()))?;
            }
            if !self.program.exists() {
                note!("building {name}: {}", self.build.join(" "));
            }
            let place = self.program.to_string_lossy();
            let arguments = arguments.iter().map(|argument| argument.replace(PROGRAM, &place));
            let output = run(Command::new(tool).args(arguments).current_dir(&self.dir));
            let output = output.map_err(|error| format!("cannot start `{tool}`: {error}"))?;
            if !output.status.success() {
                let said = said(&output);
                let said: Vec<_> = said.lines().take(SHOWN_LINES).collect();
                return Err(format!(
                    "`{}` in {} failed:\n{}",
                    self.build.join(" "),
                    self.dir.display(),
                    said.join("\n")
                ));
            }
        }
        if self.program.is_file() {
            return Ok(self.program.clone());
        }
        Err(format!("there is no program {}", self.program.display()))
    }
}

impl Needs {
    /// # Errors
    /// What is missing, and how to get it.
    fn check(&self) -> Result<(), String> {
        let Self { command, version, hint } = self;
        let Some((tool, arguments)) = command.split_first() else { return Ok(()) };
        let output = run(Command::new(tool).args(arguments)).map_err(|error| {
            let missing = error.kind() == io::ErrorKind::NotFound;
            let why = if missing { "is not on the PATH".to_owned() } else { error.to_string() };
            format!("it needs `{tool}` {version} or newer, which {why}; {hint}")
        })?;
        let said = said(&output);
        match version_in(&said) {
            Some(found) if output.status.success() && found >= parts(version) => Ok(()),
            _ => Err(format!(
                "it needs `{tool}` {version} or newer, and `{}` says: {}; {hint}",
                command.join(" "),
                said.lines().next().unwrap_or_default().trim()
            )),
        }
    }
}

fn run(command: &mut Command) -> io::Result<Output> {
    command.stdin(Stdio::null()).output()
}

/// Both streams: who prints its version where is a matter of taste.
fn said(output: &Output) -> String {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
    let (said, complained) = (text(&output.stdout), text(&output.stderr));
    [said, complained].into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

/// The first thing in a text that looks like a version: digits, a point, digits.
fn version_in(text: &str) -> Option<Vec<u64>> {
    let numbers = text.split(|c: char| !c.is_ascii_digit() && c != '.');
    let version = numbers.map(|number| number.trim_matches('.')).find(|n| n.contains('.'))?;
    Some(parts(version))
}

fn parts(version: &str) -> Vec<u64> {
    version.split('.').map_while(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn needs(command: &[&str], version: &str) -> Needs {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        Needs { command, version: version.to_owned(), hint: "get it from its makers".to_owned() }
    }

    #[test]
    fn versions_are_numbers_and_not_texts() {
        assert_eq!(version_in("go version go1.22.5 linux/amd64"), Some(vec![1, 22, 5]));
        assert_eq!(version_in("Python 3.9.2"), Some(vec![3, 9, 2]));
        assert_eq!(version_in("none at all 7"), None);
        assert!(parts("1.9") < parts("1.22") && parts("1.22") <= parts("1.22.0"));
    }

    #[test]
    fn a_tool_that_is_missing_or_old_is_named_with_what_to_do() {
        assert_eq!(needs(&["echo", "tool 1.30"], "1.22").check(), Ok(()));
        for (command, said) in [
            (&["nonesuch-tool", "version"][..], "not on the PATH"),
            (&["echo", "tool 1.9.3"], "says: tool 1.9.3"),
            (&["echo", "who knows"], "says: who knows"),
            (&["false"], "says: "),
        ] {
            let reason = needs(command, "1.22").check().expect_err("it will not do");
            assert!(reason.contains(said) && reason.contains("get it from"), "{reason}");
            assert!(reason.contains(command[0]) && reason.contains("1.22"), "{reason}");
        }
    }

    fn recipe(dir: &Path, build: &[&str]) -> Recipe {
        let build = build.iter().map(|&word| word.to_owned()).collect();
        Recipe::new(String::new(), dir, dir.join("made/it"), build, None)
    }

    #[test]
    fn a_command_makes_the_program_where_it_is_told_to() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("source"), "text").expect("writable");
        let made = recipe(dir.path(), &["cp", "source", PROGRAM]).make("it").expect("it is there");
        assert_eq!(fs::read_to_string(made).expect("made"), "text");
        assert!(recipe(dir.path(), &[]).make("it").is_ok(), "it is there now");
    }

    #[test]
    fn a_command_that_fails_is_shown_with_its_words() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let reason = recipe(dir.path(), &["cp", "nonesuch", PROGRAM]).make("it");
        let reason = reason.expect_err("there is no source");
        assert!(reason.contains("cp nonesuch") && reason.contains("No such file"), "{reason}");
        let reason = recipe(dir.path(), &["true"]).make("it").expect_err("nothing was made");
        assert!(reason.contains("made/it"), "{reason}");
    }
}
