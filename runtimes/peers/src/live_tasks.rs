//! The unfinished tasks of one runtime, for a peer that keeps no list of its own: shutdown ends
//! them all.
//!
//! The list is in shards, so that workers that spawn and finish at the same time seldom meet. A
//! task belongs to the shard that its address names.

use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crossbeam_utils::CachePadded;
use may::sync::SyncFlag;
use slab::Slab;

/// A power of two, several times the usual number of workers.
const SHARDS: usize = 16;

/// Address bits that differ little between neighbouring allocations of this size, as a power of
/// two.
const ALLOCATION_BITS: u32 = 6;

/// What shutdown does with a task.
pub(super) trait Abort: Send + Sync {
    /// Asks that the task be dropped at its next suspension.
    fn abort(&self);
}

/// The unfinished tasks of one runtime.
pub(super) struct LiveTasks([CachePadded<Mutex<Shard>>; SHARDS]);

#[derive(Default)]
struct Shard {
    tasks: Slab<Arc<dyn Abort>>,
    /// Set by shutdown, together with `closed` while there are tasks: fired by the last one.
    emptied: Option<Arc<SyncFlag>>,
    closed: bool,
}

/// Where a task stands in the list.
#[derive(Clone, Copy, Debug)]
pub(super) struct Place {
    shard: usize,
    key: usize,
}

impl LiveTasks {
    pub(super) fn new() -> Self {
        Self(Default::default())
    }

    /// Takes `task` in, or returns `None` because the runtime is shutting down.
    #[inline]
    pub(super) fn admit(&self, task: Arc<dyn Abort>) -> Option<Place> {
        let address = Arc::as_ptr(&task).addr();
        let index = (address >> ALLOCATION_BITS) % SHARDS;
        let mut shard = self.shard(index);
        if shard.closed {
            return None;
        }
        Some(Place { shard: index, key: shard.tasks.insert(task) })
    }

    /// Forgets a task that has finished.
    #[inline]
    pub(super) fn release(&self, place: Place) {
        let mut shard = self.shard(place.shard);
        let task = shard.tasks.remove(place.key);
        let emptied = if shard.tasks.is_empty() { shard.emptied.take() } else { None };
        drop(shard);
        drop(task);
        if let Some(emptied) = emptied {
            emptied.fire();
        }
    }

    /// Refuses new tasks, aborts those that are there and waits until they have finished. In a
    /// coroutine it is the coroutine that waits, not the worker.
    pub(super) fn end(&self) {
        let waits: Vec<_> = (0..SHARDS).filter_map(|index| self.close(index)).collect();
        for wait in waits {
            wait.wait();
        }
    }

    /// Closes one shard and aborts its tasks; returns what to wait for.
    fn close(&self, index: usize) -> Option<Arc<SyncFlag>> {
        let mut shard = self.shard(index);
        shard.closed = true;
        if shard.tasks.is_empty() {
            return None;
        }
        let emptied = Arc::new(SyncFlag::new());
        shard.emptied = Some(Arc::clone(&emptied));
        let tasks: Vec<_> = shard.tasks.iter().map(|(_, task)| Arc::clone(task)).collect();
        drop(shard); // an aborted task may finish at once, on another thread
        tasks.iter().for_each(|task| task.abort());
        Some(emptied)
    }

    fn shard(&self, index: usize) -> MutexGuard<'_, Shard> {
        self.0[index].lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl fmt::Debug for LiveTasks {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LiveTasks").finish_non_exhaustive()
    }
}
