//! `work-stealing-uncounted`: the policy of `work-stealing` on an engine that counts nothing.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::policies::work_stealing::WorkStealing;
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Scheduler};
use runtimes::{Descriptor, Executor, Origin, Runnable, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "work-stealing-uncounted",
    summary: "The policy of work-stealing with the counters compiled out: it has no causes to \
     show, only times.",
    isolates: "The price of the counters: its distance to work-stealing is what they cost all our \
     other variants.",
    relatives: &["work-stealing"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn main() -> ExitCode {
    contestant::main::<Executor<Uncounted>>(&[Entry::new(&DESCRIPTOR)])
}

/// [`WorkStealing`], uncounted.
#[derive(Debug)]
struct Uncounted(WorkStealing);

impl Scheduler for Uncounted {
    const COUNTED: bool = false;
    type Local = <WorkStealing as Scheduler>::Local;

    fn new(workers: usize) -> (Self, Vec<Self::Local>) {
        let (policy, locals) = WorkStealing::new(workers);
        (Self(policy), locals)
    }

    #[inline]
    fn schedule(&self, at: Caller<'_, Self::Local>, task: Runnable, cause: Cause) -> Notify {
        self.0.schedule(at, task, cause)
    }

    #[inline]
    fn next(&self, queues: &mut Self::Local, tick: u32) -> Option<NextTask> {
        self.0.next(queues, tick)
    }

    fn search(&self, queues: &mut Self::Local) -> Option<NextTask> {
        self.0.search(queues)
    }

    fn rescue(&self, local: &mut Self::Local, stalled: usize) -> Option<NextTask> {
        self.0.rescue(local, stalled)
    }

    fn queued(&self, queues: &Self::Local) -> usize {
        self.0.queued(queues)
    }

    fn has_work(&self, queues: &Self::Local) -> bool {
        self.0.has_work(queues)
    }
}
