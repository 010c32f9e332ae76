//! `work-stealing-biased`: the policy of `work-stealing` on queues of our own; see
//! [`runtimes::policies::work_stealing_biased`].

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::{work_stealing::WorkStealing, work_stealing_biased::Rings};

use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "work-stealing-biased",
    summary: "The policy of work-stealing on plain queues under a lock biased to their owner; \
     thieves pay with membarrier.",
    isolates: "Fences: its distance to work-stealing is what crossbeam-deque's owner pays to be \
     robbed at any moment.",
    relatives: &["work-stealing", "tokio-mt"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<WorkStealing<Rings>>>(&[Entry::new(&DESCRIPTOR)])
}
