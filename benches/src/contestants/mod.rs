//! Who takes part: programs that speak the protocol, found, built and asked who they are.
//!
//! Reading order: `workspace` (which programs there are), `outside` (and from elsewhere), [`names`]
//! (which of them are meant), `build` (in which ways), `cargo` (Cargo makes them), `recipe` (what
//! makes the others), `roster` (what they say of themselves), `conformance` (whether they may be
//! timed).

mod build;
mod cargo;
mod conformance;
mod core_set;
pub mod names;
mod outside;
mod recipe;
mod roster;
pub mod wanted;
mod workspace;

pub use build::Build;
pub use cargo::{BuildError, Builder, Built};
pub use conformance::{Gate, Verdict};
pub use core_set::in_core_set;
pub use outside::{Outside, OutsideError};
pub use recipe::Recipe;
pub use roster::{Contestant, Roster};
pub use workspace::{FindError, Made, Package, Program, Workspace};

#[cfg(test)]
pub(crate) mod tests {
    use contestant::protocol::Descriptor;

    use super::{Contestant, Made, Package, Program};

    /// A program that Cargo would have to build.
    pub(crate) fn program(name: &str) -> Program {
        let package = Package {
            name: "schedulers".to_owned(),
            features: Vec::new(),
            root: "/nonexistent".into(),
            target: "/nonexistent".into(),
        };
        Program {
            name: name.to_owned(),
            source: format!("runtimes/schedulers/src/bin/{name}.rs").into(),
            ours: true,
            made: Made::ByCargo(package),
        }
    }

    /// A contestant that cannot be run.
    pub(crate) fn contestant(name: &str, max_workers: Option<usize>) -> Contestant {
        Contestant {
            descriptor: Descriptor {
                name: name.to_owned(),
                summary: String::new(),
                isolates: String::new(),
                relatives: Vec::new(),
                package: None,
                max_workers,
                stacks: false,
                own: Vec::new(),
                configuration: Default::default(),
            },
            program: "/nonexistent/contestant".into(),
            program_name: name.to_owned(),
            position: 0,
            workloads: workloads::definitions()
                .iter()
                .map(|definition| definition.name.to_owned())
                .collect(),
            optimised: true,
            lacks: Vec::new(),
            brought_from: None,
        }
    }
}
