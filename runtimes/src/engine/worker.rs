//! The worker loop: mechanism around a policy's answers.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::collections::VecDeque;
use std::ptr::NonNull;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::context::{self, Context};
use super::core::{Core, Shared};
use super::idle_backoff::IdleBackoff;
use super::pool::Cache;
use super::sleep::{Rest, Search};
use crate::budget;
use crate::metrics::{Block, Counter};
use crate::scheduler::{Caller, Cause, NextTask, Scheduler, TaskSource};
use crate::sync::atomic::Ordering::{Acquire, Relaxed};
use crate::task::{Header, Runnable, Size};

/// After this many tasks a busy worker looks at the reactor, without waiting, and whether to stop.
/// Tokio uses 61; a power of two is cheaper to test, and policies that look at a shared queue by
/// their own count do not fall in step.
const HOUSEKEEPING_INTERVAL: u32 = 64;

/// How long who watches waits between two looks: long against what a look costs (some microseconds,
/// most of which the kernel takes to wake a thread), and short against a millisecond, which is the
/// longest that a task should have to wait beside an idle worker. It takes two looks to see that a
/// poll lasts.
const WATCH_INTERVAL: Duration = Duration::from_micros(250);

/// Of so many workers a napper sees how fast they are: a sample, where there are more.
const OBSERVED: usize = 64;

/// After so many looks in a row at which nobody ran, who watches gives it up.
const PATIENCE: u32 = 4;

/// One worker: its own part of the policy, of the task memory, and where it is in its loop.
#[repr(C)]
pub(super) struct Worker<S: Scheduler> {
    context: Context,
    core: Arc<Core<S>>,
    /// This worker's entry in the core, found once: it is used with every count.
    shared: NonNull<Shared>,
    index: usize,
    tick: Cell<u32>,
    idle_backoff: IdleBackoff,
    /// Set while `local` is borrowed; see [`with_local`](Self::with_local).
    in_use: Cell<bool>,
    local: UnsafeCell<S::Local>,
    cache: UnsafeCell<Cache>,
    /// Tasks pinned to this worker that are due to run.
    pinned: RefCell<VecDeque<Runnable>>,
    /// Tasks that were preempted on this worker.
    preempted: RefCell<VecDeque<Runnable>>,
    /// When the next of them has its turn even if others are ready.
    preempted_due: Cell<Option<Instant>>,
    /// After how many tasks the loop looks up: [`HOUSEKEEPING_INTERVAL`], or 1 while tasks are
    /// pinned or preempted.
    interval: Cell<u32>,
    /// Turns left in this round: of the policy's tasks, then of pinned ones.
    round: Cell<(usize, usize)>,
    /// Whether the reactor sent this worker to work after its last sleep.
    drove: Cell<bool>,
}

// SAFETY: it is moved to its thread before it runs and away after it stopped; nothing in it is
// bound to a thread (pinned tasks are gone when it stops).
unsafe impl<S: Scheduler> Send for Worker<S> {}

/// Why the loop of a worker returned.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Pause {
    /// The runtime is shutting down.
    Stopping,
    /// What the caller of the loop waits for has come.
    Ready,
}

impl<S: Scheduler> Worker<S> {
    pub(super) fn new(core: Arc<Core<S>>, index: usize, local: S::Local) -> Box<Self> {
        let shared: &Shared = &core.workers[index];
        let idle_backoff = IdleBackoff::new(core.crowded);
        let (context, shared) = (
            Context::new(Arc::as_ptr(&core).cast(), core.slice.is_some(), &shared.counters),
            NonNull::from(shared),
        );
        Box::new(Self {
            context,
            core,
            shared,
            index,
            tick: Cell::new(0),
            idle_backoff,
            in_use: Cell::new(false),
            local: UnsafeCell::new(local),
            cache: UnsafeCell::new(Cache::new()),
            pinned: RefCell::new(VecDeque::new()),
            preempted: RefCell::new(VecDeque::new()),
            preempted_due: Cell::new(None),
            interval: Cell::new(HOUSEKEEPING_INTERVAL),
            round: Cell::new((0, 0)),
            drove: Cell::new(false),
        })
    }

    #[inline]
    fn shared(&self) -> &Shared {
        // SAFETY: it points into the core's workers, which never move and which `core` keeps alive.
        unsafe { self.shared.as_ref() }
    }

    /// The registered name of its runtime.
    pub(super) fn name(&self) -> &'static str {
        self.core.name
    }

    pub(super) fn index(&self) -> usize {
        self.index
    }

    /// This worker's counters.
    pub(super) fn counters(&self) -> &Block {
        &self.shared().counters
    }

    /// Makes this the calling thread's worker until the guard is dropped.
    pub(super) fn enter(&self) -> context::Guard {
        // SAFETY: the worker is boxed, and every caller borrows it for longer than the guard lives.
        unsafe { context::set(std::ptr::from_ref(self).cast()) }
    }

    /// Counts on this worker's own block, whose one writer is the thread that runs it.
    #[inline]
    pub(super) fn count(&self, counter: Counter, n: u64) {
        if S::COUNTED {
            self.shared().counters.add(counter, n);
        }
    }

    /// Runs `f` with the local part, or without it when it is in use further up this stack: a
    /// policy may drop a task, whose destructor may schedule another.
    #[inline]
    fn with_local<T>(&self, f: impl FnOnce(Option<&mut S::Local>) -> T) -> T {
        if self.in_use.replace(true) {
            return f(None);
        }
        struct Reset<'a>(&'a Cell<bool>);
        impl Drop for Reset<'_> {
            fn drop(&mut self) {
                self.0.set(false);
            }
        }
        let _reset = Reset(&self.in_use);
        // SAFETY: `in_use` was false and is true now, so this is the only reference; a worker is
        // used by one thread at a time.
        f(Some(unsafe { &mut *self.local.get() }))
    }

    /// A task that was made to give way may have kept the worker for as long as many polls take
    /// otherwise: who waits for an event or a timer that is there by now goes before it.
    #[inline]
    pub(super) fn after_poll(&self) {
        if budget::is_used_up() && self.core.reactor().is_active() {
            self.turn(Some(Duration::ZERO));
        }
    }

    /// Queues a task that became runnable on this worker's thread.
    #[inline]
    pub(super) fn schedule(&self, task: Runnable, cause: Cause) {
        if cause == Cause::Yielded {
            self.after_poll();
        }
        self.count(Counter::ScheduledLocal, 1);
        if let Some(worker) = task.pinned() {
            if task.is_preempted() {
                self.schedule_preempted(task);
            } else if worker == self.index {
                self.pinned.borrow_mut().push_back(task);
                self.interval.set(1);
            } else {
                self.core.push_pinned(worker, task);
            }
            return;
        }
        let notify = self.with_local(|local| {
            let caller = local.map_or(Caller::Remote, Caller::Worker);
            self.core.policy().schedule(caller, task, cause)
        });
        self.core.notify(notify, Some(self));
    }

    /// Queues a task that was preempted just now. It gives way to all others, but for no longer
    /// than the slice that it had. A slice is long against a poll, so what otherwise happens every
    /// so many tasks happens at every slice.
    #[cold]
    fn schedule_preempted(&self, task: Runnable) {
        self.preempted.borrow_mut().push_back(task);
        self.preempted_due.set(Instant::now().checked_add(self.core.slice.unwrap_or_default()));
        self.interval.set(1);
        if self.core.reactor().is_active() {
            self.turn(Some(Duration::ZERO));
        }
        if self.core.stopping.load(Acquire) {
            self.tick.set(self.tick.get() | (HOUSEKEEPING_INTERVAL - 1));
        }
    }

    #[inline]
    pub(super) fn allocate(&self, size: Size) -> NonNull<Header> {
        // SAFETY: the cache is used only here and in `free`, by this thread, and neither calls out.
        unsafe { (*self.cache.get()).allocate(size, &self.core.depot) }
    }

    /// # Safety
    /// As for `Home::free`.
    #[inline]
    pub(super) unsafe fn free(&self, memory: NonNull<Header>, size: Size) {
        // SAFETY: as in `allocate`; the rest is the caller's promise.
        unsafe { (*self.cache.get()).free(memory, size, &self.core.depot) }
    }

    /// Runs tasks until the runtime stops, or until `ready` says so: it is asked between tasks, and
    /// with `true` when there are none, and whatever makes it true unparks this worker afterwards.
    pub(super) fn run(&self, ready: impl Fn(bool) -> bool) -> Pause {
        let _current = self.enter();
        let mut state = Search::No;
        let mut idle = true;
        loop {
            if ready(false) {
                self.leave(state);
                return Pause::Ready;
            }
            let tick = self.tick.get().wrapping_add(1);
            self.tick.set(tick);
            // Relaxed: for who watches, who wants to know whether it changes.
            self.shared().tick.store(tick, Relaxed);
            if tick & (self.interval.get() - 1) == 0 {
                if tick.is_multiple_of(HOUSEKEEPING_INTERVAL) {
                    if self.core.stopping.load(Acquire) {
                        self.leave(state);
                        return Pause::Stopping;
                    }
                    if self.core.reactor().is_active() {
                        self.turn(Some(Duration::ZERO));
                    }
                }
                if let Some(found) = self.due_preempted() {
                    self.leave(std::mem::replace(&mut state, Search::No));
                    self.execute(found);
                    continue;
                }
            }
            if let Some(found) = self.next(tick) {
                if std::mem::take(&mut idle) {
                    self.get_to_work(found.source(), &mut state);
                }
                self.execute(found);
            } else if ready(true) {
                self.leave(state);
                return Pause::Ready;
            } else if let Some(found) = self.seek(tick, &mut state, &ready) {
                idle = false;
                self.get_to_work(found.source(), &mut state);
                self.execute(found);
            } else {
                idle = true;
                let found;
                (state, found) = self.sleep(state, &ready);
                if let Some(found) = found {
                    idle = false;
                    self.get_to_work(found.source(), &mut state);
                    self.execute(found);
                }
                if self.core.stopping.load(Acquire) {
                    self.leave(state);
                    return Pause::Stopping;
                }
            }
        }
    }

    /// Ends a time without work.
    fn get_to_work(&self, source: TaskSource, state: &mut Search) {
        let stolen = if let TaskSource::Stolen { moved } = source { moved } else { 0 };
        self.idle_backoff.got_work(self.tick.get(), stolen);
        self.leave(std::mem::replace(state, Search::No));
        self.core.sleep.depart(self.core.reactor().is_active(), |worker| {
            self.core.unpark_by(worker, Some(self))
        });
    }

    /// Ends a search that found something.
    #[inline]
    fn leave(&self, state: Search) {
        if state != Search::No && self.core.sleep.stop_search(|| self.has_work()) {
            self.core.notify(self.core.policy().found(), Some(self));
        }
    }

    #[inline]
    fn next(&self, tick: u32) -> Option<NextTask> {
        if (self.interval.get() == 1 || (tick & 1 == 0 && !self.shared().inbox.is_empty()))
            && let Some(found) = self.due_pinned()
        {
            return Some(found);
        }
        let policy = self.core.policy();
        let found = self.with_local(|local| local.and_then(|local| policy.next(local, tick)));
        if found.is_none() && self.has_pinned() {
            return self.next_pinned();
        }
        found.or_else(|| self.next_preempted())
    }

    /// Looks for work elsewhere, unless a nap is due first.
    #[cold]
    fn seek(
        &self,
        tick: u32,
        state: &mut Search,
        ready: &impl Fn(bool) -> bool,
    ) -> Option<NextTask> {
        let start = self.idle_backoff.ran_dry(*state == Search::Woken, tick, &self.core.pace);
        // When nobody else runs there is nobody to leave work to, and none to wait for.
        let company = self.core.sleep.others_run();
        if company && self.idle_backoff.is_tired() {
            return None;
        }
        if *state == Search::No {
            if !self.core.sleep.start_search() {
                return None;
            }
            *state = Search::Own;
        }
        let mut found = self.search();
        let answer = self.idle_backoff.expects_answer();
        let linger = self.idle_backoff.linger(company);
        while found.is_none() && start.elapsed() < linger {
            // A look at the others' queues takes a cache line from them, so there are pauses in
            // between.
            (0..32).for_each(|_| std::hint::spin_loop());
            if ready(true) || self.core.stopping.load(Acquire) {
                break;
            }
            // The answer may be an event, and nobody else need be there to hear of it.
            if answer && self.core.reactor().is_active() {
                self.turn(Some(Duration::ZERO));
            }
            found = self.next(tick);
            if found.is_none() && self.has_work() {
                found = self.search();
            }
        }
        found
    }

    fn search(&self) -> Option<NextTask> {
        let policy = self.core.policy();
        let found = self.with_local(|local| local.and_then(|local| policy.search(local)));
        if found.is_none() {
            self.count(Counter::FailedSearches, 1);
        }
        found
    }

    #[inline]
    fn has_pinned(&self) -> bool {
        !self.shared().inbox.is_empty() || !self.pinned.borrow().is_empty()
    }

    /// The next pinned task if it is its turn. The policy's tasks and the pinned go in rounds: who
    /// is there when a round begins runs once in it, as if all stood in one queue, so that a few of
    /// either kind do not hold up many of the other.
    #[cold]
    fn due_pinned(&self) -> Option<NextTask> {
        if self.round.get() == (0, 0) {
            self.begin_round();
        }
        let (others, pinned) = self.round.get();
        if others == 0 {
            return self.next_pinned();
        }
        self.round.set((others - 1, pinned));
        None
    }

    #[inline(never)]
    fn begin_round(&self) {
        self.shared().inbox.take_into(&mut self.pinned.borrow_mut());
        let pinned = self.pinned.borrow().len();
        if pinned != 0 {
            // Nothing is borrowed here: the policy may drop a task, whose destructor may wake one
            // that is pinned.
            let others =
                self.with_local(|local| local.map_or(0, |local| self.core.policy().queued(local)));
            self.round.set((others, pinned));
            self.interval.set(1);
        }
    }

    /// The next pinned task of a round. If none has begun, the policy had nothing, and its turns in
    /// this one are over.
    #[cold]
    fn next_pinned(&self) -> Option<NextTask> {
        let mut pinned = self.pinned.borrow_mut();
        self.shared().inbox.take_into(&mut pinned);
        let (others, left) = self.round.get();
        let left = if others == 0 && left != 0 { left } else { pinned.len() };
        let task = pinned.pop_front()?;
        self.round.set((0, left - 1));
        let last = pinned.is_empty() && self.preempted.borrow().is_empty();
        self.interval.set(if last { HOUSEKEEPING_INTERVAL } else { 1 });
        Some(NextTask::new(task, TaskSource::Local))
    }

    /// The preempted task that has waited longest.
    #[inline]
    fn next_preempted(&self) -> Option<NextTask> {
        let mut preempted = self.preempted.borrow_mut();
        let task = preempted.pop_front()?;
        if preempted.is_empty() {
            self.preempted_due.set(None);
            if self.pinned.borrow().is_empty() {
                self.interval.set(HOUSEKEEPING_INTERVAL);
            }
        }
        Some(NextTask::new(task, TaskSource::Local))
    }

    /// The same, if others have had their time.
    #[cold]
    fn due_preempted(&self) -> Option<NextTask> {
        let due = self.preempted_due.get()?;
        if Instant::now() < due { None } else { self.next_preempted() }
    }

    /// After the last task, on the worker's own thread: polls the preempted tasks, in turn, until
    /// each suspends by itself, and drops it then.
    pub(super) fn finish_preempted(&self) {
        let _current = self.enter();
        while let Some(found) = self.next_preempted() {
            found.task.cancel();
            self.execute(found);
        }
    }

    #[inline]
    fn execute(&self, found: NextTask) {
        if !found.task.is_of(Arc::as_ptr(&self.core).cast()) {
            return found.task.send_home();
        }
        self.count(Counter::Dequeued, 1);
        match found.source() {
            TaskSource::Local => {}
            TaskSource::Slot => self.count(Counter::SlotHits, 1),
            TaskSource::Shared => self.count(Counter::SharedPops, 1),
            TaskSource::Stolen { moved } => {
                self.count(Counter::Steals, 1);
                self.count(Counter::Stolen, u64::from(moved));
            }
        }
        found.task.run();
    }

    /// Sleeps until there may be something to do. Returns whether the worker counts as searching,
    /// and a task if it came for one.
    #[cold]
    fn sleep(&self, state: Search, ready: &impl Fn(bool) -> bool) -> (Search, Option<NextTask>) {
        if state == Search::Woken {
            self.count(Counter::UselessUnparks, 1);
        }
        if let Some(nap) = self.idle_backoff.nap()
            && self.may_nap()
            && let Some(state) = self.core.sleep.nap(self.index, state, || self.nap(nap))
        {
            self.count(Counter::Naps, 1);
            return (state, None);
        }
        let active = self.drove.take();
        let wanted = || self.has_work() || ready(true) || self.core.stopping.load(Acquire);
        let (state, found) =
            self.core.sleep.sleep(self.index, state, active, wanted, |rest| self.rest(rest));
        (state, found.flatten())
    }

    /// Rests, and sees meanwhile how long the polls of the others take.
    fn nap(&self, time: Duration) {
        let ticks = || {
            let ticks = self.core.workers.iter().map(|worker| worker.tick.load(Relaxed));
            ticks.take(OBSERVED).fold(0_u32, u32::wrapping_add)
        };
        let (start, before) = (Instant::now(), ticks());
        self.shared().parker.park_for(time);
        let now = Instant::now();
        self.core.pace.saw(ticks().wrapping_sub(before), now - start, now);
    }

    /// Whether nothing needs this worker that only a worker which sleeps properly would hear of.
    fn may_nap(&self) -> bool {
        !self.core.reactor().is_active() || self.core.reactor.try_driver().is_none()
    }

    /// Blocks: in epoll if nobody else does, otherwise on a futex; for a bounded time if it
    /// watches.
    fn rest(&self, rest: &Rest<'_>) -> Option<NextTask> {
        self.count(Counter::Parks, 1);
        let parker = &self.shared().parker;
        let mut driver = None;
        let mut looks_in_vain = 0;
        let mut watched = false;
        loop {
            let drives = driver.is_some();
            driver = driver.or_else(|| self.core.reactor.try_driver());
            let watches = !self.alone() && rest.begin(!drives && driver.is_some());
            if watches && !std::mem::replace(&mut watched, watches) {
                self.look_at_others(false);
            }
            let timeout = watches.then_some(WATCH_INTERVAL);
            let unparked = match (&mut driver, timeout) {
                (Some(driver), _) => parker.park_in(|| {
                    self.count_turn(driver.turn_then(timeout, || {
                        self.drove.set(true);
                        rest.end();
                    }));
                }),
                (None, Some(timeout)) => parker.park_for(timeout),
                (None, None) => {
                    parker.park();
                    true
                }
            };
            if unparked || rest.has_ended() || !watches {
                return None;
            }
            if let Some(found) = self.look_at_others(true) {
                return Some(found);
            }
            looks_in_vain = if rest.is_shared_by_all() { looks_in_vain + 1 } else { 0 };
            if looks_in_vain == PATIENCE {
                rest.stop_watching();
            }
        }
    }

    /// Looks which poll the others are in, and with `rescue` takes what one keeps for itself that
    /// is in the same as at the last look.
    fn look_at_others(&self, rescue: bool) -> Option<NextTask> {
        let others = self.core.workers.iter().zip(&self.core.seen).enumerate();
        let mut found = None;
        for (index, (worker, seen)) in others {
            let tick = worker.tick.load(Relaxed);
            if seen.load(Relaxed) != tick {
                seen.store(tick, Relaxed);
            } else if rescue && found.is_none() && index != self.index {
                let policy = self.core.policy();
                found =
                    self.with_local(|local| local.and_then(|local| policy.rescue(local, index)));
            }
        }
        found
    }

    fn alone(&self) -> bool {
        self.core.workers.len() == 1
    }

    fn has_work(&self) -> bool {
        let policy = self.core.policy();
        self.has_pinned()
            || self.with_local(|local| local.is_some_and(|local| policy.has_work(local)))
    }

    /// Collects what is ready from the reactor, if no other worker is at it.
    fn turn(&self, timeout: Option<Duration>) {
        if let Some(mut driver) = self.core.reactor.try_driver() {
            self.count_turn(driver.turn(timeout));
        }
    }

    fn count_turn(&self, turn: std::io::Result<crate::reactor::Turn>) {
        // epoll_wait fails only for EINTR, which the driver retries, or for arguments that are
        // wrong.
        let turn = turn.unwrap_or_else(|error| {
            panic!("the reactor of runtime {} failed: {error}", self.core.name)
        });
        self.count(Counter::ReactorTurns, u64::from(turn.waits));
        self.count(Counter::IoEvents, u64::from(turn.events));
        self.count(Counter::TimersFired, u64::from(turn.timers));
    }

    /// On the worker's own thread, after all workers have stopped: drops the tasks that only it may
    /// drop.
    pub(super) fn drop_pinned(&self) {
        let _current = self.enter();
        loop {
            self.shared().inbox.take_into(&mut self.pinned.borrow_mut());
            let Some(task) = self.pinned.borrow_mut().pop_front() else { break };
            drop(task);
        }
        // SAFETY: all workers have stopped, the gate is closed, and pinned tasks are no longer
        // accepted: the ones that are left lie in no queue. This is their thread.
        unsafe { self.core.cancel_remaining(Some(self.index)) };
    }

    /// Drops the queues, and with them cancels the tasks in them. Returns tasks allocated minus
    /// tasks freed.
    pub(super) fn dismiss(self) -> i64 {
        let Self { local, cache, pinned, .. } = self;
        drop(pinned);
        drop(local);
        cache.into_inner().live
    }
}
