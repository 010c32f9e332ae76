//! Which programs a command needs, before any is built.
//!
//! A program's name is that of its main runtime. Its other runtimes are known only when it is
//! built, but their names begin with its own, so whoever names one names the program.

use std::collections::BTreeSet;

use super::names::{NameError, NamePattern, unknown};
use super::workspace::{Program, Workspace};
use super::{Roster, in_core_set};
use crate::matrix::Selection;

/// How much of everything is meant.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Extent {
    /// What a newcomer must see; everything where that has nothing of what is asked for.
    CoreSet,
    /// Everything.
    Full,
}

/// The programs that may have cells of `selection`, on a machine with `cores` cores.
pub fn programs<'a>(
    workspace: &'a Workspace,
    selection: &Selection,
    extent: Extent,
    cores: usize,
) -> Vec<&'a Program> {
    let mut meant = BTreeSet::new();
    for name in known_names(workspace) {
        if selection.may_mean(&name, cores) {
            meant.extend(workspace.program_of(&name).map(|program| program.name.clone()));
        }
    }
    if let Some(name) = selection.runtime.as_ref().and_then(NamePattern::exact) {
        meant.extend(workspace.program_of(name).map(|program| program.name.clone()));
    }
    let all: Vec<_> =
        workspace.programs.iter().filter(|program| meant.contains(&program.name)).collect();
    let core: Vec<_> = all.iter().copied().filter(|program| in_core_set(&program.name)).collect();
    if extent == Extent::CoreSet && selection.runtime.is_none() && !core.is_empty() {
        core
    } else {
        all
    }
}

/// The programs with the runtimes that `patterns` name.
///
/// # Errors
/// [`NameError`] for a pattern that nobody is called by.
pub fn named<'a>(
    workspace: &'a Workspace,
    patterns: &[NamePattern],
) -> Result<Vec<&'a Program>, NameError> {
    let known = known_names(workspace);
    let mut meant = BTreeSet::new();
    for pattern in patterns {
        let names: Vec<_> = match pattern.exact() {
            Some(name) => vec![name],
            None => known.iter().map(String::as_str).filter(|name| pattern.matches(name)).collect(),
        };
        let programs: Vec<_> = names.iter().filter_map(|name| workspace.program_of(name)).collect();
        if programs.is_empty() {
            let known: Vec<_> = known.iter().map(String::as_str).collect();
            return Err(unknown("runtime", &pattern.to_string(), &known));
        }
        meant.extend(programs.iter().map(|program| program.name.as_str()));
    }
    Ok(workspace.programs.iter().filter(|program| meant.contains(program.name.as_str())).collect())
}

/// The names of runtimes that are known without building: of the programs, of those described
/// before, and those that workloads name.
pub fn known_names(workspace: &Workspace) -> Vec<String> {
    let mut names: Vec<_> = workspace.programs.iter().map(|program| program.name.clone()).collect();
    let programs: Vec<_> = workspace.programs.iter().collect();
    let described = Roster::kept(workspace, &programs);
    let in_definitions =
        workloads::definitions().into_iter().flat_map(|definition| definition.runtimes.names());
    for name in described.names().into_iter().chain(in_definitions.copied()) {
        if workspace.program_of(name).is_some() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::contestants::tests::program;
    use crate::matrix::Filter;

    fn workspace() -> Workspace {
        let programs =
            ["local", "stackful", "stackful-local", "monoio", "brand-new"].map(program).to_vec();
        Workspace {
            cargo: "cargo".into(),
            root: "/nonexistent".into(),
            target: "/nonexistent".into(),
            programs,
        }
    }

    fn wanted(filter: Option<&str>, runtime: Option<&str>, extent: Extent) -> Vec<String> {
        let runtime = runtime.map(|text| text.parse().expect("a pattern"));
        let filter =
            Filter::new(filter.map(str::to_owned).as_slice(), false).expect("a regular expression");
        let selection = Selection { filter, runtime, ..Selection::default() };
        let workspace = workspace();
        programs(&workspace, &selection, extent, 2)
            .into_iter()
            .map(|program| program.name.clone())
            .collect()
    }

    #[test]
    fn the_default_is_the_core_set_with_everything_new() {
        assert_eq!(wanted(None, None, Extent::CoreSet), ["local", "stackful", "brand-new"]);
        assert_eq!(wanted(None, None, Extent::Full).len(), 5);
    }

    #[test]
    fn a_filter_that_means_nothing_of_the_core_set_means_the_rest() {
        assert_eq!(wanted(Some("monoio"), None, Extent::CoreSet), ["monoio"]);
        assert_eq!(wanted(Some("^ring/.*local/"), None, Extent::CoreSet), ["local"]);
        assert_eq!(wanted(Some("^ring/.*local/"), None, Extent::Full), ["local", "stackful-local"]);
        assert_eq!(wanted(None, Some("*local"), Extent::CoreSet), ["local", "stackful-local"]);
        assert!(wanted(Some("nonesuch"), None, Extent::Full).is_empty());
    }

    #[test]
    fn another_configuration_is_found_by_its_name() {
        assert_eq!(wanted(Some("/stackful-1ms/"), None, Extent::CoreSet), ["stackful"]);
        assert_eq!(wanted(None, Some("stackful-nobody-knows"), Extent::CoreSet), ["stackful"]);
    }

    #[test]
    fn names_that_nobody_has_are_refused() {
        let workspace = workspace();
        let parse = |text: &str| text.parse::<NamePattern>().expect("a pattern");
        let found =
            named(&workspace, &[parse("local"), parse("stackful-1ms")]).expect("both exist");
        assert_eq!(
            found.iter().map(|p| p.name.as_str()).collect::<Vec<_>>(),
            ["local", "stackful"]
        );
        let error = named(&workspace, &[parse("monoi")]).expect_err("there is none").to_string();
        assert!(error.contains("did you mean monoio"), "{error}");
    }
}
