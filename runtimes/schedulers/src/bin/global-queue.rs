//! `global-queue`: one queue under one lock for all workers; each push wakes one.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::global_queue::{GlobalQueue, WakeOne};

use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "global-queue",
    summary: "One first-in-first-out queue under a lock, shared by all workers; a push wakes one \
     sleeper.",
    isolates: "A shared queue without the herd: its distance to global-herd is the herd's cost.",
    relatives: &["global-herd", "work-stealing"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<GlobalQueue<WakeOne>>>(&[Entry::new(&DESCRIPTOR)])
}
