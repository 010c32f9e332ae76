//! `stackful-local`: the policy of `local`, with tasks that have a stack of their own.

use super::local::Local;
use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::engine::Executor;
use crate::stackful::Stackful;

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "stackful-local",
    summary: "The policy of local; each task is a coroutine (corosensei) on a pooled, guarded \
     stack of its own.",
    isolates: "A stack for each task without any synchronisation: its distance to local is \
     switching alone.",
    relatives: &["local", "stackful"],
    origin: Origin::Ours,
    workers: Workers::Caller,
    task: TaskKind::Stackful,
};

/// The executor.
pub type Variant = Executor<Local, Stackful>;
