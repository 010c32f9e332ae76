//! The process in which criterion runs: one whose arguments are criterion's.
//!
//! Criterion reads its flags from the arguments of the process and refuses what it does not know,
//! so ours must not stand beside them. The harness replaces itself by the same program with
//! criterion's flags alone; the whole command line goes along in the environment.

use std::env;
use std::ffi::OsString;
use std::os::unix::process::CommandExt;
use std::process::Command;

use anyhow::{Context, Error, anyhow};
use workloads::Kind;

use super::CriterionArgs;

/// Holds the kind and the arguments of the harness, as JSON.
const HANDED_OVER: &str = "STAMPEDE_HARNESS";

/// The kind and the arguments of the harness, when this process's own are criterion's.
pub fn handed_over() -> Option<(Kind, Vec<OsString>)> {
    let text = env::var(HANDED_OVER).ok()?;
    let (kind, arguments): (String, Vec<String>) = serde_json::from_str(&text).ok()?;
    let kind = [Kind::Throughput, Kind::Latency, Kind::Memory]
        .into_iter()
        .find(|k| super::kind_name(*k) == kind)?;
    Some((kind, arguments.into_iter().map(OsString::from).collect()))
}

/// Replaces this process. Returns only when that is not possible.
pub(super) fn become_it(kind: Kind, arguments: &[OsString], criterion: &CriterionArgs) -> Error {
    match prepare(kind, arguments, criterion) {
        Ok(mut command) => Error::from(command.exec()).context("cannot start the harness again"),
        Err(error) => error,
    }
}

fn prepare(
    kind: Kind,
    arguments: &[OsString],
    criterion: &CriterionArgs,
) -> Result<Command, Error> {
    let text = |argument: &OsString| {
        argument
            .to_str()
            .map(str::to_owned)
            .ok_or_else(|| anyhow!("{} is not UTF-8", argument.display()))
    };
    let arguments: Vec<_> = arguments.iter().map(text).collect::<Result<_, _>>()?;
    let mut command =
        Command::new(env::current_exe().context("cannot find this program's own file")?);
    command.args(criterion.criterions_own());
    command.env(HANDED_OVER, serde_json::to_string(&(super::kind_name(kind), arguments))?);
    Ok(command)
}
