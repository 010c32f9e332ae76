//! `minimal-executor`: a whole runtime in somebody else's crate, with the public API alone.
#![forbid(unsafe_code)]

mod executor;

use std::process::ExitCode;

use contestant::Entry;
use runtimes::{Descriptor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "minimal-executor",
    summary: "A textbook executor on the caller's thread: tasks that are their own wakers, in one \
              queue under a lock.",
    isolates: "What one short file of safe code costs: it shares the reactor with `local`, and \
               nothing else.",
    relatives: &["local", "async-local"],
    origin: Origin::Peer { package: "minimal-executor", deviations: &[] },
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<executor::Minimal>(&[Entry::new(&DESCRIPTOR)])
}
