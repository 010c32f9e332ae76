//! `work-stealing`: queues per worker (crossbeam-deque), an injector for outsiders, and theft by
//! the idle. [`work_stealing_biased`](super::work_stealing_biased) is the same policy on queues of
//! our own.
//!
//! A worker runs new tasks newest first (its cache holds what they refer to) and woken tasks in the
//! order of their wakes; the task woken last waits in a slot and goes first. A worker with nothing
//! left takes from another worker's queues at the far end, where the oldest and, in a tree of
//! tasks, largest pieces are.

use crossbeam_deque::{Steal, Stealer, Worker};
use crossbeam_utils::CachePadded;

use crate::queue::{Injector, InjectorBatcher, Lookout, Slot};
use crate::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use crate::task::Runnable;

/// Ticks between looks at the injector by a worker that has tasks of its own. A prime, so that no
/// periodic load stays in step with it; Tokio and Go use the same.
const INJECTOR_INTERVAL: u32 = 61;

/// Uses of the slot in a row after which a queue gets its turn: two tasks that wake each other must
/// not starve the rest (Tokio allows 3).
const SLOT_RUN: u32 = 16;

/// New tasks in a row after which a woken one gets its turn.
const FRESH_RUN: u32 = 64;

/// Such turns after which the *oldest* new task joins the woken ones: newest first would leave it
/// at the bottom for as long as tasks spawn tasks, if nobody steals it. Rare, because in a
/// fork–join tree it is the largest piece left.
const OLDEST_INTERVAL: u32 = 64;

/// The two queues of one worker, as their owner and as thieves see them: what the variants of this
/// policy differ in.
pub trait Deques: Send + 'static {
    /// The ends that others may take from.
    type Victim: Send + Sync;

    /// Two empty queues.
    fn new() -> (Self, Self::Victim)
    where
        Self: Sized;

    /// How many tasks are in them, about.
    fn count(&self) -> usize;

    /// Adds a task.
    fn push(&mut self, queue: Queue, task: Runnable);

    /// Takes the newest of the new tasks, or the oldest of the woken.
    fn pop(&mut self, queue: Queue) -> Option<Runnable>;

    /// Takes the oldest of the new tasks.
    fn pop_oldest(&mut self, own: &Self::Victim) -> Option<Runnable>;

    /// Moves up to half of one of the victim's queues here, the new tasks' before the woken ones',
    /// and returns one of them to run, and how many they were.
    fn steal_from(&mut self, victim: &Self::Victim) -> Option<(Runnable, u32)>;

    /// Whether a look now finds nothing to take.
    fn is_empty(victim: &Self::Victim) -> bool;
}

/// One of the two queues of a worker.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Queue {
    /// New tasks: the owner takes the newest, thieves the oldest.
    Fresh,
    /// Woken and yielding tasks, in order.
    Woken,
}

/// What the workers share: the far ends of all queues.
#[derive(Debug)]
pub struct WorkStealing<P: Deques = Crossbeam> {
    injector: CachePadded<Injector>,
    victims: Box<[P::Victim]>,
    lookouts: Box<[Lookout]>,
}

/// One worker's queues.
#[derive(Debug)]
pub struct Queues<P> {
    index: usize,
    slot: Slot,
    deques: P,
    /// Uses of the slot, and new tasks, since another kind had its turn.
    slot_run: u32,
    fresh_run: u32,
    /// Turns of the woken since the oldest new task had one.
    turns: u32,
    batcher: InjectorBatcher,
    /// Where the last theft succeeded: the search begins there.
    victim: usize,
}

impl<P: Deques> Scheduler for WorkStealing<P> {
    type Local = Queues<P>;

    fn new(workers: usize) -> (Self, Vec<Queues<P>>) {
        let (deques, victims): (Vec<P>, Vec<P::Victim>) = (0..workers).map(|_| P::new()).unzip();
        let (slots, lookouts): (Vec<_>, Vec<_>) =
            (0..workers).map(|_| Slot::new(workers > 1)).unzip();
        let queues = |(index, (deques, slot))| Queues {
            index,
            slot,
            deques,
            slot_run: 0,
            fresh_run: 0,
            turns: 0,
            batcher: InjectorBatcher::default(),
            victim: index + 1,
        };
        let locals = deques.into_iter().zip(slots).enumerate().map(queues).collect();
        let injector = CachePadded::new(Injector::new());
        (Self { injector, victims: victims.into(), lookouts: lookouts.into() }, locals)
    }

    #[inline]
    fn schedule(&self, at: Caller<'_, Queues<P>>, task: Runnable, cause: Cause) -> Notify {
        let Caller::Worker(queues) = at else {
            self.injector.push(task);
            return Notify::One;
        };
        match cause {
            Cause::Spawned => queues.deques.push(Queue::Fresh, task),
            Cause::Yielded => queues.deques.push(Queue::Woken, task),
            Cause::Woken => match queues.slot.replace(task) {
                // This worker runs it next, so there is nothing for another to do, unless that is
                // late.
                None => return Notify::Later,
                Some(displaced) => queues.deques.push(Queue::Woken, displaced),
            },
        }
        Notify::One
    }

    #[inline]
    fn next(&self, queues: &mut Queues<P>, tick: u32) -> Option<NextTask> {
        if tick.is_multiple_of(INJECTOR_INTERVAL) {
            self.injector.take(|task| queues.deques.push(Queue::Woken, task));
        }
        if queues.slot_run < SLOT_RUN
            && let Some(task) = queues.slot.take()
        {
            queues.slot_run += 1;
            return Some(NextTask::new(task, TaskSource::Slot));
        }
        queues.slot_run = 0;
        if queues.fresh_run < FRESH_RUN
            && let Some(task) = queues.deques.pop(Queue::Fresh)
        {
            queues.fresh_run += 1;
            return Some(NextTask::new(task, TaskSource::Local));
        }
        if queues.fresh_run == FRESH_RUN {
            queues.turns += 1;
            if queues.turns == OLDEST_INTERVAL {
                queues.turns = 0;
                if let Some(oldest) = queues.deques.pop_oldest(&self.victims[queues.index]) {
                    queues.deques.push(Queue::Woken, oldest);
                }
            }
        }
        queues.fresh_run = 0;
        if let Some(task) =
            queues.deques.pop(Queue::Woken).or_else(|| queues.deques.pop(Queue::Fresh))
        {
            return Some(NextTask::new(task, TaskSource::Local));
        }
        if let Some(task) = queues.slot.take() {
            return Some(NextTask::new(task, TaskSource::Slot));
        }
        // The first need not pass through a queue: both are empty.
        let mut first = None;
        queues.batcher.take(&self.injector, |task| match first {
            None => first = Some(task),
            Some(_) => queues.deques.push(Queue::Woken, task),
        });
        first.map(|task| NextTask::new(task, TaskSource::Shared))
    }

    fn search(&self, queues: &mut Queues<P>) -> Option<NextTask> {
        let (workers, first) = (self.victims.len(), queues.victim);
        for victim in (0..workers).map(|i| (first + i) % workers) {
            if victim != queues.index
                && let Some((task, moved)) = queues.deques.steal_from(&self.victims[victim])
            {
                queues.victim = victim;
                return Some(NextTask::new(task, TaskSource::Stolen { moved }));
            }
        }
        None
    }

    fn rescue(&self, _: &mut Queues<P>, stalled: usize) -> Option<NextTask> {
        let task = self.lookouts[stalled].take()?;
        Some(NextTask::new(task, TaskSource::Stolen { moved: 1 }))
    }

    fn queued(&self, queues: &Queues<P>) -> usize {
        let elsewhere = usize::from(queues.slot.is_full()) + usize::from(!self.injector.is_empty());
        queues.deques.count() + elsewhere
    }

    #[inline]
    fn has_work(&self, queues: &Queues<P>) -> bool {
        queues.slot.is_full() || !self.injector.is_empty() || !self.victims.iter().all(P::is_empty)
    }
}

/// The queues of crossbeam-deque.
#[derive(Debug)]
pub struct Crossbeam {
    fresh: Worker<Runnable>,
    woken: Worker<Runnable>,
}

/// The far ends of a [`Crossbeam`] deques.
#[derive(Debug)]
pub struct Stealers {
    fresh: Stealer<Runnable>,
    woken: Stealer<Runnable>,
}

impl Deques for Crossbeam {
    type Victim = Stealers;

    fn new() -> (Self, Stealers) {
        let deques = Self { fresh: Worker::new_lifo(), woken: Worker::new_fifo() };
        let stealers = Stealers { fresh: deques.fresh.stealer(), woken: deques.woken.stealer() };
        (deques, stealers)
    }

    fn count(&self) -> usize {
        self.fresh.len() + self.woken.len()
    }

    #[inline]
    fn push(&mut self, queue: Queue, task: Runnable) {
        match queue {
            Queue::Fresh => self.fresh.push(task),
            Queue::Woken => self.woken.push(task),
        }
    }

    #[inline]
    fn pop(&mut self, queue: Queue) -> Option<Runnable> {
        match queue {
            Queue::Fresh => self.fresh.pop(),
            Queue::Woken => self.woken.pop(),
        }
    }

    fn pop_oldest(&mut self, own: &Stealers) -> Option<Runnable> {
        steal(|| own.fresh.steal())
    }

    fn steal_from(&mut self, victim: &Stealers) -> Option<(Runnable, u32)> {
        let before = self.count();
        let task = steal(|| victim.fresh.steal_batch_and_pop(&self.fresh))
            .or_else(|| steal(|| victim.woken.steal_batch_and_pop(&self.woken)))?;
        let moved = self.count() - before + 1;
        Some((task, moved as u32))
    }

    #[inline]
    fn is_empty(victim: &Stealers) -> bool {
        victim.fresh.is_empty() && victim.woken.is_empty()
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
