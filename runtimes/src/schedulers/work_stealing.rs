//! `work-stealing`: queues per worker (crossbeam-deque), an injector for outsiders, and theft by the idle.
//!
//! A worker runs new tasks newest first (its cache holds what they refer to) and woken tasks in the order
//! of their wakes; the task woken last waits in a slot and goes first. A worker with nothing left takes
//! from another worker's queues at the far end, where the oldest and, in a tree of tasks, largest pieces
//! are.

use crossbeam_deque::{Steal, Stealer, Worker};
use crossbeam_utils::CachePadded;

use crate::card::{Body, Card, Origin as From, Workers};
use crate::engine::Executor;
use crate::queue::Injector;
use crate::scheduler::{Cause, Found, Notify, Origin, Scheduler, Site};
use crate::task::Runnable;

/// What the registry knows.
pub const CARD: Card = Card {
    name: WorkStealing::NAME,
    summary: "A pair of crossbeam-deque queues and a slot for each worker, an injector, and theft from the far end.",
    isolates: "Locality against balance: its distance to global-queue is what the shared lock costs.",
    origin: From::Ours,
    workers: Workers::Many,
    body: Body::Stackless,
};

/// The executor.
pub type Variant = Executor<WorkStealing>;

/// Ticks between looks at the injector by a worker that has tasks of its own. A prime, so that no
/// periodic load stays in step with it; Tokio and Go use the same.
const INJECTOR_INTERVAL: u32 = 61;

/// Uses of the slot in a row after which a queue gets its turn: two tasks that wake each other must not
/// starve the rest (Tokio allows 3).
const SLOT_RUN: u32 = 16;

/// New tasks in a row after which a woken one gets its turn.
const FRESH_RUN: u32 = 64;

/// Such turns after which the *oldest* new task joins the woken ones: newest first would leave it at the bottom for as
/// long as tasks spawn tasks, if nobody steals it. Rare, because in a fork–join tree it is the largest piece left.
const OLDEST_INTERVAL: u32 = 64;

/// The far ends of all queues.
#[derive(Debug)]
pub struct WorkStealing {
    injector: CachePadded<Injector>,
    victims: Box<[Victim]>,
}

/// The ends of one worker's queues that others may take from.
#[derive(Debug)]
struct Victim {
    fresh: Stealer<Runnable>,
    woken: Stealer<Runnable>,
}

/// One worker's ends of its queues.
#[derive(Debug)]
pub struct Queues {
    index: usize,
    slot: Option<Runnable>,
    fresh: Worker<Runnable>,
    woken: Worker<Runnable>,
    /// Uses of the slot, and new tasks, since another kind had its turn.
    slot_run: u32,
    fresh_run: u32,
    /// Turns of the woken since the oldest new task had one.
    turns: u32,
    /// Where the last theft succeeded: the search begins there.
    victim: usize,
}

impl Scheduler for WorkStealing {
    const NAME: &'static str = "work-stealing";
    type Local = Queues;

    fn new(workers: usize) -> (Self, Vec<Queues>) {
        let queues = |index| Queues {
            index,
            slot: None,
            fresh: Worker::new_lifo(),
            woken: Worker::new_fifo(),
            slot_run: 0,
            fresh_run: 0,
            turns: 0,
            victim: index + 1,
        };
        let locals: Vec<Queues> = (0..workers).map(queues).collect();
        let victims = locals.iter().map(|q| Victim { fresh: q.fresh.stealer(), woken: q.woken.stealer() }).collect();
        (Self { injector: CachePadded::new(Injector::new()), victims }, locals)
    }

    #[inline]
    fn schedule(&self, at: Site<'_, Queues>, task: Runnable, cause: Cause) -> Notify {
        let Site::Worker(queues) = at else {
            self.injector.push(task);
            return Notify::One;
        };
        match cause {
            Cause::Spawned => queues.fresh.push(task),
            Cause::Yielded => queues.woken.push(task),
            Cause::Woken => match queues.slot.replace(task) {
                // This worker runs it next, so there is nothing for another to do.
                None => return Notify::Nobody,
                Some(displaced) => queues.woken.push(displaced),
            },
        }
        Notify::One
    }

    #[inline]
    fn next(&self, queues: &mut Queues, tick: u32) -> Option<Found> {
        if tick.is_multiple_of(INJECTOR_INTERVAL) {
            self.injector.take(|task| queues.woken.push(task));
        }
        if queues.slot_run < SLOT_RUN
            && let Some(task) = queues.slot.take()
        {
            queues.slot_run += 1;
            return Some(Found::new(task, Origin::Slot));
        }
        queues.slot_run = 0;
        if queues.fresh_run < FRESH_RUN
            && let Some(task) = queues.fresh.pop()
        {
            queues.fresh_run += 1;
            return Some(Found::new(task, Origin::Local));
        }
        if queues.fresh_run == FRESH_RUN {
            queues.turns += 1;
            if queues.turns == OLDEST_INTERVAL {
                queues.turns = 0;
                let own = &self.victims[queues.index].fresh;
                steal(|| own.steal()).into_iter().for_each(|oldest| queues.woken.push(oldest));
            }
        }
        queues.fresh_run = 0;
        if let Some(task) = queues.woken.pop().or_else(|| queues.fresh.pop()) {
            return Some(Found::new(task, Origin::Local));
        }
        if let Some(task) = queues.slot.take() {
            return Some(Found::new(task, Origin::Slot));
        }
        if self.injector.is_empty() {
            return None;
        }
        self.injector.take(|task| queues.woken.push(task));
        queues.woken.pop().map(|task| Found::new(task, Origin::Shared))
    }

    fn search(&self, queues: &mut Queues) -> Option<Found> {
        let (workers, first) = (self.victims.len(), queues.victim);
        for victim in (0..workers).map(|i| (first + i) % workers) {
            if victim != queues.index
                && let Some(found) = self.victims[victim].rob(queues)
            {
                queues.victim = victim;
                return Some(found);
            }
        }
        None
    }

    fn has_work(&self, _: &Queues) -> bool {
        !self.injector.is_empty() || self.victims.iter().any(|v| !v.fresh.is_empty() || !v.woken.is_empty())
    }
}

impl Victim {
    /// Takes up to half of one of the queues, and returns the first task of it.
    fn rob(&self, thief: &mut Queues) -> Option<Found> {
        let before = thief.fresh.len() + thief.woken.len();
        let task = steal(|| self.fresh.steal_batch_and_pop(&thief.fresh))
            .or_else(|| steal(|| self.woken.steal_batch_and_pop(&thief.woken)))?;
        let moved = thief.fresh.len() + thief.woken.len() - before + 1;
        Some(Found::new(task, Origin::Stolen { moved: moved as u32 }))
    }
}

/// Tries until another thread's operation no longer interferes: each failure is another's success.
fn steal(attempt: impl Fn() -> Steal<Runnable>) -> Option<Runnable> {
    loop {
        match attempt() {
            Steal::Success(task) => return Some(task),
            Steal::Empty => return None,
            Steal::Retry => std::hint::spin_loop(),
        }
    }
}
