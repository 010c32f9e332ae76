//! `stackful-global-queue`: the policy of `global-queue`, with tasks that have a stack of their
//! own.

use super::global_queue::{GlobalQueue, WakeOne};
use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::engine::Executor;
use crate::stackful::Stackful;

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "stackful-global-queue",
    summary: "The policy of global-queue; each task is a coroutine (corosensei) on a pooled, \
     guarded stack of its own.",
    isolates: "Stacks that move between workers at nearly every switch: its distance to stackful \
     is what locality is worth to them.",
    relatives: &["global-queue", "stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackful,
};

/// The executor.
pub type Variant = Executor<GlobalQueue<WakeOne>, Stackful>;
