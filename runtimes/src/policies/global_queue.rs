//! One queue under one lock for all workers. A push wakes one of them, or all: the herd.

use std::collections::VecDeque;

use crossbeam_utils::CachePadded;

use crate::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::task::Runnable;

/// Whom a push wakes: all that differs between `global-queue` and `global-herd`.
pub trait Wakes: Send + Sync + 'static {
    /// The answer to every push.
    const NOTIFY: Notify;
}

/// Wakes one sleeper.
#[derive(Debug)]
pub enum WakeOne {}

impl Wakes for WakeOne {
    const NOTIFY: Notify = Notify::One;
}

/// Wakes every sleeper.
#[derive(Debug)]
pub enum WakeAll {}

impl Wakes for WakeAll {
    const NOTIFY: Notify = Notify::All;
}

/// The queue. Lock and length share a cache line: whoever asks for one mostly takes the other.
#[derive(Debug)]
pub struct GlobalQueue<W> {
    queue: CachePadded<Queue>,
    workers: usize,
    wakes: std::marker::PhantomData<W>,
}

#[derive(Debug, Default)]
struct Queue {
    tasks: Mutex<VecDeque<Runnable>>,
    /// Written under the lock: lets an empty queue be seen without it.
    len: AtomicUsize,
}

/// The task that gave way on this worker just now: it goes to the end of the queue under the lock
/// that gets the next.
pub type Yielded = Option<Runnable>;

impl<W: Wakes> Scheduler for GlobalQueue<W> {
    type Local = Yielded;

    fn new(workers: usize) -> (Self, Vec<Yielded>) {
        let queue =
            Self { queue: CachePadded::default(), workers, wakes: std::marker::PhantomData };
        (queue, (0..workers).map(|_| None).collect())
    }

    #[inline]
    fn schedule(&self, at: Caller<'_, Yielded>, task: Runnable, cause: Cause) -> Notify {
        if cause == Cause::Yielded
            && let Caller::Worker(yielded @ None) = at
        {
            *yielded = Some(task);
            // This worker takes a task for the one that it adds.
            return Notify::Nobody;
        }
        let mut tasks = self.queue.tasks.lock_contended();
        tasks.push_back(task);
        self.queue.len.store(tasks.len(), Relaxed);
        W::NOTIFY
    }

    #[inline]
    fn next(&self, yielded: &mut Yielded, _: u32) -> Option<NextTask> {
        if self.queue.len.load(Relaxed) == 0 {
            return yielded.take().map(|task| NextTask::new(task, TaskSource::Local));
        }
        let mut tasks = self.queue.tasks.lock_contended();
        tasks.extend(yielded.take());
        let task = tasks.pop_front()?;
        self.queue.len.store(tasks.len(), Relaxed);
        Some(NextTask::new(task, TaskSource::Shared))
    }

    fn queued(&self, yielded: &Yielded) -> usize {
        usize::from(yielded.is_some()) + self.queue.len.load(Relaxed).div_ceil(self.workers)
    }

    #[inline]
    fn has_work(&self, yielded: &Yielded) -> bool {
        yielded.is_some() || self.queue.len.load(Relaxed) != 0
    }
}
