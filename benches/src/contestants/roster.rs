//! The contestants that a command has built, with what they say of themselves.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, UNIX_EPOCH};

use anstyle::{AnsiColor, Style};
use contestant::client::Client;
use contestant::protocol::{Description, Descriptor, SUITE};
use results::text::chain;
use serde::{Deserialize, Serialize};

use super::build::Build;
use super::cargo::{BuildError, Builder};
use super::workspace::{Made, Program, Workspace};
use crate::say::note;
use crate::session::quoted;

/// A program that does not say who it is for so long has hung.
const PATIENCE: Duration = Duration::from_secs(20);

const BAD: Style = AnsiColor::Red.on_default().bold();

/// Places that each program has for its runtimes: more than any has.
const PLACES: usize = 1_000;

/// One runtime that can be run.
#[derive(Clone, Debug, PartialEq)]
pub struct Contestant {
    /// What it says of itself.
    pub descriptor: Descriptor,
    /// The program that brings it.
    pub program: PathBuf,
    /// The name of that program: its main runtime's.
    pub program_name: String,
    /// Its place in lists and on the page.
    pub position: usize,
    /// The workloads that it can run.
    pub workloads: Vec<String>,
    /// Whether it was built to be measured.
    pub optimised: bool,
    /// The behaviours that it has not and must have, if it is measured nevertheless.
    pub lacks: Vec<String>,
    /// Where it comes from, if that is not this repository.
    pub brought_from: Option<PathBuf>,
}

impl Contestant {
    /// The name that filters, tables and results use.
    pub fn name(&self) -> &str {
        &self.descriptor.name
    }

    /// What a command that names it needs besides, with a space before it; nothing for most.
    pub fn flags(&self) -> String {
        self.brought_from.as_ref().map_or_else(String::new, |place| {
            format!(" --contestant {}", quoted(&place.to_string_lossy()))
        })
    }

    /// Whether it is its program's main runtime, not another configuration.
    pub fn is_main(&self) -> bool {
        self.descriptor.configuration.is_empty()
    }

    /// Whether it takes `workers` workers.
    pub fn takes(&self, workers: usize) -> bool {
        workers > 0 && self.descriptor.max_workers.is_none_or(|max| workers <= max)
    }
}

/// Everybody who can take part in a command.
#[derive(Clone, Debug, Default)]
pub struct Roster {
    contestants: Vec<Arc<Contestant>>,
    lost: BTreeMap<String, String>,
}

/// What is kept of a program's description, so that lists need not build it.
#[derive(Deserialize, Serialize)]
struct Kept {
    program: PathBuf,
    modified_ns: u64,
    bytes: u64,
    description: Description,
}

impl Roster {
    /// Builds `programs` and asks each who it is. Who cannot take part is named on standard error.
    ///
    /// # Errors
    /// [`BuildError`] when Cargo did not come to compiling.
    pub fn build(workspace: &Workspace, programs: &[&Program]) -> Result<Self, BuildError> {
        Self::build_as(workspace, Build::FAT, programs)
    }

    /// The same in a build that need not be the one that everything is measured in.
    ///
    /// # Errors
    /// [`BuildError`] when Cargo did not come to compiling.
    pub fn build_as(
        workspace: &Workspace,
        build: Build,
        programs: &[&Program],
    ) -> Result<Self, BuildError> {
        let mut roster = Self::default();
        let mut able = Vec::new();
        for &program in programs {
            match program.check_needs() {
                Ok(()) => able.push(program),
                // Nobody's mistake, and so no failure of a command that means everybody.
                Err(reason) => note!("{} is left out: {reason}", program.name),
            }
        }
        let mut built = Builder::of(workspace, build).build(&able)?;
        let mut place = |program: &Program| {
            built.remove(&program.name).unwrap_or_else(|| Err("it was not built".to_owned()))
        };
        for program in able {
            let described = place(program).and_then(|place| {
                let is_outside = workspace.is_outside(program);
                let description = describe(&place, program, is_outside)?;
                // Lists are of the build that is measured.
                if build == Build::FAT {
                    keep(workspace, program, &place, &description);
                }
                Ok((place, description))
            });
            match described {
                Ok((place, description)) => roster.add(workspace, program, place, description),
                Err(reason) => {
                    note!("{BAD}{} cannot take part{BAD:#}: {reason}", program.name);
                    roster.lost.insert(program.name.clone(), reason);
                }
            }
        }
        Ok(roster)
    }

    /// `main`, who are in the first of `builds`, and the same programs in each of the others. Who
    /// was refused there need not be built again: what a policy promises is kept or broken in every
    /// build alike.
    ///
    /// # Errors
    /// [`BuildError`] when Cargo did not come to compiling.
    pub fn in_builds(
        workspace: &Workspace,
        main: Self,
        builds: &[Build],
        programs: &[&Program],
    ) -> Result<Vec<(Build, Self)>, BuildError> {
        let still = |program: &&Program| !main.lost.contains_key(&program.name);
        let programs: Vec<_> = programs.iter().copied().filter(still).collect();
        let Some((&first, others)) = builds.split_first() else { return Ok(Vec::new()) };
        let mut rosters = vec![(first, main)];
        for &build in others {
            if rosters.iter().all(|(known, _)| *known != build) {
                rosters.push((build, Self::build_as(workspace, build, &programs)?));
            }
        }
        Ok(rosters)
    }

    /// The contestants among `programs` that were built before and have not changed since.
    pub fn kept(workspace: &Workspace, programs: &[&Program]) -> Self {
        let mut roster = Self::default();
        for program in programs {
            let kept = fs::read(kept_at(workspace, program)).ok();
            let kept = kept.and_then(|text| serde_json::from_slice::<Kept>(&text).ok());
            let Some(kept) = kept else { continue };
            let newer = modified_ns(&program.source).is_none_or(|edited| edited > kept.modified_ns);
            if !newer && facts(&kept.program) == Some((kept.modified_ns, kept.bytes)) {
                roster.add(workspace, program, kept.program, kept.description);
            }
        }
        roster
    }

    fn add(
        &mut self,
        workspace: &Workspace,
        program: &Program,
        place: PathBuf,
        description: Description,
    ) {
        let before = workspace
            .programs
            .iter()
            .position(|other| other == program)
            .unwrap_or(workspace.programs.len());
        for (index, mut descriptor) in description.runtimes.into_iter().enumerate() {
            // A policy on our engine is nevertheless not of this repository.
            if let (Made::ByCargo(package), true) = (&program.made, workspace.is_outside(program)) {
                descriptor.package.get_or_insert_with(|| package.name.clone());
            }
            self.contestants.push(Arc::new(Contestant {
                descriptor,
                program: place.clone(),
                program_name: program.name.clone(),
                position: before * PLACES + index,
                workloads: description.workloads.clone(),
                optimised: description.build.optimised,
                lacks: Vec::new(),
                brought_from: workspace.brought_from(program).map(Path::to_owned),
            }));
        }
    }

    /// A roster of these, for tests.
    pub fn of(contestants: Vec<Contestant>) -> Self {
        Self { contestants: contestants.into_iter().map(Arc::new).collect(), lost: BTreeMap::new() }
    }

    /// Everybody, in the order of lists.
    pub fn contestants(&self) -> &[Arc<Contestant>] {
        &self.contestants
    }

    /// The contestant called `name`.
    pub fn get(&self, name: &str) -> Option<&Arc<Contestant>> {
        self.contestants.iter().find(|contestant| contestant.name() == name)
    }

    /// All names.
    pub fn names(&self) -> Vec<&str> {
        self.contestants.iter().map(|contestant| contestant.name()).collect()
    }

    /// The programs that cannot take part, and why.
    pub fn lost(&self) -> &BTreeMap<String, String> {
        &self.lost
    }

    /// Adds those of `other` that are not here yet.
    pub fn extend(&mut self, other: Self) {
        for contestant in other.contestants {
            if self.get(contestant.name()).is_none() {
                self.contestants.push(contestant);
            }
        }
        self.lost.extend(other.lost);
    }

    /// Takes a program's runtimes out, for the reason given.
    pub fn lose(&mut self, name: &str, reason: String) {
        self.contestants.retain(|contestant| contestant.name() != name);
        self.lost.insert(name.to_owned(), reason);
    }

    /// Marks a contestant as one that lacks `behaviours` and is measured nevertheless.
    pub fn mark(&mut self, name: &str, behaviours: Vec<String>) {
        if let Some(contestant) =
            self.contestants.iter_mut().find(|contestant| contestant.name() == name)
        {
            Arc::make_mut(contestant).lacks = behaviours;
        }
    }
}

fn describe(place: &Path, program: &Program, is_outside: bool) -> Result<Description, String> {
    let client = Client::launch(place, PATIENCE).map_err(|error| chain(&error))?;
    let description = client.description().clone();
    let (own, theirs) = (&program.name, description.build.suite.as_deref());
    if let (Some(theirs), true) = (theirs.filter(|theirs| *theirs != SUITE), is_outside) {
        return Err(format!(
            "it was built with another version of Stampede's crates ({theirs}, this is {SUITE}), and \
             would differ in more than its policy; let its dependencies point to this version, and \
             build the harness again if that is the older one"
        ));
    }
    let main = &description.runtimes[0];
    if main.name != *own {
        return Err(format!(
            "it calls itself `{}`, and must be called as its file is: `{own}`",
            main.name
        ));
    }
    for other in &description.runtimes[1..] {
        let within =
            other.name.strip_prefix(own.as_str()).is_some_and(|rest| rest.starts_with('-'));
        if !within || other.configuration.is_empty() {
            return Err(format!(
                "it has a runtime `{}`, and further ones must be called `{own}-…` and say how \
                 they are configured",
                other.name
            ));
        }
    }
    Ok(description)
}

fn kept_at(workspace: &Workspace, program: &Program) -> PathBuf {
    workspace.stampede_dir().join("contestants").join(format!("{}.json", program.name))
}

/// Failing to keep it costs a build before the next list, no more.
fn keep(workspace: &Workspace, program: &Program, place: &Path, description: &Description) {
    let Some((modified_ns, bytes)) = facts(place) else { return };
    let kept =
        Kept { program: place.to_owned(), modified_ns, bytes, description: description.clone() };
    let path = kept_at(workspace, program);
    let made = path.parent().map(fs::create_dir_all);
    if let (Some(Ok(())), Ok(text)) = (made, serde_json::to_vec(&kept)) {
        let _ = fs::write(path, text);
    }
}

fn facts(place: &Path) -> Option<(u64, u64)> {
    Some((modified_ns(place)?, fs::metadata(place).ok()?.len()))
}

fn modified_ns(place: &Path) -> Option<u64> {
    let modified = fs::metadata(place).ok()?.modified().ok()?;
    let since = modified.duration_since(UNIX_EPOCH).ok()?;
    u64::try_from(since.as_nanos()).ok()
}
