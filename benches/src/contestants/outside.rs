//! Contestants from outside of the workspace: what `--contestant` names, and what a `stampede.toml`
//! lists.
//!
//! Such a contestant is a Cargo package whose manifest has `[package.metadata.stampede]`, a folder
//! with a `stampede.toml` that says how its program is made, or a program that is there already.

use std::collections::BTreeSet;
use std::env;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use contestant::client::{Client, ClientError};
use contestant::protocol::is_name;
use serde::Deserialize;

use super::recipe::{Needs, Recipe};
use super::workspace::{FindError, Made, Program, Workspace};

/// What a folder's own description is called.
const MANIFEST: &str = "stampede.toml";

/// A program that does not say who it is for so long has hung.
const PATIENCE: Duration = Duration::from_secs(20);

/// The contestants that a command line brings.
#[derive(Args, Clone, Debug, Default)]
pub struct Outside {
    /// Let a contestant from elsewhere take part: the folder of a Cargo package, a folder with a
    /// stampede.toml, or a program that speaks the protocol; may be repeated
    #[arg(long = "contestant", value_name = "PATH")]
    places: Vec<PathBuf>,
}

/// Why a contestant from outside cannot take part.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutsideError {
    /// There is nothing.
    #[error("there is no contestant at {}", place.display())]
    Missing {
        /// Where it should be.
        place: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// There is something else.
    #[error(
        "{} is no contestant: neither a program that can be run, nor a folder with a {MANIFEST} or \
         a Cargo.toml",
        place.display()
    )]
    Nothing {
        /// Where it should be.
        place: PathBuf,
    },
    /// A package without contestants.
    #[error(
        "the package in {} brings no contestant: its manifest needs `contestants = \"outside\"` \
         under [package.metadata.stampede], and the package a program",
        place.display()
    )]
    Unmarked {
        /// The package's folder.
        place: PathBuf,
    },
    /// The description cannot be read.
    #[error("cannot read {}: {reason}", place.display())]
    Manifest {
        /// The file.
        place: PathBuf,
        /// What is wrong with it.
        reason: String,
    },
    /// Cargo does not know the package.
    #[error("Cargo refuses the package in {}", place.display())]
    Package {
        /// The package's folder.
        place: PathBuf,
        /// What it says.
        source: Box<FindError>,
    },
    /// The program does not speak the protocol.
    #[error("{} does not say who it is", place.display())]
    Program {
        /// The program.
        place: PathBuf,
        /// What went wrong.
        source: Box<ClientError>,
    },
    /// Two are called alike.
    #[error(
        "two contestants are called `{name}`: that of {} and that of {}; rename the first",
        place.display(),
        other.display()
    )]
    Taken {
        /// The name.
        name: String,
        /// Whose it was to be.
        place: PathBuf,
        /// Whose it is.
        other: PathBuf,
    },
}

/// A `stampede.toml`.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Manifest {
    /// Places of others, relative to its folder.
    #[serde(default)]
    contestants: Vec<PathBuf>,
    /// What its folder holds itself.
    #[serde(default)]
    contestant: Vec<Entry>,
}

/// A contestant that Cargo does not build.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: String,
    #[serde(default)]
    summary: String,
    /// The program, relative to the folder; without it the one that `build` makes.
    program: Option<PathBuf>,
    /// The command that makes it, where `{program}` stands for its place.
    #[serde(default)]
    build: Vec<String>,
    needs: Option<Needs>,
}

impl Outside {
    /// Adds what is named, and what the `stampede.toml` of the workspace and of the user's folder
    /// list.
    ///
    /// # Errors
    /// [`OutsideError`].
    pub(super) fn join(&self, workspace: &mut Workspace) -> Result<(), OutsideError> {
        let standing = standing();
        let mut found = Found { workspace, known: BTreeSet::new() };
        for dir in [found.workspace.root.clone(), standing.clone()] {
            if dir.join(MANIFEST).is_file() {
                found.folder(&dir)?;
            }
        }
        self.places.iter().try_for_each(|place| found.place(&standing.join(place)))
    }
}

/// Where the user stands. `cargo bench` runs its harnesses in their package's folder, and leaves the
/// shell's own word as it was.
fn standing() -> PathBuf {
    let here = env::current_dir().unwrap_or_default();
    let named = env::var_os("PWD").map(PathBuf::from).filter(|dir| dir.is_absolute());
    named.filter(|dir| dir.is_dir()).unwrap_or(here)
}

/// A workspace that is being added to.
struct Found<'a> {
    workspace: &'a mut Workspace,
    /// The places that were looked at: a list may name what the command line names.
    known: BTreeSet<PathBuf>,
}

impl Found<'_> {
    fn place(&mut self, place: &Path) -> Result<(), OutsideError> {
        let missing = |source| OutsideError::Missing { place: place.to_owned(), source };
        let place = place.canonicalize().map_err(missing)?;
        if place.join(MANIFEST).is_file() {
            return self.folder(&place);
        }
        if place.join("Cargo.toml").is_file() {
            return self.package(&place);
        }
        if is_program(&place) {
            return self.program(&place);
        }
        Err(OutsideError::Nothing { place })
    }

    /// A folder with a `stampede.toml`.
    fn folder(&mut self, dir: &Path) -> Result<(), OutsideError> {
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let file = dir.join(MANIFEST);
        if !self.known.insert(dir.clone()) {
            return Ok(());
        }
        let wrong = |reason: String| OutsideError::Manifest { place: file.clone(), reason };
        let text = fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
        let manifest: Manifest =
            toml::from_str(&text).map_err(|error| wrong(error.to_string().trim().to_owned()))?;
        for entry in manifest.contestant {
            let program = entry.program(&dir, &file, &self.workspace.stampede_dir());
            self.add(program.map_err(wrong)?)?;
        }
        manifest.contestants.iter().try_for_each(|place| self.place(&dir.join(place)))
    }

    fn package(&mut self, dir: &Path) -> Result<(), OutsideError> {
        if !self.known.insert(dir.to_owned()) {
            return Ok(());
        }
        let theirs = Workspace::at(self.workspace.cargo.clone(), dir, None).map_err(|source| {
            OutsideError::Package { place: dir.to_owned(), source: Box::new(source) }
        })?;
        // A member of a workspace brings itself alone, and the workspace's folder all of them.
        let programs =
            theirs.programs.into_iter().filter(|program| program.source.starts_with(dir));
        let programs: Vec<_> = programs.collect();
        if programs.is_empty() {
            return Err(OutsideError::Unmarked { place: dir.to_owned() });
        }
        programs.into_iter().try_for_each(|program| self.add(Program { ours: false, ..program }))
    }

    /// Only the program itself knows what it is called.
    fn program(&mut self, place: &Path) -> Result<(), OutsideError> {
        if !self.known.insert(place.to_owned()) {
            return Ok(());
        }
        let client = Client::launch(place, PATIENCE).map_err(|source| OutsideError::Program {
            place: place.to_owned(),
            source: Box::new(source),
        })?;
        let runtime = &client.description().runtimes[0];
        let recipe = Recipe::ready(place, runtime.summary.clone());
        self.add(Program {
            name: runtime.name.clone(),
            source: place.to_owned(),
            ours: false,
            made: Made::ByRecipe(recipe),
        })
    }

    fn add(&mut self, program: Program) -> Result<(), OutsideError> {
        let taken = self.workspace.programs.iter().find(|other| other.name == program.name);
        if let Some(other) = taken {
            return Err(OutsideError::Taken {
                name: program.name,
                place: program.source,
                other: other.source.clone(),
            });
        }
        self.workspace.programs.push(program);
        Ok(())
    }
}

impl Entry {
    /// # Errors
    /// What is missing, in words.
    fn program(self, dir: &Path, file: &Path, kept: &Path) -> Result<Program, String> {
        let made = kept.join("outside").join(&self.name);
        let program = match (self.program, self.build.is_empty()) {
            (Some(program), _) => dir.join(program),
            (None, false) => made,
            (None, true) => {
                return Err(format!(
                    "`{}` has neither a `program` nor a command that would `build` one",
                    self.name
                ));
            }
        };
        if !is_name(&self.name) {
            return Err(format!(
                "the name `{}` is not 1 to 64 lower-case letters, digits and hyphens",
                self.name
            ));
        }
        let recipe = Recipe::new(self.summary, dir, program, self.build, self.needs);
        Ok(Program {
            name: self.name,
            source: file.to_owned(),
            ours: false,
            made: Made::ByRecipe(recipe),
        })
    }
}

fn is_program(place: &Path) -> bool {
    use std::os::unix::fs::PermissionsExt;
    fs::metadata(place).is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
}
