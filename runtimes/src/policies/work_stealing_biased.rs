//! `work-stealing-biased`: the policy of `work-stealing` on queues of our own.
//!
//! A worker's two queues are plain ring buffers under a lock that is biased towards it (`Biased`):
//! it pushes and pops without a fence or a read-modify-write, where crossbeam's owner needs one of
//! them for each pop. A thief pays for that with a system call that interrupts the other
//! processors, so it takes half of a queue with one of them.

use std::collections::VecDeque;
use std::sync::Arc;

use super::work_stealing::{Deques, Queue};
use crate::queue::Biased;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::task::Runnable;

/// A thief takes at most this many at once: more than from crossbeam-deque (32), since it pays for
/// each visit.
const LARGEST_STEAL: usize = 256;

/// A worker's end of its queues.
#[derive(Debug)]
pub struct Rings {
    shared: Arc<Shared>,
    /// Stolen tasks on their way from the victim's queues, which the thief leaves before it enters
    /// its own.
    stolen: Vec<Runnable>,
}

/// What the owner and thieves share.
#[derive(Debug)]
pub struct Shared {
    queues: Biased<Contents>,
    /// Tasks in the queues, written by whoever changed them: lets an empty deques be seen from
    /// afar.
    len: AtomicUsize,
}

#[derive(Debug, Default)]
struct Contents {
    fresh: VecDeque<Runnable>,
    woken: VecDeque<Runnable>,
}

impl Contents {
    fn len(&self) -> usize {
        self.fresh.len() + self.woken.len()
    }

    fn of(&mut self, queue: Queue) -> &mut VecDeque<Runnable> {
        match queue {
            Queue::Fresh => &mut self.fresh,
            Queue::Woken => &mut self.woken,
        }
    }
}

impl Rings {
    /// Changes the worker's own queues.
    #[inline]
    fn own<R>(&mut self, f: impl FnOnce(&mut Contents) -> R) -> R {
        let shared = &*self.shared;
        // SAFETY: the pair of deques has one owner, this value, borrowed mutably; `f` only moves tasks in and
        // out.
        unsafe {
            shared.queues.own(|contents| {
                let result = f(contents);
                // Relaxed, here and elsewhere: whoever must not miss a task looks after a barrier.
                shared.len.store(contents.len(), Relaxed);
                result
            })
        }
    }
}

impl Deques for Rings {
    type Victim = Arc<Shared>;

    fn new() -> (Self, Arc<Shared>) {
        let shared =
            Arc::new(Shared { queues: Biased::new(Contents::default()), len: AtomicUsize::new(0) });
        (Self { shared: shared.clone(), stolen: Vec::with_capacity(LARGEST_STEAL) }, shared)
    }

    fn count(&self) -> usize {
        self.shared.len.load(Relaxed)
    }

    #[inline]
    fn push(&mut self, queue: Queue, task: Runnable) {
        self.own(|contents| contents.of(queue).push_back(task));
    }

    #[inline]
    fn pop(&mut self, queue: Queue) -> Option<Runnable> {
        // Only the owner adds, so what it sees empty is empty.
        if self.shared.len.load(Relaxed) == 0 {
            return None;
        }
        self.own(|contents| match queue {
            Queue::Fresh => contents.fresh.pop_back(),
            Queue::Woken => contents.woken.pop_front(),
        })
    }

    fn pop_oldest(&mut self, _: &Arc<Shared>) -> Option<Runnable> {
        self.own(|contents| contents.fresh.pop_front())
    }

    fn steal_from(&mut self, victim: &Arc<Shared>) -> Option<(Runnable, u32)> {
        if Self::is_empty(victim) {
            return None;
        }
        let stolen = &mut self.stolen;
        let from = victim.queues.visit(|contents| {
            let from = if contents.fresh.is_empty() { Queue::Woken } else { Queue::Fresh };
            let queue = contents.of(from);
            let half = queue.len().div_ceil(2).min(LARGEST_STEAL);
            stolen.extend(queue.drain(..half));
            victim.len.store(contents.len(), Relaxed);
            from
        })?;
        let moved = self.stolen.len() as u32;
        let mut stolen = std::mem::take(&mut self.stolen);
        let mut tasks = stolen.drain(..);
        let first = tasks.next();
        if tasks.len() > 0 {
            self.own(|contents| contents.of(from).extend(&mut tasks));
        }
        drop(tasks);
        self.stolen = stolen;
        first.map(|task| (task, moved))
    }

    #[inline]
    fn is_empty(victim: &Arc<Shared>) -> bool {
        victim.len.load(Relaxed) == 0
    }
}
