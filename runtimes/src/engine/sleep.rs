//! Who sleeps, who searches, who watches, and whom a push wakes.
//!
//! **Vocabulary.** A worker *runs*, *searches* (its own queues are empty; it looks at others'), or
//! *sleeps* (it is on the list, and blocks in its parker soon). Of the sleepers one may *drive* the
//! reactor, and one may *watch*: its wait has a timeout, after which it looks at those that run.
//!
//! **No wake-up is lost.** A worker that goes to sleep ([`Sleep::sleep`]) (1) puts itself on the
//! list, (2) executes the heavy side of [`barrier`], (3) asks once more for work, and blocks only
//! if there is none. A push (a) puts the task into a queue, then in [`Sleep::notify`] (b) executes
//! the light side, (c) reads the counts. Either the push comes before the barrier as seen by (3),
//! which then finds the task, or (c) sees the sleeper and wakes it. A push that wakes nobody
//! because somebody searches relies on that searcher: it ends its search either with a task, and
//! then passes the search on ([`stop_search`] says whether there may be more), or by going to sleep
//! through (1) to (3), where it finds the task.
//!
//! A worker that is taken off the list by a push counts as searching from that moment, so that a
//! burst of pushes wakes one worker, not all.
//!
//! **The last to go to sleep needs no barrier of others.** When (1) finds all other workers on the
//! lists, a plain fence takes the place of (2). Threads outside push with a full fence anyway. A
//! worker that is on a list pushes nothing before it is off it again, also when it drives the
//! reactor: it leaves the list before it calls the first waker ([`Rest::end`]). It leaves under the
//! lock that (1) held earlier, or is taken off under it and then unparked (a Release that it
//! acquires). So (1) happens before anything it pushes, and its (c) reads what (1) wrote or
//! something later. With one worker this is always so.
//!
//! **Watching.** Some waits cannot end by a push, because of what a running worker does *not* do:
//! it keeps the task that it woke last for itself ([`Notify::Later`]) and then computes for long;
//! or it leaves the reactor to run a task and does not come back. So while some worker runs and
//! another sleeps, one of the sleepers watches. At each of its looks it drives the reactor if
//! nobody does, and if a worker is still in the poll in which the look before found it, takes what
//! that worker keeps. These timeouts bound how long a policy may keep a task to itself; they hide
//! no wake-up: all that is promised by (1) to (3) comes without them, and sleepers that do not
//! watch have none.
//!
//! Who watches is decided under the lock of the list, and its bits are in the word of the counts,
//! so that all changes have one order:
//!
//! - Who goes to sleep while another runs takes the watch if it is free (`WATCHED`).
//! - Who keeps a task for itself while others sleep and nobody watches calls one ([`Sleep::call`]):
//!   it sets `WANTED`, and wakes a sleeper unless somebody searches. So does who goes to work and
//!   leaves sleepers and a reactor that nobody drives (`DRIVEN`).
//! - A searcher on whom such a call relied ends its search by a change of the same word, which
//!   comes after the call's. It then goes to sleep, and takes the watch; or it goes to work, and
//!   calls in turn, since it reads `WANTED` ([`Sleep::depart`]).
//! - A watcher that is woken while others run leaves `WANTED` behind. It is the last to be woken.
//! - A watcher gives the watch up when, under the lock, all others are on the lists. Whoever runs
//!   later left the list after that, so it reads that nobody watches, and calls before it relies on
//!   a watcher.
//!
//! A call is a system call, so the watch outlasts the work of others for some looks: under a steady
//! load events come and go without any. For the same reason who goes to sleep takes the watch over
//! from a watcher that also drives: when an event sends the driver to work, the watcher is there.
//!
//! **Naps.** A worker may rest for a bounded time before it goes to sleep ([`Sleep::nap`];
//! `idle_backoff` says when). It is on a list of its own then, which pushes of other workers do not
//! look at; those from outside and those that name a worker do, without a barrier: a napper that
//! they miss goes through (1) to (3) soon. That bound is also how long a search that ended in a nap
//! may be owed to a push that relied on it.
//!
//! [`stop_search`]: Sleep::stop_search

use std::cell::Cell;

use crate::scheduler::Notify;
use crate::sync::Mutex;
use crate::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Relaxed, SeqCst},
    fence,
};
use crate::sync::barrier;

/// One sleeper in the counts.
const SLEEPER: u32 = 1 << 16;
const SEARCHING: u32 = WANTED - 1;
/// Somebody relies on a watcher, and there was none.
const WANTED: u32 = 1 << 14;
/// A sleeper drives the reactor. Changes only under the lock of `list`, as does the next.
const DRIVEN: u32 = 1 << 15;
/// A sleeper watches.
const WATCHED: u32 = 1 << 31;

/// More workers than this do not fit into the counts.
pub const MAX_WORKERS: usize = 1 << 12;

/// The idle state of all workers of an engine.
#[derive(Debug)]
pub(crate) struct Sleep {
    workers: u32,
    /// `WATCHED`, sleepers, `DRIVEN`, `WANTED`, searchers. Sleepers change only under the lock of
    /// `list`.
    counts: AtomicU32,
    /// How many nap; changes only under the lock of `list`.
    naps: AtomicU32,
    list: Mutex<List>,
}

/// Who could be woken, the latest last: it is woken first, since its cache is the warmest. The
/// first in the list is who drives, then comes who watches: they are woken last.
#[derive(Debug)]
struct List {
    sleepers: Vec<usize>,
    nappers: Vec<usize>,
    watcher: Option<usize>,
    driver: Option<usize>,
}

/// Who was idle at some moment.
#[derive(Clone, Debug)]
pub(super) struct Idle {
    /// Who sleeps, or is about to.
    pub(super) sleepers: Vec<usize>,
    /// Who rests for a bounded time.
    pub(super) nappers: Vec<usize>,
    /// How many search.
    pub(super) searching: u32,
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

/// The sleep of one worker, which is on the list until it [ends](Self::end).
#[derive(Debug)]
pub(crate) struct Rest<'a> {
    sleep: &'a Sleep,
    worker: usize,
    /// Whether it left the list by itself, once it is off.
    ended: Cell<Option<bool>>,
}

impl Rest<'_> {
    /// Takes the worker off the list: before it does anything that could push a task.
    pub(crate) fn end(&self) -> bool {
        self.ended.get().unwrap_or_else(|| {
            let by_itself = self.sleep.retract(self.worker);
            self.ended.set(Some(by_itself));
            by_itself
        })
    }

    /// Whether it is off the list.
    pub(crate) fn has_ended(&self) -> bool {
        self.ended.get().is_some()
    }

    /// Says that this worker drives the reactor. Whether it watches.
    pub(crate) fn begin(&self, drives: bool) -> bool {
        let mut list = self.sleep.list.lock();
        if drives
            && list.driver.is_none()
            && let Some(position) = list.sleepers.iter().position(|&worker| worker == self.worker)
        {
            list.driver = Some(self.worker);
            list.sleepers[..=position].rotate_right(1);
            self.sleep.counts.fetch_or(DRIVEN, AcqRel);
        }
        list.watcher == Some(self.worker)
    }

    /// Whether all workers sleep or nap.
    pub(crate) fn is_shared_by_all(&self) -> bool {
        self.sleep.counts().sleepers() + self.sleep.naps.load(Relaxed) >= self.sleep.workers
    }

    /// Gives the watch up, unless somebody runs.
    pub(crate) fn stop_watching(&self) {
        let mut list = self.sleep.list.lock();
        let idle = list.sleepers.len() + list.nappers.len() == self.sleep.workers as usize;
        if idle && list.watcher == Some(self.worker) {
            list.watcher = None;
            self.sleep.counts.fetch_and(!(WATCHED | WANTED), AcqRel);
        }
    }
}

/// What the word says.
#[derive(Clone, Copy)]
struct Counts(u32);

impl Counts {
    fn sleepers(self) -> u32 {
        (self.0 & !WATCHED) / SLEEPER
    }

    fn searching(self) -> u32 {
        self.0 & SEARCHING
    }

    /// Whether somebody sleeps, and nobody watches.
    #[inline]
    fn is_unwatched(self) -> bool {
        (SLEEPER..WATCHED).contains(&self.0)
    }
}

impl Sleep {
    pub(crate) fn new(workers: usize) -> Self {
        debug_assert!(workers <= MAX_WORKERS);
        let (sleepers, nappers) = (Vec::with_capacity(workers), Vec::with_capacity(workers));
        let list = Mutex::new(List { sleepers, nappers, watcher: None, driver: None });
        let zero = || AtomicU32::new(0);
        Self { workers: workers as u32, counts: zero(), naps: zero(), list }
    }

    /// As of some recent moment. What orders the look is said where it matters.
    #[inline]
    fn counts(&self) -> Counts {
        Counts(self.counts.load(Relaxed))
    }

    /// After a push: takes the workers that `notify` names off the lists, and calls `unpark` for
    /// each.
    #[inline]
    pub(crate) fn notify(&self, notify: Notify, reach: Reach, unpark: impl FnMut(usize)) {
        match (notify, reach) {
            (Notify::Nobody, _) => return,
            (Notify::Later, Reach::Sleepers) => {
                // Without a barrier: see the module on watching.
                if self.counts().is_unwatched() {
                    self.call(unpark);
                }
                return;
            }
            _ => {}
        }
        // Between the push and the look at the sleepers; see the module. From outside, also for
        // `stop_search`.
        match reach {
            Reach::Sleepers => barrier::light(),
            Reach::Nappers => fence(SeqCst),
        }
        // Ordered after the push by the barrier between them. Who naps need not be seen.
        if self.counts().sleepers() != 0
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
            // What comes from outside no worker has kept for itself.
            Notify::One | Notify::Later => {
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

    /// Has a sleeper woken so that it watches. If somebody searches, it will see to that.
    #[cold]
    #[inline(never)]
    pub(crate) fn call(&self, unpark: impl FnMut(usize)) {
        self.counts.fetch_or(WANTED, AcqRel);
        self.wake(Notify::One, Reach::Sleepers, unpark);
    }

    /// The caller, which neither searches nor sleeps any more, goes to work: calls a watcher if one
    /// is owed to somebody, or if nobody would be left to hear of an `active` reactor.
    #[inline]
    pub(crate) fn depart(&self, active: bool, unpark: impl FnMut(usize)) {
        // The caller's own last change of the word comes before this look.
        let counts = self.counts();
        if counts.is_unwatched() && (counts.0 & WANTED != 0 || active && counts.0 & DRIVEN == 0) {
            self.call(unpark);
        }
    }

    /// Sleeps, with `block`, unless `wanted` says that there is something to do. Both are called
    /// when the worker is on the list already. `active` says that it should take the watch even if
    /// all others sleep, since the reactor has sent a worker to work just now and may soon do so
    /// again. Returns whether it counts as searching afterwards, and what `block` returned.
    pub(crate) fn sleep<T>(
        &self,
        worker: usize,
        state: Search,
        active: bool,
        wanted: impl FnOnce() -> bool,
        block: impl FnOnce(&Rest<'_>) -> T,
    ) -> (Search, Option<T>) {
        if self.announce(worker, state != Search::No, active) {
            fence(SeqCst);
        } else {
            barrier::heavy();
        }
        let rest = Rest { sleep: self, worker, ended: Cell::new(None) };
        if wanted() {
            if !rest.end() {
                return (Search::Woken, None);
            }
            // There is work, so search for it even if others do.
            self.counts.fetch_add(1, AcqRel);
            return (Search::Own, None);
        }
        let result = block(&rest);
        (if rest.end() { Search::No } else { Search::Woken }, Some(result))
    }

    /// Lets the caller search, unless half of the workers do.
    pub(crate) fn start_search(&self) -> bool {
        // A limit that is now and then missed by one is a limit. More searchers than this mostly
        // find each other's empty queues (as Tokio and Go limit it).
        if 2 * self.counts().searching() >= self.workers {
            return false;
        }
        // AcqRel, here and at every other change of the counts, each of which pairs with all the
        // others: what a worker did before it changed them is visible to whoever reads its change
        // in making the next.
        self.counts.fetch_add(1, AcqRel);
        true
    }

    /// The caller, searching, found a task. True: the search is to be passed on, since the caller
    /// was the last that searched, and there may be more: `has_work` says that there is, or a
    /// worker runs that could have pushed.
    pub(crate) fn stop_search(&self, has_work: impl FnOnce() -> bool) -> bool {
        if Counts(self.counts.fetch_sub(1, AcqRel)).searching() != 1 {
            return false;
        }
        // A worker that runs may have pushed without a fence, and its push need not be visible yet.
        if self.others_run() {
            return true;
        }
        // Other pushes came from outside, with the fence in `notify`: such a push is seen here, or
        // has seen that nobody searches. One by a worker that sleeps now has been seen by that
        // worker.
        fence(SeqCst);
        has_work()
    }

    /// Rests, with `block`, which returns after a bounded time, unless nobody else runs (`None`).
    /// Returns whether the worker counts as searching afterwards.
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

    /// Whether some other worker than the caller, which is on no list, neither sleeps nor naps, as
    /// of some recent moment.
    #[inline]
    pub(crate) fn others_run(&self) -> bool {
        self.counts().sleepers() + self.naps.load(Relaxed) + 1 < self.workers
    }

    /// Who is idle now, for a look from outside.
    pub(super) fn idle(&self) -> Idle {
        let list = self.list.lock();
        // Relaxed: a number to show.
        let searching = self.counts.load(Relaxed) & SEARCHING;
        Idle { sleepers: list.sleepers.clone(), nappers: list.nappers.clone(), searching }
    }

    /// Whether nobody searches, sleeps or naps.
    #[cfg(all(test, stampede_loom))]
    pub(super) fn is_quiet(&self) -> bool {
        self.counts().0 & !WANTED == 0 && self.naps.load(Relaxed) == 0
    }

    /// Whether a sleeper watches.
    #[cfg(all(test, stampede_loom))]
    pub(super) fn is_watched(&self) -> bool {
        self.counts().0 & WATCHED != 0
    }

    /// Puts a worker on the list, ends its search if it searched, and lets it watch if somebody
    /// should. Whether all others are on the lists.
    fn announce(&self, worker: usize, searching: bool, active: bool) -> bool {
        let mut list = self.list.lock();
        let others = self.workers as usize - 1;
        let last = list.sleepers.len() + list.nappers.len() == others;
        let free = list.watcher.is_none_or(|watcher| list.driver == Some(watcher));
        let mut change = SLEEPER - u32::from(searching);
        if others != 0 && free && (active || !last) {
            change += if list.watcher.is_none() { WATCHED } else { 0 };
            list.watcher = Some(worker);
            let behind = usize::from(list.driver.is_some());
            list.sleepers.insert(behind, worker);
        } else {
            list.sleepers.push(worker);
        }
        self.counts.fetch_add(change, AcqRel);
        if last || list.watcher.is_some() {
            self.satisfy();
        }
        last
    }

    /// Nobody waits for a watcher any more: there is one, or nobody runs.
    fn satisfy(&self) {
        if self.counts().0 & WANTED != 0 {
            self.counts.fetch_and(!WANTED, AcqRel);
        }
    }

    /// Takes the caller off its list. False: somebody took it off before, to wake it, and the
    /// caller counts as searching.
    fn retract(&self, worker: usize) -> bool {
        self.take_off(worker, 0)
    }

    /// Takes `worker` off its list, if it is on one, and makes it count as `searching` searchers.
    fn take_off(&self, worker: usize, searching: u32) -> bool {
        let mut list = self.list.lock();
        let position = |list: &[usize]| list.iter().rposition(|&w| w == worker);
        if let Some(position) = position(&list.sleepers) {
            list.sleepers.remove(position);
            self.went(&mut list, worker, searching);
        } else if let Some(position) = position(&list.nappers) {
            list.nappers.remove(position);
            self.naps.fetch_sub(1, Relaxed);
            self.counts.fetch_add(searching, AcqRel);
        } else {
            return false;
        }
        true
    }

    /// Changes the counts for a worker that is no longer among the sleepers.
    fn went(&self, list: &mut List, worker: usize, searching: u32) {
        let mut change = SLEEPER - searching;
        if list.watcher == Some(worker) {
            list.watcher = None;
            change += WATCHED;
            // Before the watch is given up; to be seen by this worker, which calls or watches
            // again.
            if list.sleepers.len() + list.nappers.len() + 1 < self.workers as usize {
                self.counts.fetch_or(WANTED, AcqRel);
            }
        }
        if list.driver == Some(worker) {
            list.driver = None;
            change += DRIVEN;
        }
        self.counts.fetch_sub(change, AcqRel);
    }

    /// Whether nobody searches.
    fn wants_searcher(&self) -> bool {
        // Ordered after the push by the barrier between them, or after a call in the one word.
        self.counts().searching() == 0
    }

    /// Takes the latest sleeper off its list, or the latest napper if there is none and `reach`
    /// goes so far, unless somebody searches: the caller unparks it.
    fn pick_one(&self, reach: Reach) -> Option<usize> {
        let mut list = self.list.lock();
        if !self.wants_searcher() {
            return None;
        }
        if let Some(sleeper) = self.pop_sleeper(&mut list) {
            self.went(&mut list, sleeper, 1);
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

    /// The sleeper to be woken next. If only the two with a duty are left, and others run, the
    /// watcher stays: it will drive.
    fn pop_sleeper(&self, list: &mut List) -> Option<usize> {
        let others_run = list.sleepers.len() + list.nappers.len() < self.workers as usize;
        if others_run
            && list.sleepers.len() == 2
            && list.driver.is_some()
            && list.watcher == list.sleepers.last().copied()
        {
            return Some(list.sleepers.remove(0));
        }
        list.sleepers.pop()
    }

    /// Takes everybody off the lists and calls `unpark` for each.
    fn pick_all(&self, unpark: impl FnMut(usize)) {
        let (sleepers, nappers) = {
            let mut list = self.list.lock();
            let sleepers = std::mem::take(&mut list.sleepers);
            let nappers = std::mem::take(&mut list.nappers);
            self.naps.store(0, Relaxed);
            sleepers.iter().for_each(|&worker| self.went(&mut list, worker, 1));
            self.counts.fetch_add(nappers.len() as u32, AcqRel);
            (sleepers, nappers)
        };
        sleepers.into_iter().chain(nappers).for_each(unpark);
    }
}
