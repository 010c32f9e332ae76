//! `global-herd`: the global queue, except that every push wakes every sleeping worker.

use super::global_queue::{GlobalQueue, Wakes};
use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::engine::Executor;
use crate::scheduler::Notify;

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: WakeAll::NAME,
    summary: "One first-in-first-out queue under a lock, shared by all workers; a push wakes \
     every sleeper.",
    isolates: "The thundering herd: same queue, same lock, only the wake-ups differ from \
     global-queue.",
    relatives: &["global-queue"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// The executor.
pub type Variant = Executor<GlobalQueue<WakeAll>>;

/// Wakes every sleeper.
#[derive(Debug)]
pub enum WakeAll {}

impl Wakes for WakeAll {
    const NAME: &'static str = "global-herd";
    const NOTIFY: Notify = Notify::All;
}
