//! What a full run adds: whether the verdicts hold in other builds, and what the allocator is
//! worth.

use anyhow::{Context, Result};
use results::format;

use crate::cell::Launcher;
use crate::compare::builds::{self, Origin};
use crate::compare::plan::Plan;
use crate::compare::run::{Options, Race, Rounds};
use crate::contestants::names::NamePattern;
use crate::contestants::{Build, Gate as Conformance, Roster, Workspace, in_core_set};
use crate::noise::{Gate, Noise};
use crate::params::Overrides;
use crate::paths::Paths;
use crate::say::{note, say};
use crate::session::{Session, now_unix_s};

/// What depends most on inlining and allocation. One worker suffices for that, and takes part in
/// it who has no more.
const WORKLOADS: [&str; 5] = ["spawn_many_local", "chained_spawn", "ping_pong", "skynet", "fib"];

/// Enough for most verdicts; what stays undecided says so.
const ROUNDS: usize = 7;

/// Compares the core set in all builds and stores what came of it.
pub(super) fn compare(
    workspace: &Workspace,
    launcher: &Launcher,
    paths: &Paths,
    session: &Session,
) -> Result<()> {
    let everybody = workspace.programs.iter();
    let programs: Vec<_> = everybody.filter(|program| in_core_set(&program.name)).collect();
    note!("{} in {} builds", format::count(programs.len(), "runtime"), Build::ALL.len());
    let mut main = Roster::build(workspace, &programs)?;
    let names: Vec<_> = main
        .contestants()
        .iter()
        .filter(|contestant| contestant.is_main())
        .map(|contestant| contestant.name().to_owned())
        .collect();
    Conformance::new(&workspace.stampede_dir()).admit(&mut main, &names, false)?;
    let rosters = Roster::in_builds(workspace, main, &Build::ALL, &programs)?;
    let entered: Vec<_> = rosters.iter().map(|(build, roster)| (Some(*build), roster)).collect();
    let names: Vec<_> = names.into_iter().filter(|name| rosters[0].1.get(name).is_some()).collect();
    let patterns =
        names.iter().map(|name| name.parse()).collect::<Result<Vec<NamePattern>, _>>()?;
    let workloads = format!("^({})$", WORKLOADS.join("|"));
    let plan = Plan::new(&entered, &patterns, Some(&workloads.parse()?), &[1])?;
    let options = Options {
        rounds: Rounds::Fixed(ROUNDS),
        band: 0.05,
        seed: session.seed,
        time: None,
        gate: Gate { steal: Noise::MOST_STEAL, others: Noise::MOST_OTHERS },
        overrides: Overrides::short(),
    };
    let mut race = Race::new(&plan, &options, launcher, &launcher.interrupt, None);
    race.run()?;
    let command = format!(
        "cargo stampede compare {} --builds {} --workload '{workloads}' --workers 1 --rounds \
         {ROUNDS} --seed {}",
        names.join(" "),
        Build::ALL.map(|build| build.name).join(","),
        session.seed
    );
    let (started_unix_s, doubt) = (now_unix_s(), race.doubt());
    let origin = Origin { started_unix_s, command: &command, doubt };
    let Some(found) = builds::sum_up(&plan, race.sheets(), origin) else { return Ok(()) };
    if !launcher.interrupt.came() {
        found.write(&paths.results).context("cannot store what the builds came to")?;
        say!("\n{}", builds::render(&found).trim_end());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_compared_exists() {
        let known: Vec<_> = workloads::definitions().iter().map(|d| d.name).collect();
        assert!(WORKLOADS.iter().all(|name| known.contains(name)), "{WORKLOADS:?}: {known:?}");
    }
}
