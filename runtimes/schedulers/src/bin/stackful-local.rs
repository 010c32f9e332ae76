//! `stackful-local`: the policy of `local`, with tasks that have a stack of their own.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::local::Local;
use runtimes::stackful::Stackful;
use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
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

fn main() -> ExitCode {
    contestant::main::<Executor<Local, Stackful>>(&[Entry::new(&DESCRIPTOR)])
}
