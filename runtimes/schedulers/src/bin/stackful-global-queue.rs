//! `stackful-global-queue`: the policy of `global-queue`, with tasks that have a stack of their
//! own.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::global_queue::{GlobalQueue, WakeOne};
use runtimes::stackful::Stackful;
use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
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

fn main() -> ExitCode {
    contestant::main::<Executor<GlobalQueue<WakeOne>, Stackful>>(&[Entry::new(&DESCRIPTOR)])
}
