//! `work-stealing`: queues per worker (crossbeam-deque), an injector for outsiders, and theft by
//! the idle; see [`runtimes::policies::work_stealing`].

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::work_stealing::WorkStealing;

use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "work-stealing",
    summary: "A pair of crossbeam-deque queues and a slot for each worker, an injector, and \
     theft from the far end.",
    isolates: "Locality against balance: its distance to global-queue is what the shared lock \
     costs.",
    relatives: &["global-queue", "tokio-mt"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<WorkStealing>>(&[Entry::new(&DESCRIPTOR)])
}
