//! `newest-first`: one stack under a lock for all workers. What has just become runnable runs next.
//!
//! A program of somebody else's crate, with the public API alone.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};

use contestant::Entry;
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use runtimes::{Descriptor, Executor, Origin, Runnable, TaskKind, Workers};

const DESCRIPTOR: Descriptor = Descriptor {
    name: "newest-first",
    summary: "One stack under a lock, shared by all workers: the newest task runs next, and every \
              16th time the oldest.",
    isolates: "The order: it differs from global-queue in which end a task is taken from.",
    relatives: &["global-queue", "work-stealing"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// So often the oldest task runs first, or it might wait for ever while new ones keep coming; and as
/// often one that gave way.
const OLDEST: u32 = 16;

/// What all workers share.
#[derive(Default)]
struct Tasks {
    /// The newest at the back.
    runnable: VecDeque<Runnable>,
    /// Those that gave way let all others go first. The oldest in front.
    gave_way: VecDeque<Runnable>,
}

#[derive(Default)]
struct NewestFirst(Mutex<Tasks>);

impl NewestFirst {
    fn tasks(&self) -> MutexGuard<'_, Tasks> {
        self.0.lock().expect("nobody panics while it holds the lock")
    }
}

impl Scheduler for NewestFirst {
    type Local = ();

    fn new(workers: usize) -> (Self, Vec<()>) {
        (Self::default(), vec![(); workers])
    }

    fn schedule(&self, _: Caller<'_, ()>, task: Runnable, cause: Cause) -> Notify {
        let mut tasks = self.tasks();
        match cause {
            Cause::Yielded => tasks.gave_way.push_back(task),
            Cause::Spawned | Cause::Woken => tasks.runnable.push_back(task),
        }
        Notify::One
    }

    fn next(&self, (): &mut (), tick: u32) -> Option<NextTask> {
        let tasks = &mut *self.tasks();
        let task = match tick % OLDEST {
            0 => tasks.gave_way.pop_front().or_else(|| tasks.runnable.pop_front()),
            1 => tasks.runnable.pop_front().or_else(|| tasks.gave_way.pop_front()),
            _ => tasks.runnable.pop_back().or_else(|| tasks.gave_way.pop_front()),
        };
        Some(NextTask::new(task?, TaskSource::Shared))
    }

    /// There is nothing that others have for themselves.
    fn search(&self, (): &mut ()) -> Option<NextTask> {
        None
    }

    fn queued(&self, (): &()) -> usize {
        let tasks = self.tasks();
        tasks.runnable.len() + tasks.gave_way.len()
    }

    fn has_work(&self, (): &()) -> bool {
        self.queued(&()) > 0
    }
}

fn main() -> ExitCode {
    contestant::main::<Executor<NewestFirst>>(&[Entry::new(&DESCRIPTOR)])
}
