//! Who sleeps, who searches, and whom a push wakes.
//!
//! **Vocabulary.** A worker *runs*, *searches* (its own queues are empty; it looks at others'), or
//! *sleeps* (it is on the list, and blocks in its parker soon).
//!
//! **No wake-up is lost.** A worker that goes to sleep (1) puts itself on the list, (2) executes the
//! heavy side of [`barrier`], (3) asks the policy once more for work, and blocks only if there is none.
//! A push (a) puts the task into a queue, (b) executes the light side, (c) reads the counts. Either the
//! push comes before the barrier as seen by (3), which then finds the task, or (c) sees the sleeper and
//! wakes it. A push that wakes nobody because somebody searches relies on that searcher: it ends its
//! search either with a task, and then passes the search on ([`stop_search`] says it was the last), or by
//! going to sleep through (1) to (3), where it finds the task.
//!
//! A worker that is taken off the list by a push counts as searching from that moment, so that a burst of
//! pushes wakes one worker, not all.
//!
//! [`barrier`]: super::barrier
//! [`stop_search`]: Sleep::stop_search

use crate::sync::Mutex;
use crate::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Relaxed},
};

/// One sleeper in the counts.
const SLEEPER: u32 = 1 << 16;
const SEARCHING: u32 = SLEEPER - 1;

/// More workers than this do not fit into the counts.
pub(crate) const MAX_WORKERS: usize = 1 << 12;

/// The idle state of all workers of an engine.
#[derive(Debug)]
pub(crate) struct Sleep {
    workers: u32,
    /// Sleepers above, searchers below. Sleepers change only under the lock of `list`.
    counts: AtomicU32,
    /// The sleepers, the latest last: it is woken first, since its cache is the warmest.
    list: Mutex<Vec<usize>>,
}

impl Sleep {
    pub(crate) fn new(workers: usize) -> Self {
        debug_assert!(workers <= MAX_WORKERS);
        let list = Mutex::new(Vec::with_capacity(workers));
        Self { workers: workers as u32, counts: AtomicU32::new(0), list }
    }

    /// Whether a push should wake somebody: there is a sleeper and nobody searches.
    #[inline]
    pub(crate) fn wants_wake(&self) -> bool {
        // Relaxed: ordered after the push by the barrier between them.
        let counts = self.counts.load(Relaxed);
        counts >= SLEEPER && counts & SEARCHING == 0
    }

    /// Whether anybody sleeps.
    pub(crate) fn has_sleepers(&self) -> bool {
        self.counts.load(Relaxed) >= SLEEPER
    }

    /// Lets the caller search, unless half of the workers do. `force` lets it search in any case.
    pub(crate) fn start_search(&self, force: bool) -> bool {
        let counts = self.counts.load(Relaxed);
        // More searchers than this mostly find each other's empty queues (as Tokio and Go limit it).
        if !force && 2 * (counts & SEARCHING) >= self.workers {
            return false;
        }
        // AcqRel: pairs with the same in `stop_search` and `announce`; the counts hand nothing over but
        // themselves, and are exact at every moment.
        self.counts.fetch_add(1, AcqRel);
        true
    }

    /// The caller, searching, found a task. True: it was the last that searched.
    pub(crate) fn stop_search(&self) -> bool {
        self.counts.fetch_sub(1, AcqRel) & SEARCHING == 1
    }

    /// Puts a worker on the list, and ends its search if it searched.
    pub(crate) fn announce(&self, worker: usize, searching: bool) {
        let mut list = self.list.lock();
        list.push(worker);
        self.counts.fetch_add(SLEEPER - u32::from(searching), AcqRel);
    }

    /// Takes the caller off the list. False: somebody took it off before, to wake it, and the caller
    /// counts as searching.
    pub(crate) fn retract(&self, worker: usize) -> bool {
        let mut list = self.list.lock();
        let Some(position) = list.iter().rposition(|&w| w == worker) else { return false };
        list.remove(position);
        self.counts.fetch_sub(SLEEPER, AcqRel);
        true
    }

    /// Takes the latest sleeper off the list, if there is one and nobody searches: the caller unparks it.
    pub(crate) fn pick_one(&self) -> Option<usize> {
        let mut list = self.list.lock();
        if !self.wants_wake() {
            return None;
        }
        let worker = list.pop()?;
        self.counts.fetch_sub(SLEEPER - 1, AcqRel);
        Some(worker)
    }

    /// Takes a certain worker off the list, if it is on it: the caller unparks it.
    pub(crate) fn pick(&self, worker: usize) -> bool {
        let mut list = self.list.lock();
        let Some(position) = list.iter().rposition(|&w| w == worker) else { return false };
        list.remove(position);
        self.counts.fetch_sub(SLEEPER - 1, AcqRel);
        true
    }

    /// Takes every sleeper off the list and calls `unpark` for each.
    pub(crate) fn pick_all(&self, mut unpark: impl FnMut(usize)) {
        let sleepers = {
            let mut list = self.list.lock();
            let sleepers = std::mem::take(&mut *list);
            let n = sleepers.len() as u32;
            self.counts.fetch_sub(n * (SLEEPER - 1), AcqRel);
            sleepers
        };
        sleepers.into_iter().for_each(&mut unpark);
    }
}
