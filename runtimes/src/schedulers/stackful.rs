//! `stackful`: the policy of `work-stealing`, with tasks that have a stack of their own.
//!
//! Only the task body differs, see [`stackful`](crate::stackful): what separates the two on a chart
//! is the cost of switching stacks.

use super::work_stealing::WorkStealing;
use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::engine::Executor;
use crate::stackful::Stackful;

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: Stackful::NAME,
    summary: "The policy of work-stealing; each task is a coroutine (corosensei) on a pooled, \
     guarded stack of its own.",
    isolates: "A stack for each task against a future: its distance to work-stealing is what \
     switching stacks costs.",
    relatives: &["work-stealing", "may"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackful,
};

/// The executor.
pub type Variant = Executor<WorkStealing, Stackful>;
