//! `stackful-unpooled`: `stackful` whose tasks each get a new stack from the system.

use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::runtime::Config;
use crate::stackful::{Preconfigured, Preset};

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: Unpooled::NAME,
    summary: "stackful without its pool: each task that starts maps and guards a stack, and \
     unmaps it at its end.",
    isolates: "What pooling stacks saves: its distance to stackful is a mapping, a guard, a page \
     fault and an unmapping for each task.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Unpooled,
};

/// The executor.
pub type Variant = Preconfigured<Unpooled>;

/// No pool.
#[derive(Debug)]
pub enum Unpooled {}

impl Preset for Unpooled {
    const NAME: &'static str = "stackful-unpooled";

    fn apply(config: &mut Config) {
        config.pool_stacks = false;
    }
}
