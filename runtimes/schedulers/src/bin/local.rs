//! `local`: one thread, no synchronisation; see [`runtimes::policies::local`].

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::local::Local;

use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "local",
    summary: "One thread; new tasks newest first, woken tasks in order; an inbox for other \
     threads.",
    isolates: "The cost of a task without any synchronisation between workers.",
    relatives: &["tokio-ct", "global-queue"],
    origin: Origin::Ours,
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<Local>>(&[Entry::new(&DESCRIPTOR)])
}
