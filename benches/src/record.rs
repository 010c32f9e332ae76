//! From a cell and its outcome to the record that is stored.

use results::schema::{Kind, Outcome, Record, RuntimeInfo, VERSION, WorkloadInfo};

use crate::contestants::Contestant;
use crate::machine;
use crate::matrix::Cell;
use crate::params::{self, Overrides};
use crate::session::Session;

/// The record of `cell`, finished now.
pub fn record(session: &Session, cell: &Cell, overrides: &Overrides, outcome: Outcome) -> Record {
    Record {
        version: VERSION,
        run: session.stamp(),
        workload: workload_info(cell.workload, overrides),
        runtime: runtime_info(&cell.runtime),
        workers: cell.workers,
        outcome: outcome.readable(),
    }
}

fn workload_info(
    definition: &'static workloads::Definition,
    overrides: &Overrides,
) -> WorkloadInfo {
    WorkloadInfo {
        name: definition.name.to_owned(),
        position: workloads::definitions()
            .iter()
            .position(|other| other.name == definition.name)
            .unwrap_or(usize::MAX),
        summary: definition.summary.to_owned(),
        shows: definition.shows.to_owned(),
        unit: definition.unit.to_owned(),
        kind: match definition.kind {
            workloads::Kind::Throughput => Kind::Throughput,
            workloads::Kind::Latency => Kind::Latency,
            workloads::Kind::Memory => Kind::Memory,
        },
        params: params::to_map(&overrides.of(definition)),
    }
}

fn runtime_info(contestant: &Contestant) -> RuntimeInfo {
    let descriptor = &contestant.descriptor;
    RuntimeInfo {
        name: descriptor.name.clone(),
        position: contestant.position,
        summary: summary(contestant),
        isolates: descriptor.isolates.clone(),
        newcomer: false,
        own: descriptor.own.clone(),
        peer: descriptor.package.as_deref().map(peer),
    }
}

/// What it is; whoever looks at the page must see that it may be fast by doing less.
fn summary(contestant: &Contestant) -> String {
    let summary = &contestant.descriptor.summary;
    if contestant.lacks.is_empty() {
        return summary.clone();
    }
    format!("DOES NOT CONFORM ({}). {summary}", contestant.lacks.join(", "))
}

/// `tokio 1.54.1`, or the package alone when the build had no lock file.
pub fn peer(package: &str) -> String {
    machine::version(package)
        .map_or_else(|| package.to_owned(), |version| format!("{package} {version}"))
}
