//! A policy on the bench: the rules push into it and play its workers.

use std::fmt;

use super::desk::Log;
use crate::scheduler::{Caller, Cause, NextTask, Notify, Placement, Scheduler};

/// Who pushes a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pusher {
    /// A thread that is no worker, or a worker whose local part is in use.
    Outside,
    /// That worker.
    Worker(usize),
}

impl fmt::Display for Pusher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Outside => f.write_str("a thread outside"),
            Self::Worker(index) => write!(f, "worker {index}"),
        }
    }
}

/// A push that the engine may make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Push {
    pub(super) by: Pusher,
    pub(super) cause: Cause,
}

impl fmt::Display for Push {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} pushed with Cause::{:?}", self.by, self.cause)
    }
}

/// Every push that may be made to a policy of `workers` workers. Only a worker's own task yields.
pub(super) fn pushes(workers: usize) -> Vec<Push> {
    let outside = [Cause::Spawned, Cause::Woken].map(|cause| Push { by: Pusher::Outside, cause });
    let inside = (0..workers).flat_map(|worker| {
        [Cause::Spawned, Cause::Woken, Cause::Yielded]
            .map(|cause| Push { by: Pusher::Worker(worker), cause })
    });
    outside.into_iter().chain(inside).collect()
}

/// The worker counts with which a policy is tried.
pub(super) fn worker_counts<S: Scheduler>() -> &'static [usize] {
    match S::PLACEMENT {
        Placement::Caller => &[1],
        Placement::Threads => &[1, 2, 3, 5],
    }
}

/// See the module.
pub(super) struct Bench<S: Scheduler> {
    // Dropped in this order, as the engine does it.
    pub(super) locals: Vec<S::Local>,
    pub(super) policy: S,
    pub(super) log: Log,
    /// Begins shortly before it wraps, so that every policy meets that.
    tick: u32,
}

impl<S: Scheduler> Bench<S> {
    pub(super) fn new(workers: usize) -> Self {
        let (policy, locals) = S::new(workers);
        Self { locals, policy, log: Log::default(), tick: u32::MAX - 40 }
    }

    pub(super) fn workers(&self) -> usize {
        self.locals.len()
    }

    /// Pushes a new task. Returns its number and whom to wake.
    pub(super) fn push(&mut self, push: Push) -> (usize, Notify) {
        let (number, task) = self.log.task();
        let caller = match push.by {
            Pusher::Outside => Caller::Remote,
            Pusher::Worker(index) => Caller::Worker(&mut self.locals[index]),
        };
        (number, self.policy.schedule(caller, task, push.cause))
    }

    /// Pushes `count` new tasks of one kind.
    pub(super) fn push_many(&mut self, push: Push, count: usize) {
        for _ in 0..count {
            self.push(push);
        }
    }

    pub(super) fn next(&mut self, worker: usize) -> Option<NextTask> {
        self.tick = self.tick.wrapping_add(1);
        self.policy.next(&mut self.locals[worker], self.tick)
    }

    /// What a worker finds before it would go to sleep.
    pub(super) fn find(&mut self, worker: usize) -> Option<NextTask> {
        self.next(worker).or_else(|| self.policy.search(&mut self.locals[worker]))
    }

    /// What `worker` gets when it comes for what `stalled` keeps for itself.
    pub(super) fn rescue(&mut self, worker: usize, stalled: usize) -> Option<NextTask> {
        self.policy.rescue(&mut self.locals[worker], stalled)
    }

    pub(super) fn has_work(&self, worker: usize) -> bool {
        self.policy.has_work(&self.locals[worker])
    }

    pub(super) fn queued(&self, worker: usize) -> usize {
        self.policy.queued(&self.locals[worker])
    }

    /// Lets `workers` take turns until none of them finds anything. Returns how many tasks they
    /// ran.
    pub(super) fn drain(&mut self, workers: &[usize]) -> usize {
        let mut ran = 0;
        loop {
            let before = ran;
            for &worker in workers {
                while let Some(found) = self.find(worker) {
                    found.task.run();
                    ran += 1;
                }
            }
            if ran == before {
                return ran;
            }
        }
    }
}
