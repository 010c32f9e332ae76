//! Which contestants' programs there are: every program of a package that says it has some.
//!
//! Such a package has `[package.metadata.stampede]` with `contestants = "ours"` or `"peers"` in its
//! manifest. Cargo finds its programs by their files, so a new file is a new contestant. Those from
//! outside of the workspace are added by [`outside`](super::outside).

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde::Deserialize;

use super::core_set;
use super::outside::{Outside, OutsideError};
use super::recipe::Recipe;

/// A program that may take part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Its name, and that of its main runtime.
    pub name: String,
    /// Its file, or the one that describes it.
    pub source: PathBuf,
    /// Whether it is a policy of this repository, not somebody else's executor.
    pub ours: bool,
    /// How it is made.
    pub made: Made,
}

/// How a program comes to be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Made {
    /// Cargo builds it.
    ByCargo(Package),
    /// It is there, or a command of its own builds it.
    ByRecipe(Recipe),
}

/// The package of a program that Cargo builds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// The features that it has.
    pub features: Vec<String>,
    /// The folder with its workspace's manifest.
    pub root: PathBuf,
    /// Where Cargo puts what it builds there.
    pub target: PathBuf,
}

impl Program {
    /// The first line of its file's documentation: what is known of it before it is built.
    pub fn first_line(&self) -> Option<String> {
        if let Made::ByRecipe(recipe) = &self.made {
            return Some(recipe.summary.clone());
        }
        let text = fs::read_to_string(&self.source).ok()?;
        text.lines().find_map(|line| Some(line.strip_prefix("//! ")?.to_owned()))
    }

    /// Looks for what it takes to make it, besides Cargo.
    ///
    /// # Errors
    /// What is missing, and how to get it.
    pub(super) fn check_needs(&self) -> Result<(), String> {
        match &self.made {
            Made::ByCargo(_) => Ok(()),
            Made::ByRecipe(recipe) => recipe.check_needs(),
        }
    }

    /// Whether a runtime called `name` is one of this program's: itself, or `NAME-…` for another
    /// configuration.
    fn may_have(&self, name: &str) -> bool {
        name.strip_prefix(&self.name).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
    }
}

/// The workspace as Cargo sees it.
#[derive(Clone, Debug)]
pub struct Workspace {
    /// How Cargo is called.
    pub cargo: OsString,
    /// The folder with the workspace's manifest.
    pub root: PathBuf,
    /// Where Cargo puts what it builds.
    pub target: PathBuf,
    /// All programs, in the order of lists: those from outside come last.
    pub programs: Vec<Program>,
}

/// Why the workspace is not known.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum FindError {
    /// Cargo did not start.
    #[error(
        "contestants are programs that Cargo builds, and {} does not start; put cargo on the \
         PATH, or its place into the \
         environment variable CARGO",
        cargo.display()
    )]
    Cargo {
        /// How it was called.
        cargo: OsString,
        /// The system's answer.
        source: io::Error,
    },
    /// Cargo refused.
    #[error("cargo metadata failed:\n{0}")]
    Refused(String),
    /// Cargo answered something unknown.
    #[error("cargo metadata answered what nobody understands")]
    Format(#[from] serde_json::Error),
    /// What comes from outside of the workspace cannot take part.
    #[error(transparent)]
    Outside(#[from] OutsideError),
}

#[derive(Deserialize)]
struct Metadata {
    packages: Vec<Listed>,
    workspace_root: PathBuf,
    target_directory: PathBuf,
}

#[derive(Deserialize)]
struct Listed {
    name: String,
    targets: Vec<Target>,
    features: BTreeMap<String, serde::de::IgnoredAny>,
    metadata: Option<serde_json::Value>,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
    src_path: PathBuf,
}

impl Workspace {
    /// Asks Cargo about the workspace that this program was built from, and adds what is brought
    /// from `outside`.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn find(outside: &Outside) -> Result<Self, FindError> {
        let named = env::var_os("CARGO").filter(|cargo| !cargo.is_empty());
        let cargo = named.unwrap_or_else(|| "cargo".into());
        let root = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new("."));
        let target = env::current_exe().ok().and_then(|program| target_of(&program));
        let mut workspace = Self::at(cargo, root, target.as_deref())?;
        outside.join(&mut workspace)?;
        Ok(workspace)
    }

    /// Asks `cargo` about the workspace in `root`. `target` is the target directory if it is known
    /// already.
    ///
    /// # Errors
    /// [`FindError`].
    pub fn at(cargo: OsString, root: &Path, target: Option<&Path>) -> Result<Self, FindError> {
        let mut command = Command::new(&cargo);
        command
            .args(["metadata", "--no-deps", "--format-version=1", "--offline"])
            .current_dir(root);
        if let Some(target) = target {
            command.env("CARGO_TARGET_DIR", target);
        }
        let output = command.stdin(Stdio::null()).output();
        let output = output.map_err(|source| FindError::Cargo { cargo: cargo.clone(), source })?;
        if !output.status.success() {
            return Err(FindError::Refused(
                String::from_utf8_lossy(&output.stderr).trim_end().to_owned(),
            ));
        }
        let metadata: Metadata = serde_json::from_slice(&output.stdout)?;
        let mut programs = metadata.programs();
        programs.sort_by_key(|program| {
            (!program.ours, core_set::rank(&program.name), program.name.clone())
        });
        Ok(Self {
            cargo,
            root: metadata.workspace_root,
            target: metadata.target_directory,
            programs,
        })
    }

    /// Where a run keeps what it makes.
    pub fn stampede_dir(&self) -> PathBuf {
        self.target.join("stampede")
    }

    /// Whether a program comes from elsewhere.
    pub fn is_outside(&self, program: &Program) -> bool {
        self.brought_from(program).is_some()
    }

    /// The place that `--contestant` knows a program from elsewhere by.
    pub fn brought_from<'p>(&self, program: &'p Program) -> Option<&'p Path> {
        match &program.made {
            Made::ByCargo(package) => (package.root != self.root).then_some(&*package.root),
            Made::ByRecipe(recipe) => Some(recipe.place()),
        }
    }

    /// The program that has, or would have, the runtime called `name`: the one with the longest
    /// name that fits.
    pub fn program_of(&self, name: &str) -> Option<&Program> {
        let fitting = self.programs.iter().filter(|program| program.may_have(name));
        fitting.max_by_key(|program| program.name.len())
    }
}

impl Metadata {
    fn programs(&self) -> Vec<Program> {
        self.packages.iter().flat_map(|package| self.programs_of(package)).collect()
    }

    fn programs_of(&self, package: &Listed) -> Vec<Program> {
        let kind = package
            .metadata
            .as_ref()
            .and_then(|metadata| metadata["stampede"]["contestants"].as_str());
        let ours = match kind {
            Some("ours") => true,
            Some("peers" | "outside") => false,
            _ => return Vec::new(),
        };
        let programs =
            package.targets.iter().filter(|target| target.kind.iter().any(|kind| kind == "bin"));
        let program = |target: &Target| Program {
            name: target.name.clone(),
            source: target.src_path.clone(),
            ours,
            made: Made::ByCargo(Package {
                name: package.name.clone(),
                features: package.features.keys().cloned().collect(),
                root: self.workspace_root.clone(),
                target: self.target_directory.clone(),
            }),
        };
        programs.map(program).collect()
    }
}

/// Cargo's target directory, from the place of a program in it: `TARGET/PROFILE/NAME`, or a folder
/// deeper for a test. It says more than the environment: a relative `CARGO_TARGET_DIR` would name
/// another place from here, and `--target-dir` is not seen at all.
pub(crate) fn target_of(program: &Path) -> Option<PathBuf> {
    let mut dirs = program.ancestors().skip(2).take(3);
    // Cargo marks the directory, so that backups pass over it.
    dirs.find(|dir| dir.join("CACHEDIR.TAG").is_file()).map(Path::to_owned)
}

/// The profile that a program was built with, from its place: `TARGET/PROFILE/NAME`.
pub(crate) fn profile_of(program: &Path) -> Option<&str> {
    let dir = program.parent()?;
    let dir = if dir.file_name()? == "deps" { dir.parent()? } else { dir };
    dir.file_name()?.to_str()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::tests::program;

    fn workspace(names: &[&str]) -> Workspace {
        let programs = names.iter().map(|name| program(name)).collect();
        Workspace { cargo: "cargo".into(), root: PathBuf::new(), target: PathBuf::new(), programs }
    }

    #[test]
    fn this_workspace_has_contestants_of_both_kinds() {
        let workspace = Workspace::find(&Outside::default()).expect("cargo built this test");
        let names: Vec<_> = workspace
            .programs
            .iter()
            .map(|program| (program.name.as_str(), program.ours))
            .collect();
        assert_eq!(names[..2], [("local", true), ("global-herd", true)]);
        assert!(names.contains(&("tokio-mt", false)), "{names:?}");
        assert!(!names.iter().any(|(name, _)| *name == "stampede"), "{names:?}");
        assert!(workspace.programs.iter().all(|program| program.first_line().is_some()));
    }

    #[test]
    fn a_configuration_belongs_to_the_program_with_the_longest_name_that_fits() {
        let workspace = workspace(&["stackful", "stackful-local", "local"]);
        let of = |name| workspace.program_of(name).map(|program| program.name.as_str());
        assert_eq!((of("stackful"), of("stackful-1ms")), (Some("stackful"), Some("stackful")));
        assert_eq!(
            (of("stackful-local"), of("local"), of("stack")),
            (Some("stackful-local"), Some("local"), None)
        );
    }

    #[test]
    fn without_cargo_the_message_says_what_to_do() {
        let error = Workspace::at("/nonexistent/cargo".into(), Path::new("/"), None)
            .expect_err("there is none");
        let text = error.to_string();
        assert!(text.contains("/nonexistent/cargo") && text.contains("CARGO"), "{text}");
    }

    #[test]
    fn outside_of_a_workspace_cargos_own_words_are_passed_on() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let cargo = env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
        let error = Workspace::at(cargo, dir.path(), None).expect_err("nothing there").to_string();
        assert!(error.contains("Cargo.toml"), "{error}");
    }

    #[test]
    fn profile_and_target_directory_are_read_off_the_programs_place() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        fs::write(dir.path().join("CACHEDIR.TAG"), "").expect("writable");
        let in_target = |path: &str| dir.path().join(path);
        for path in [
            "release/stampede",
            "release/deps/throughput-1",
            "x86_64-unknown-linux-gnu/release/stampede",
        ] {
            assert_eq!(target_of(&in_target(path)).as_deref(), Some(dir.path()), "{path}");
            assert_eq!(profile_of(&in_target(path)), Some("release"), "{path}");
        }
        assert_eq!(target_of(Path::new("/nonexistent/bin/stampede")), None);
    }
}
