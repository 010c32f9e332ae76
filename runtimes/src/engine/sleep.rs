//! Who sleeps, who searches, and whom a push wakes.
//!
//! **Vocabulary.** A worker *runs*, *searches* (its own queues are empty; it looks at others'), or
//! *sleeps* (it is on the list, and blocks in its parker soon).
//!
//! **No wake-up is lost.** A worker that goes to sleep ([`Sleep::sleep`]) (1) puts itself on the list, (2)
//! executes the heavy side of [`barrier`], (3) asks once more for work, and blocks only if there is none.
//! A push (a) puts the task into a queue, then in [`Sleep::notify`] (b) executes the light side, (c) reads the
//! counts. Either the push comes before the barrier as seen by (3), which then finds the task, or (c) sees the
//! sleeper and wakes it. A push that wakes nobody because somebody searches relies on that searcher: it ends
//! its search either with a task, and then passes the search on ([`stop_search`] says whether there may be more), or by
//! going to sleep through (1) to (3), where it finds the task.
//!
//! A worker that is taken off the list by a push counts as searching from that moment, so that a burst of
//! pushes wakes one worker, not all.
//!
//! **Naps.** A worker may rest for a bounded time before it goes to sleep ([`Sleep::nap`]; `temper` says when). It is on a
//! list of its own then, which pushes of other workers do not look at; those from outside and those that name a worker
//! do, without a barrier: a napper that they miss goes through (1) to (3) soon. That bound is also how long a search that
//! ended in a nap may be owed to a push that relied on it.
//!
//! [`stop_search`]: Sleep::stop_search

use super::barrier;
use crate::scheduler::Notify;
use crate::sync::Mutex;
use crate::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Relaxed, SeqCst},
    fence,
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
    /// How many nap; changes only under the lock of `list`.
    naps: AtomicU32,
    list: Mutex<List>,
}

/// Who could be woken, the latest last: it is woken first, since its cache is the warmest.
#[derive(Debug)]
struct List {
    sleepers: Vec<usize>,
    nappers: Vec<usize>,
}

/// Where a push comes from, and so whom it may wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reach {
    /// From a worker of this runtime: one that sleeps.
    Sleepers,
    /// From another thread: one that sleeps or naps.
    Nappers,
}

/// Whether a worker counts as searching, and why.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Search {
    /// It does not.
    No,
    /// It began by itself.
    Own,
    /// It was woken to search.
    Woken,
}

impl Sleep {
    pub(crate) fn new(workers: usize) -> Self {
        debug_assert!(workers <= MAX_WORKERS);
        let (sleepers, nappers) = (Vec::with_capacity(workers), Vec::with_capacity(workers));
        let list = Mutex::new(List { sleepers, nappers });
        Self { workers: workers as u32, counts: AtomicU32::new(0), naps: AtomicU32::new(0), list }
    }

    /// After a push: takes the workers that `notify` names off the lists, and calls `unpark` for each.
    #[inline]
    pub(crate) fn notify(&self, notify: Notify, reach: Reach, unpark: impl FnMut(usize)) {
        if notify == Notify::Nobody {
            return;
        }
        // Between the push and the look at the sleepers; see the module. From outside, also for `stop_search`.
        match reach {
            Reach::Sleepers => barrier::light(),
            Reach::Nappers => fence(SeqCst),
        }
        // Relaxed: ordered after the push by the barrier between them. Who naps need not be seen.
        if self.counts.load(Relaxed) >= SLEEPER
            || (reach == Reach::Nappers || notify != Notify::One) && self.naps.load(Relaxed) != 0
        {
            self.wake(notify, reach, unpark);
        }
    }

    #[cold]
    #[inline(never)]
    fn wake(&self, notify: Notify, reach: Reach, mut unpark: impl FnMut(usize)) {
        match notify {
            Notify::Nobody => {}
            Notify::One => {
                if self.wants_searcher()
                    && let Some(worker) = self.pick_one(reach)
                {
                    unpark(worker);
                }
            }
            Notify::All => self.pick_all(unpark),
            Notify::Worker(worker) => {
                if self.take_off(worker, 1) {
                    unpark(worker);
                }
            }
        }
    }

    /// Sleeps, with `block`, unless `wanted` says that there is something to do. Both are called when the
    /// worker is on the list already. Returns whether it counts as searching afterwards.
    pub(crate) fn sleep(
        &self,
        worker: usize,
        state: Search,
        wanted: impl FnOnce() -> bool,
        block: impl FnOnce(),
    ) -> Search {
        self.announce(worker, state != Search::No);
        barrier::heavy();
        if wanted() {
            if !self.retract(worker) {
                return Search::Woken;
            }
            // There is work, so search for it even if others do.
            self.counts.fetch_add(1, AcqRel);
            return Search::Own;
        }
        block();
        if self.retract(worker) { Search::No } else { Search::Woken }
    }

    /// Lets the caller search, unless half of the workers do.
    pub(crate) fn start_search(&self) -> bool {
        // Relaxed: a limit that is now and then missed by one is a limit.
        let searching = self.counts.load(Relaxed) & SEARCHING;
        // More searchers than this mostly find each other's empty queues (as Tokio and Go limit it).
        if 2 * searching >= self.workers {
            return false;
        }
        // AcqRel, here and at every other change of the counts, each of which pairs with all the others:
        // what a worker did before it changed them is visible to whoever reads its change in making the next.
        self.counts.fetch_add(1, AcqRel);
        true
    }

    /// The caller, searching, found a task. True: the search is to be passed on, since the caller was the last that
    /// searched, and there may be more: `has_work` says that there is, or a worker runs that could have pushed.
    pub(crate) fn stop_search(&self, has_work: impl FnOnce() -> bool) -> bool {
        if self.counts.fetch_sub(1, AcqRel) & SEARCHING != 1 {
            return false;
        }
        // A worker that runs may have pushed without a fence, and its push need not be visible yet.
        if self.others_run() {
            return true;
        }
        // Other pushes came from outside, with the fence in `notify`: such a push is seen here, or has seen that nobody
        // searches. One by a worker that sleeps now has been seen by that worker.
        fence(SeqCst);
        has_work()
    }

    /// Rests, with `block`, which returns after a bounded time, unless nobody else runs (`None`). Returns whether the
    /// worker counts as searching afterwards.
    pub(crate) fn nap(&self, worker: usize, state: Search, block: impl FnOnce()) -> Option<Search> {
        {
            let mut list = self.list.lock();
            if list.sleepers.len() + list.nappers.len() + 1 >= self.workers as usize {
                return None;
            }
            list.nappers.push(worker);
            self.naps.fetch_add(1, Relaxed);
            self.counts.fetch_sub(u32::from(state != Search::No), AcqRel);
        }
        block();
        Some(if self.retract(worker) { Search::No } else { Search::Woken })
    }

    /// Whether some other worker neither sleeps nor naps, as of some recent moment.
    pub(crate) fn others_run(&self) -> bool {
        self.counts.load(Relaxed) / SLEEPER + self.naps.load(Relaxed) + 1 < self.workers
    }

    /// Whether nobody searches, sleeps or naps.
    #[cfg(all(test, stampede_loom))]
    pub(super) fn is_quiet(&self) -> bool {
        self.counts.load(Relaxed) == 0 && self.naps.load(Relaxed) == 0
    }

    /// Puts a worker on the list, and ends its search if it searched.
    fn announce(&self, worker: usize, searching: bool) {
        let mut list = self.list.lock();
        list.sleepers.push(worker);
        self.counts.fetch_add(SLEEPER - u32::from(searching), AcqRel);
    }

    /// Takes the caller off its list. False: somebody took it off before, to wake it, and the caller
    /// counts as searching.
    fn retract(&self, worker: usize) -> bool {
        self.take_off(worker, 0)
    }

    /// Takes `worker` off its list, if it is on one, and makes it count as `searching` searchers.
    fn take_off(&self, worker: usize, searching: u32) -> bool {
        let mut list = self.list.lock();
        let position = |list: &[usize]| list.iter().rposition(|&w| w == worker);
        if let Some(position) = position(&list.sleepers) {
            list.sleepers.remove(position);
            self.counts.fetch_sub(SLEEPER - searching, AcqRel);
        } else if let Some(position) = position(&list.nappers) {
            list.nappers.remove(position);
            self.naps.fetch_sub(1, Relaxed);
            self.counts.fetch_add(searching, AcqRel);
        } else {
            return false;
        }
        true
    }

    /// Whether nobody searches.
    fn wants_searcher(&self) -> bool {
        // Relaxed: ordered after the push by the barrier between them.
        self.counts.load(Relaxed) & SEARCHING == 0
    }

    /// Takes the latest sleeper off its list, or the latest napper if there is none and `reach` goes so far, unless
    /// somebody searches: the caller unparks it.
    fn pick_one(&self, reach: Reach) -> Option<usize> {
        let mut list = self.list.lock();
        if !self.wants_searcher() {
            return None;
        }
        if let Some(sleeper) = list.sleepers.pop() {
            self.counts.fetch_sub(SLEEPER - 1, AcqRel);
            return Some(sleeper);
        }
        if reach == Reach::Sleepers {
            return None;
        }
        let napper = list.nappers.pop()?;
        self.naps.fetch_sub(1, Relaxed);
        self.counts.fetch_add(1, AcqRel);
        Some(napper)
    }

    /// Takes everybody off the lists and calls `unpark` for each.
    fn pick_all(&self, unpark: impl FnMut(usize)) {
        let (sleepers, nappers) = {
            let mut list = self.list.lock();
            let (sleepers, nappers) = (std::mem::take(&mut list.sleepers), std::mem::take(&mut list.nappers));
            self.naps.store(0, Relaxed);
            let (s, n) = (sleepers.len() as u32, nappers.len() as u32);
            self.counts.fetch_add((s + n).wrapping_sub(s * SLEEPER), AcqRel);
            (sleepers, nappers)
        };
        sleepers.into_iter().chain(nappers).for_each(unpark);
    }
}
