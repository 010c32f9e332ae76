//! `global-queue`: one queue under one lock for all workers; each push wakes one.

use std::collections::VecDeque;

use crossbeam_utils::CachePadded;

use crate::card::{Body, Card, Origin as From, Workers};
use crate::engine::Executor;
use crate::scheduler::{Cause, Found, Notify, Origin, Scheduler, Site};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::task::Runnable;

/// What the registry knows.
pub const CARD: Card = Card {
    name: GlobalQueue::<WakeOne>::NAME,
    summary: "One first-in-first-out queue under a lock, shared by all workers; a push wakes one sleeper.",
    isolates: "A shared queue without the herd: its distance to global-herd is the herd's cost.",
    origin: From::Ours,
    workers: Workers::Many,
    body: Body::Stackless,
};

/// The executor.
pub type Variant = Executor<GlobalQueue<WakeOne>>;

/// Whom a push wakes: all that differs between this variant and its herd.
pub trait Wakes: Send + Sync + 'static {
    /// Registered name of the variant.
    const NAME: &'static str;
    /// The answer to every push.
    const NOTIFY: Notify;
}

/// Wakes one sleeper.
#[derive(Debug)]
pub enum WakeOne {}

impl Wakes for WakeOne {
    const NAME: &'static str = "global-queue";
    const NOTIFY: Notify = Notify::One;
}

/// The queue.
#[derive(Debug)]
pub struct GlobalQueue<W> {
    tasks: CachePadded<Mutex<VecDeque<Runnable>>>,
    /// Length of the queue, written under its lock: lets an empty queue be seen without the lock.
    len: CachePadded<AtomicUsize>,
    workers: usize,
    wakes: std::marker::PhantomData<W>,
}

impl<W: Wakes> Scheduler for GlobalQueue<W> {
    const NAME: &'static str = W::NAME;
    type Local = ();

    fn new(workers: usize) -> (Self, Vec<()>) {
        let queue = Self {
            tasks: CachePadded::new(Mutex::new(VecDeque::new())),
            len: CachePadded::new(AtomicUsize::new(0)),
            workers,
            wakes: std::marker::PhantomData,
        };
        (queue, vec![(); workers])
    }

    #[inline]
    fn schedule(&self, _: Site<'_, ()>, task: Runnable, _: Cause) -> Notify {
        let mut tasks = self.tasks.lock();
        tasks.push_back(task);
        self.len.store(tasks.len(), Relaxed);
        W::NOTIFY
    }

    #[inline]
    fn next(&self, _: &mut (), _: u32) -> Option<Found> {
        if self.len.load(Relaxed) == 0 {
            return None;
        }
        let mut tasks = self.tasks.lock();
        let task = tasks.pop_front()?;
        self.len.store(tasks.len(), Relaxed);
        Some(Found::new(task, Origin::Shared))
    }

    fn queued(&self, _: &()) -> usize {
        self.len.load(Relaxed).div_ceil(self.workers)
    }

    fn has_work(&self, _: &()) -> bool {
        self.len.load(Relaxed) != 0
    }
}
