//! A place for one task that its worker keeps for itself, and that another may take all the same.
//!
//! The owner puts a task there and takes it back a moment later, without a fence or a
//! read-modify-write: the place lies under a lock that is biased to it ([`Biased`]). Whoever sees
//! that the owner does not come back ([`Scheduler::rescue`](crate::Scheduler::rescue)) pays for the
//! visit.

use std::sync::Arc;

use super::Biased;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::task::Runnable;

/// The owner's end. There is one.
#[derive(Debug)]
pub struct Slot(Arc<Place>);

/// Everybody else's end.
#[derive(Debug)]
pub struct Lookout(Arc<Place>);

#[derive(Debug)]
struct Place {
    task: Biased<Option<Runnable>>,
    /// Whether others may visit. If not, the owner is spared the lock.
    shared: bool,
    /// Whether there is a task, as whoever changed that last wrote it. Only the owner sets it, so
    /// to the owner an empty place is empty.
    full: AtomicBool,
}

impl Slot {
    /// An empty place, whose task others may take if it is `shared`.
    pub fn new(shared: bool) -> (Self, Lookout) {
        let place =
            Arc::new(Place { task: Biased::new(None), shared, full: AtomicBool::new(false) });
        (Self(place.clone()), Lookout(place))
    }

    /// Whether there is a task.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.0.full.load(Relaxed)
    }

    /// Puts a task there, and returns the one that it displaces.
    #[inline]
    pub fn replace(&mut self, task: Runnable) -> Option<Runnable> {
        // Relaxed, here and below: a hint, and whoever acts on it takes the lock.
        self.own(|kept, full| {
            full.store(true, Relaxed);
            kept.replace(task)
        })
    }

    /// Takes the task.
    #[inline]
    pub fn take(&mut self) -> Option<Runnable> {
        if !self.is_full() {
            return None;
        }
        self.own(|kept, full| {
            full.store(false, Relaxed);
            kept.take()
        })
    }

    #[inline]
    fn own<R>(&mut self, f: impl FnOnce(&mut Option<Runnable>, &AtomicBool) -> R) -> R {
        let place = &*self.0;
        let f = |kept: &mut _| f(kept, &place.full);
        // SAFETY: a place has one owner, this value, borrowed mutably; `f` only moves tasks. Nobody
        // visits a place that is not shared.
        unsafe { if place.shared { place.task.own(f) } else { place.task.own_alone(f) } }
    }
}

impl Lookout {
    /// Takes the task from another thread, unless the owner or another guest is about to.
    pub fn take(&self) -> Option<Runnable> {
        if !self.0.shared || !self.0.full.load(Relaxed) {
            return None;
        }
        self.0.task.visit(|kept| {
            self.0.full.store(false, Relaxed);
            kept.take()
        })?
    }
}
