//! Has the programs built that a command needs, and only those, by Cargo or by a recipe of their own,
//! and says where that stands.

use std::collections::{BTreeMap, VecDeque};
use std::env;
use std::fs;
use std::io::{self, BufRead, BufReader, IsTerminal};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use results::format;
use results::output;
use serde::Deserialize;

use super::build::Build;
use super::recipe::Recipe;
use super::workspace::{Made, Package, Program, Workspace, profile_of};
use crate::progress::Progress;

/// What building a program takes on two processors, until experience says otherwise.
const PLANNED: Duration = Duration::from_secs(18);

/// Cargo's lines that are kept for the reason of a failure.
const KEPT_LINES: usize = 40;

/// Between two signs of life off a terminal.
const SIGN_OF_LIFE: Duration = Duration::from_secs(10);

/// Builds programs as this program was built: in the same target directory, with the profile that
/// goes with its own.
#[derive(Clone, Debug)]
pub struct Builder<'a> {
    workspace: &'a Workspace,
    profile: String,
    feature: Option<&'static str>,
    /// Whether it is another build than the one that everything is measured in.
    is_variation: bool,
}

/// A program that Cargo is to build, and the package that it is of.
#[derive(Clone, Copy, Debug)]
struct Wanted<'a> {
    program: &'a Program,
    package: &'a Package,
}

/// How a program is made.
enum Way<'a> {
    Cargo(&'a Package),
    Recipe(&'a Recipe),
}

/// Why nothing was built.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BuildError {
    /// Cargo did not start.
    #[error("cannot start cargo")]
    Start(#[source] io::Error),
    /// Cargo gave up before it compiled anything.
    #[error("cargo cannot build the contestants in {}:\n{said}", target.display())]
    Refused {
        /// Where it was to build.
        target: PathBuf,
        /// Its own words.
        said: String,
    },
    /// The profiles for contestants from elsewhere cannot be handed on.
    #[error("cannot read the profiles in {}: {reason}", manifest.display())]
    Profiles {
        /// This workspace's manifest.
        manifest: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What came of each program, by name: where it is, or why there is none.
pub type Built = BTreeMap<String, Result<PathBuf, String>>;

#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum CargoMessage {
    CompilerArtifact {
        target: Target,
        executable: Option<PathBuf>,
        fresh: bool,
    },
    CompilerMessage {
        message: Diagnostic,
    },
    #[serde(other)]
    Other,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    kind: Vec<String>,
}

#[derive(Deserialize)]
struct Diagnostic {
    level: String,
    rendered: Option<String>,
}

/// What is heard from a Cargo that builds.
enum Heard {
    Message(CargoMessage),
    Said(String),
}

impl<'a> Builder<'a> {
    /// For the workspace that this program was built from.
    pub fn new(workspace: &'a Workspace) -> Self {
        let own = env::current_exe().ok();
        let own = own.as_deref().and_then(profile_of);
        let profile = match own {
            None | Some("release" | "bench") => Build::FAT.profile,
            Some("debug") => "dev",
            Some(other) => other,
        };
        Self { workspace, profile: profile.to_owned(), feature: None, is_variation: false }
    }

    /// The same in another build. That everything is measured in is how [`new`](Self::new) builds.
    pub fn of(workspace: &'a Workspace, build: Build) -> Self {
        if build == Build::FAT {
            return Self::new(workspace);
        }
        let profile = build.profile.to_owned();
        Self { workspace, profile, feature: build.feature, is_variation: true }
    }

    /// The name of the profile that the programs are built with.
    pub fn profile(&self) -> &str {
        &self.profile
    }

    /// Builds `programs`. A compile error is shown whole and costs the programs that it is in.
    ///
    /// # Errors
    /// [`BuildError`] when Cargo did not come to compiling.
    pub fn build(&self, programs: &[&Program]) -> Result<Built, BuildError> {
        let mut built = Built::new();
        let mut workspaces: BTreeMap<&Path, Vec<Wanted<'_>>> = BTreeMap::new();
        for &program in programs {
            match self.way(program) {
                Ok(Way::Cargo(package)) => {
                    workspaces.entry(&package.root).or_default().push(Wanted { program, package });
                }
                Ok(Way::Recipe(recipe)) => {
                    built.insert(program.name.clone(), recipe.make(&program.name));
                }
                Err(reason) => {
                    built.insert(program.name.clone(), Err(reason));
                }
            }
        }
        for (root, wanted) in workspaces {
            match self.run_cargo(&wanted) {
                Ok(some) => built.extend(some),
                // A package from elsewhere that Cargo refuses costs nobody else anything.
                Err(BuildError::Refused { said, .. }) if root != self.workspace.root => {
                    let lost =
                        |wanted: &Wanted<'_>| (wanted.program.name.clone(), Err(said.clone()));
                    built.extend(wanted.iter().map(lost));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(built)
    }

    /// How a program is made in this build.
    ///
    /// # Errors
    /// Why it cannot be, in words.
    fn way<'p>(&self, program: &'p Program) -> Result<Way<'p>, String> {
        match &program.made {
            Made::ByRecipe(_) if self.is_variation => {
                Err("it is not built by Cargo, and so in one way only".to_owned())
            }
            Made::ByRecipe(recipe) => Ok(Way::Recipe(recipe)),
            Made::ByCargo(package) => match self.feature {
                Some(feature) if !package.features.iter().any(|other| other == feature) => {
                    Err(format!(
                        "the package {} has no feature `{feature}`; `{feature} = \
                         [\"contestant/{feature}\"]` under [features] in its manifest gives it one",
                        package.name
                    ))
                }
                _ => Ok(Way::Cargo(package)),
            },
        }
    }

    fn run_cargo(&self, wanted: &[Wanted<'_>]) -> Result<Built, BuildError> {
        let programs: Vec<_> = wanted.iter().map(|wanted| wanted.program).collect();
        let programs = programs.as_slice();
        let mut cargo = self.command(wanted)?.spawn().map_err(BuildError::Start)?;
        let heard = listen(&mut cargo);
        let mut watch = Watch::new(programs, self.profile());
        loop {
            match heard.recv_timeout(SIGN_OF_LIFE) {
                Ok(Heard::Message(message)) => watch.message(message),
                Ok(Heard::Said(line)) => watch.said(line),
                Err(RecvTimeoutError::Timeout) => watch.sign_of_life(),
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        let status = cargo.wait().map_err(BuildError::Start)?;
        let Watch { mut built, said, compile_errors, .. } = watch;
        if !status.success() && built.is_empty() && compile_errors == 0 {
            let said = said.into_iter().collect::<Vec<_>>().join("\n");
            let target = self.target(wanted).to_owned();
            return Err(BuildError::Refused { target, said });
        }
        for program in programs {
            built.entry(program.name.clone()).or_insert_with(|| {
                let source =
                    program.source.strip_prefix(&self.workspace.root).unwrap_or(&program.source);
                Err(format!("{} does not compile, see above", source.display()))
            });
        }
        Ok(built)
    }

    /// Where `wanted` are built, which are of one workspace: ours where this program was.
    fn target<'t>(&'t self, wanted: &'t [Wanted<'_>]) -> &'t Path {
        let Package { root, target, .. } = wanted[0].package;
        if *root == self.workspace.root { &self.workspace.target } else { target }
    }

    /// `wanted` are of one workspace, and at least one.
    ///
    /// # Errors
    /// [`BuildError::Profiles`].
    fn command(&self, wanted: &[Wanted<'_>]) -> Result<Command, BuildError> {
        let mut command = Command::new(&self.workspace.cargo);
        command.args(["build", "--keep-going", "--profile", &self.profile]);
        let root = &wanted[0].package.root;
        // Elsewhere nobody knows how contestants are built.
        if *root != self.workspace.root {
            command.arg("--config").arg(profiles(self.workspace)?);
        }
        let mut packages: Vec<_> = wanted.iter().map(|wanted| &*wanted.package.name).collect();
        packages.sort_unstable();
        packages.dedup();
        packages.iter().for_each(|package| _ = command.args(["--package", package]));
        if let Some(feature) = self.feature {
            let feature =
                |package: &&str| _ = command.args(["--features", &format!("{package}/{feature}")]);
            packages.iter().for_each(feature);
        }
        wanted.iter().for_each(|wanted| _ = command.args(["--bin", &wanted.program.name]));
        command.arg("--target-dir").arg(self.target(wanted));
        let ansi =
            if io::stderr().is_terminal() { "json-diagnostic-rendered-ansi" } else { "json" };
        command.arg("--message-format").arg(ansi);
        // Its own bar would be written over ours, and its lines are read here.
        command.env("CARGO_TERM_PROGRESS_WHEN", "never").env("CARGO_TERM_QUIET", "false");
        command.env("CARGO_TERM_COLOR", "never").current_dir(root);
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Ok(command)
    }
}

/// A file with the profiles of this workspace's manifest that contestants are built with, as a
/// configuration for Cargo.
///
/// # Errors
/// [`BuildError::Profiles`].
fn profiles(workspace: &Workspace) -> Result<PathBuf, BuildError> {
    let manifest = workspace.root.join("Cargo.toml");
    let wrong = |reason: String| BuildError::Profiles { manifest: manifest.clone(), reason };
    let text = fs::read_to_string(&manifest).map_err(|error| wrong(error.to_string()))?;
    let mut table: toml::Table = text.parse().map_err(|e: toml::de::Error| wrong(e.to_string()))?;
    table.retain(|name, _| name == "profile");
    if let Some(profiles) = table.get_mut("profile").and_then(toml::Value::as_table_mut) {
        profiles.retain(|name, _| name.starts_with(Build::FAT.profile));
    }
    let file = workspace.stampede_dir().join("profiles.toml");
    fs::create_dir_all(workspace.stampede_dir()).map_err(|error| wrong(error.to_string()))?;
    output::replace(&file, table.to_string().as_bytes())
        .map_err(|error| wrong(format!("{}: {error}", file.display())))?;
    Ok(file)
}

/// Both streams of `cargo` as they come; disconnected when both have ended.
fn listen(cargo: &mut Child) -> Receiver<Heard> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = cargo.stdout.take() {
        let sender = sender.clone();
        let messages = move || {
            let lines = BufReader::new(stdout).lines().map_while(Result::ok);
            let messages = lines.filter_map(|line| serde_json::from_str(&line).ok());
            let _ =
                messages.map(|message| sender.send(Heard::Message(message))).find(Result::is_err);
        };
        thread::spawn(messages);
    }
    if let Some(stderr) = cargo.stderr.take() {
        let said = move || {
            let lines = BufReader::new(stderr).lines().map_while(Result::ok);
            let _ = lines.map(|line| sender.send(Heard::Said(line))).find(Result::is_err);
        };
        thread::spawn(said);
    }
    receiver
}

/// Where a build stands.
struct Watch<'a> {
    programs: &'a [&'a Program],
    progress: Progress,
    /// What is to be said before the first step.
    plan: Option<String>,
    built: Built,
    /// What Cargo waits for.
    waiting: Option<String>,
    /// Packages compiled so far.
    compiled: usize,
    compile_errors: usize,
    /// Cargo's last words that are not about a step.
    said: VecDeque<String>,
}

impl<'a> Watch<'a> {
    fn new(programs: &'a [&'a Program], profile: &str) -> Self {
        let plan =
            format!("building {} (profile {profile})", format::count(programs.len(), "contestant"));
        let progress = Progress::on_stderr(programs.len(), PLANNED);
        let (built, said) = (Built::new(), VecDeque::new());
        Self {
            programs,
            progress,
            plan: Some(plan),
            built,
            waiting: None,
            compiled: 0,
            compile_errors: 0,
            said,
        }
    }

    /// Says what is being done, once there is something to do: what is built already makes no
    /// words.
    fn announce(&mut self) {
        if let Some(plan) = self.plan.take() {
            self.progress.note(&plan);
        }
    }

    fn message(&mut self, message: CargoMessage) {
        match message {
            CargoMessage::CompilerArtifact { target, executable: Some(executable), fresh } => {
                let wanted = self.programs.iter().any(|program| program.name == target.name);
                if !(wanted && target.kind.iter().any(|kind| kind == "bin")) {
                    return;
                }
                if fresh {
                    self.progress.advance();
                } else {
                    self.progress.finish(&format!("built {}", target.name));
                }
                self.built.insert(target.name, Ok(executable));
            }
            CargoMessage::CompilerMessage {
                message: Diagnostic { level, rendered: Some(text) },
            } => {
                self.compile_errors += usize::from(level.starts_with("error"));
                self.progress.note(text.trim_end());
            }
            _ => {}
        }
    }

    fn said(&mut self, line: String) {
        /// What Cargo says of its steps begins with one of these.
        const STEPS: [&str; 8] = [
            "Compiling",
            "Fresh",
            "Finished",
            "Downloading",
            "Downloaded",
            "Updating",
            "Locking",
            "Adding",
        ];
        let step = line.trim_start();
        // Another Cargo holds a lock, mostly for an instant.
        if step.starts_with("Blocking") {
            self.progress.begin(step);
            self.waiting = Some(step.to_owned());
            return;
        }
        self.waiting = None;
        if STEPS.iter().any(|word| step.starts_with(word)) {
            if !step.starts_with("Finished") {
                self.announce();
            }
            self.compiled += usize::from(step.starts_with("Compiling"));
            // The place in the tree says nothing that the name does not.
            let step = step.split(" (").next().unwrap_or(step);
            self.progress.begin(step);
            return;
        }
        self.progress.note(&line);
        if self.said.len() == KEPT_LINES {
            self.said.pop_front();
        }
        self.said.push_back(line);
    }

    fn sign_of_life(&mut self) {
        self.announce();
        let at = self.waiting.clone().unwrap_or_else(|| {
            format!("still building, {} compiled", format::count(self.compiled, "package"))
        });
        self.progress.report(&at);
    }
}
