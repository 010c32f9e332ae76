//! `global-herd`: the global queue, except that every push wakes every sleeping worker.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::global_queue::{GlobalQueue, WakeAll};

use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "global-herd",
    summary: "One first-in-first-out queue under a lock, shared by all workers; a push wakes \
     every sleeper.",
    isolates: "The thundering herd: same queue, same lock, only the wake-ups differ from \
     global-queue.",
    relatives: &["global-queue"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<GlobalQueue<WakeAll>>>(&[Entry::new(&DESCRIPTOR)])
}
