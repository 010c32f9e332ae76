//! `my-scheduler`: a queue for each worker and one for everybody else; who has nothing steals.

use std::collections::VecDeque;
use std::process::ExitCode;
use std::sync::{Mutex, MutexGuard};

use contestant::Entry;
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use runtimes::{Descriptor, Executor, Runnable, TaskKind, Workers};

/// What lists, filters and the page show. `name` is the name of this file.
const DESCRIPTOR: Descriptor = Descriptor {
    name: "my-scheduler",
    summary: "A first-in-first-out queue under a lock for each worker, and a shared one; idle \
     workers steal.",
    isolates: "What own queues are worth: the same locks as global-queue, less often contended.",
    // `cargo stampede try` compares it with these. Name those that differ in as little as possible.
    relatives: &["global-queue", "work-stealing"],
    origin: runtimes::Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// What all workers share. The engine drops it after the last worker, and its tasks with it.
struct Policy {
    /// Tasks from threads that are no workers.
    shared: Queue,
    /// The queue of each worker, by its index. Others look into it only to steal.
    queues: Box<[Queue]>,
}

/// What one worker owns, touched by no other thread: here only who it is.
struct Local {
    index: usize,
}

/// So often a worker looks at the shared queue first. Without such a bound, workers whose own
/// queues never run empty would let the tasks in the shared one wait for ever.
const SHARED_FIRST: u32 = 31;

impl Scheduler for Policy {
    type Local = Local;

    /// The `i`-th local part goes to worker `i`: `Notify::Worker(i)` wakes that one.
    fn new(workers: usize) -> (Self, Vec<Local>) {
        let queues = (0..workers).map(|_| Queue::default()).collect();
        let policy = Self { shared: Queue::default(), queues };
        (policy, (0..workers).map(|index| Local { index }).collect())
    }

    /// A task has become runnable: put it somewhere, and say whom to wake for it.
    fn schedule(&self, at: Caller<'_, Local>, task: Runnable, cause: Cause) -> Notify {
        let Caller::Worker(local) = at else {
            self.shared.push(task);
            return Notify::One;
        };
        self.queues[local.index].push(task);
        match cause {
            // The task gave way, so this worker is awake and calls `next` at once, which finds it.
            // Nowhere else is it safe to wake nobody.
            Cause::Yielded => Notify::Nobody,
            // This worker may run its present task for long. Wake one that sleeps, and it will
            // steal.
            Cause::Spawned | Cause::Woken => Notify::One,
        }
    }

    /// What this worker runs next. Oldest first is fair by itself; `tick` grows with every task.
    fn next(&self, local: &mut Local, tick: u32) -> Option<NextTask> {
        let own = || Some(NextTask::new(self.queues[local.index].pop()?, TaskSource::Local));
        let shared = || Some(NextTask::new(self.shared.pop()?, TaskSource::Shared));
        if tick.is_multiple_of(SHARED_FIRST) {
            shared().or_else(own)
        } else {
            own().or_else(shared)
        }
    }

    /// What this worker can take from others, asked when `next` had nothing.
    fn search(&self, local: &mut Local) -> Option<NextTask> {
        // It begins with its neighbour, so that not all thieves go to the same victim.
        let others = (1..self.queues.len()).map(|i| (local.index + i) % self.queues.len());
        let task = others.map(|other| &self.queues[other]).find_map(Queue::pop)?;
        Some(NextTask::new(task, TaskSource::Stolen { moved: 1 }))
    }

    /// How many tasks `next` would return: how tasks that are bound to this worker get their share.
    fn queued(&self, local: &Local) -> usize {
        self.queues[local.index].len() + self.shared.len()
    }

    /// Whether `next` or `search` would find anything, in any queue. The worker is about to sleep:
    /// a queue that is forgotten here leaves its tasks waiting for ever.
    fn has_work(&self, _: &Local) -> bool {
        self.shared.len() > 0 || self.queues.iter().any(|queue| queue.len() > 0)
    }
}

/// Tasks, the oldest in front.
#[derive(Default)]
struct Queue(Mutex<VecDeque<Runnable>>);

impl Queue {
    fn push(&self, task: Runnable) {
        self.tasks().push_back(task);
    }

    fn pop(&self) -> Option<Runnable> {
        self.tasks().pop_front()
    }

    fn len(&self) -> usize {
        self.tasks().len()
    }

    fn tasks(&self) -> MutexGuard<'_, VecDeque<Runnable>> {
        self.0.lock().expect("nobody panics while it holds the lock")
    }
}

/// The whole program: this policy on the shared engine, asked by the harness.
fn main() -> ExitCode {
    contestant::main::<Executor<Policy>>(&[Entry::new(&DESCRIPTOR)])
}
