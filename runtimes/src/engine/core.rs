//! What all threads of one runtime share, and the way in for calls from outside.

use std::any::Any;
use std::cell::{Cell, UnsafeCell};
use std::mem::ManuallyDrop;
use std::ptr::{self, NonNull};
use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::context;
use super::idle_backoff::Pace;
use super::park::Parker;
use super::pool::{Cache, Depot};
use super::sleep::{Reach, Sleep};
use super::worker::Worker;
use crate::metrics::{Block, Counter, Snapshot};
use crate::queue::Injector;
use crate::reactor::{self, Reactor};
use crate::runtime::Config;
use crate::scheduler::{Caller, Cause, Notify, Scheduler};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use crate::sync::gate::Gate;
use crate::sync::no_preempt::guard;
use crate::task::{self, End, Header, Home, JoinHandle, Runnable, Size};

/// The part of a runtime that its workers, its spawners and its tasks share.
///
/// It lives as long as any of them: the tasks together hold one reference, from the start until the
/// last task's memory is freed after shutdown. While the runtime runs they are counted where they
/// are made and freed, in each worker's cache; shutdown adds these up and from then on counts down
/// under a lock.
pub(crate) struct Core<S: Scheduler> {
    pub(super) name: &'static str,
    /// The tasks' common reference: what `Arc::into_raw` gave. Written once, before anybody shares
    /// the core.
    tasks: Cell<*const Self>,
    /// Dropped by shutdown, once the gate is closed and the workers have stopped.
    policy: UnsafeCell<ManuallyDrop<S>>,
    gate: Gate,
    pub(super) sleep: Sleep,
    /// The rounds of each worker as they were at the last look of whoever watches.
    pub(super) seen: Box<[AtomicU32]>,
    pub(super) pace: Pace,
    /// There is only one processor: who lingered would keep it from who is to answer. Asked once,
    /// since the answer costs some ten microseconds.
    pub(super) crowded: bool,
    pub(super) workers: Box<[CachePadded<Shared>]>,
    pub(super) stopping: AtomicBool,
    /// For how long preempted tasks give way to others; `None` if there are none.
    pub(super) slice: Option<Duration>,
    pub(super) reactor: Reactor,
    pub(super) depot: Depot,
    /// What the task bodies share, until the last future is dropped: by shutdown, unless a policy
    /// has given a task away, and then it stays as long as the core.
    body: Mutex<Option<Arc<dyn Any + Send + Sync>>>,
    outside: CachePadded<Mutex<Outside>>,
    pub(super) outside_counters: Block,
}

/// What others may touch of one worker.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) parker: Parker,
    /// How many rounds of its loop the worker has made: who watches sees whether it is still in the
    /// same poll. Written by the worker alone.
    pub(super) tick: AtomicU32,
    /// Tasks that only this worker may run, scheduled by others.
    pub(super) inbox: Injector,
    pub(super) counters: Block,
}

/// The memory of threads that are not workers.
#[derive(Debug)]
struct Outside {
    cache: Cache,
    /// Tasks spawned: counted here, where the lock is taken anyway.
    spawned: u64,
    /// After shutdown: tasks whose memory is not freed yet.
    remaining: Option<i64>,
}

impl<S: Scheduler> Core<S> {
    /// A core for the workers that `config` asks for, and the local part of each.
    pub(super) fn new(
        name: &'static str,
        config: &Config,
        reactor: Reactor,
        body: Arc<dyn Any + Send + Sync>,
    ) -> (Arc<Self>, Vec<S::Local>) {
        let workers = config.workers;
        let (policy, locals) = S::new(workers);
        assert_eq!(
            locals.len(),
            workers,
            "policy of {name} must make one local part for each worker"
        );
        let shared = || Shared {
            parker: Parker::new(),
            tick: AtomicU32::new(0),
            inbox: Injector::new(),
            counters: Block::new(),
        };
        let core = Arc::new(Self {
            name,
            tasks: Cell::new(ptr::null()),
            policy: UnsafeCell::new(ManuallyDrop::new(policy)),
            gate: Gate::new(),
            sleep: Sleep::new(workers),
            seen: (0..workers).map(|_| AtomicU32::new(0)).collect(),
            pace: Pace::new(),
            crowded: std::thread::available_parallelism().is_ok_and(|n| n.get() == 1),
            workers: (0..workers).map(|_| CachePadded::new(shared())).collect(),
            stopping: AtomicBool::new(false),
            slice: config.slice,
            reactor,
            depot: Depot::new(),
            body: Mutex::new(Some(body)),
            outside: CachePadded::new(Mutex::new(Outside {
                cache: Cache::new(),
                spawned: 0,
                remaining: None,
            })),
            outside_counters: Block::new(),
        });
        // Given back by `release_tasks`.
        core.tasks.set(Arc::into_raw(core.clone()));
        (core, locals)
    }

    /// The policy. Only for workers, and for others inside the gate.
    #[inline]
    pub(super) fn policy(&self) -> &S {
        // SAFETY: it changes only when shutdown drops it, after the last worker and the last caller
        // from outside.
        unsafe { &*self.policy.get() }
    }

    /// The worker of this core that the calling thread is.
    #[inline]
    pub(super) fn here(&self) -> Option<&Worker<S>> {
        self.here_if(|context, core| context.is_of(core) || context.is_of_sliced(core))
    }

    /// The same, for code that takes no precautions against being preempted: nobody, if the
    /// worker's tasks may be. Who finds nobody takes a [`guard`] and asks [`here`](Self::here), so
    /// that precautions cost nothing where they are not needed.
    #[inline]
    fn at_home(&self) -> Option<&Worker<S>> {
        self.here_if(context::Context::is_of)
    }

    #[inline]
    fn here_if(
        &self,
        is_of: impl FnOnce(&context::Context, *const ()) -> bool,
    ) -> Option<&Worker<S>> {
        let current = context::current();
        // SAFETY: a context that is set points to a worker that runs on this thread and outlives
        // the call.
        if !is_of(unsafe { current.as_ref() }?, ptr::from_ref(self).cast()) {
            return None;
        }
        // SAFETY: every context is the head of a `Worker<S>` of its own core, and the core is this
        // one.
        Some(unsafe { &*current.cast::<Worker<S>>() })
    }

    /// Makes a task and queues it. The handle of a task that is refused says cancelled.
    ///
    /// # Safety
    /// A future that is not `Send`, or whose output is not, is spawned only on the thread that
    /// runs, cancels and joins it: the caller's own for a runtime that runs there, or worker
    /// `pinned - 1`.
    #[inline]
    pub(super) unsafe fn spawn<F: Future>(&self, future: F, pinned: u32) -> JoinHandle<F::Output> {
        // A worker drops the tasks pinned to it when it stops; later ones would have nobody to drop
        // them.
        if pinned != 0 && self.gate.is_closed() {
            return JoinHandle::refused();
        }
        match self.at_home() {
            // SAFETY: the caller's.
            Some(worker) => unsafe { self.spawn_here(worker, future, pinned) },
            // SAFETY: the caller's.
            None => unsafe { self.spawn_guarded(future, pinned) },
        }
    }

    /// On a worker.
    ///
    /// # Safety
    /// As for [`spawn`](Self::spawn).
    #[inline]
    unsafe fn spawn_here<F: Future>(
        &self,
        worker: &Worker<S>,
        future: F,
        pinned: u32,
    ) -> JoinHandle<F::Output> {
        worker.count(Counter::Spawned, 1);
        // SAFETY: the core outlives its tasks; the rest is the caller's promise.
        let (runnable, header) = unsafe { task::spawn(self, future, pinned) };
        worker.schedule(runnable, Cause::Spawned);
        // SAFETY: the task's handle, which nobody else has; its output is the future's.
        unsafe { JoinHandle::from_raw(header) }
    }

    /// On a worker whose tasks may be preempted, or from outside, where another runtime's may be.
    ///
    /// # Safety
    /// As for [`spawn`](Self::spawn).
    unsafe fn spawn_guarded<F: Future>(&self, future: F, pinned: u32) -> JoinHandle<F::Output> {
        let _closed = guard();
        if let Some(worker) = self.here() {
            // SAFETY: the caller's.
            return unsafe { self.spawn_here(worker, future, pinned) };
        }
        let Some(inside) = self.gate.enter() else {
            drop(future);
            return JoinHandle::refused();
        };
        // SAFETY: as above.
        let (runnable, header) = unsafe { task::spawn(self, future, pinned) };
        self.push_outside(runnable, Cause::Spawned);
        drop(inside);
        // SAFETY: as above.
        unsafe { JoinHandle::from_raw(header) }
    }

    /// Queues a task from a thread that is no worker. The caller is inside the gate, which counts
    /// it.
    pub(super) fn push_outside(&self, task: Runnable, cause: Cause) {
        if let Some(worker) = task.pinned() {
            return self.push_pinned(worker, task);
        }
        let notify = self.policy().schedule(Caller::Remote, task, cause);
        self.notify(notify, None);
    }

    /// Queues a task for the one worker that may run it.
    pub(super) fn push_pinned(&self, worker: usize, task: Runnable) {
        self.workers[worker].inbox.push(task);
        self.notify(Notify::Worker(worker), None);
    }

    /// Wakes whom the policy named for a push, by a worker or from outside.
    #[inline]
    pub(super) fn notify(&self, notify: Notify, by: Option<&Worker<S>>) {
        let reach = if by.is_some() { Reach::Sleepers } else { Reach::Nappers };
        self.sleep.notify(notify, reach, |worker| self.unpark_by(worker, by));
    }

    /// As [`unpark`](Self::unpark), and counts it.
    pub(super) fn unpark_by(&self, worker: usize, by: Option<&Worker<S>>) {
        match by {
            Some(by) => by.count(Counter::Unparks, 1),
            None => self.count_outside(Counter::Unparks),
        }
        self.unpark(worker);
    }

    /// Counts what a thread did that is no worker.
    #[inline]
    fn count_outside(&self, counter: Counter) {
        if S::COUNTED {
            self.outside_counters.add_shared(counter, 1);
        }
    }

    /// Interrupts a worker's sleep, now or the next one.
    pub(super) fn unpark(&self, worker: usize) {
        self.workers[worker].parker.unpark(|| self.reactor.handle().notify());
    }

    pub(super) fn reactor(&self) -> &reactor::Handle {
        self.reactor.handle()
    }

    /// What the counters read now: workers first, other threads last.
    pub(super) fn snapshot(&self) -> Snapshot {
        if !S::COUNTED {
            return Snapshot::default();
        }
        let mut snapshot =
            Snapshot::of(self.workers.iter().map(|w| &w.counters).chain([&self.outside_counters]));
        // These two are counted on the way in.
        snapshot.add_to_last(Counter::Spawned, self.outside.lock().spawned);
        snapshot.add_to_last(Counter::ScheduledRemote, self.gate.entered());
        snapshot
    }

    /// Refuses everything from outside from now on, and asks the workers to stop.
    pub(super) fn begin_shutdown(&self) {
        self.gate.close();
        // Release pairs with the Acquire load of each worker's loop.
        self.stopping.store(true, Ordering::Release);
        (0..self.workers.len()).for_each(|worker| self.unpark(worker));
    }

    /// Drops every future that is left, and the policy. Afterwards no task is idle, and none is due
    /// but those whose [`Runnable`] a policy has put somewhere else: they end when that is dropped,
    /// wherever it is.
    ///
    /// # Safety
    /// Called once, after [`begin_shutdown`](Self::begin_shutdown), with all workers stopped and
    /// given up, on a thread where the remaining futures may be dropped.
    pub(super) unsafe fn finish_shutdown(&self, workers: Vec<Box<Worker<S>>>) {
        // Dropping the queues cancels the tasks in them.
        let mut live: i64 = workers.into_iter().map(|worker| worker.dismiss()).sum();
        // SAFETY: dropped once; the closed gate and the stopped workers mean that nobody uses it
        // any more.
        unsafe { ManuallyDrop::drop(&mut *self.policy.get()) };
        // SAFETY: no worker runs any more.
        unsafe { self.cancel_remaining(None) };
        // No task becomes due any more, so once there is none, no future is left either.
        if !self.depot.any(Self::is_due) {
            drop(self.body.lock().take());
        }
        self.reactor.shutdown();
        let mut outside = self.outside.lock();
        live += outside.cache.live;
        outside.remaining = Some(live);
        drop(outside);
        if live == 0 {
            // SAFETY: the count has just reached zero, which it does once.
            unsafe { Self::release_tasks(self.tasks.get()) };
        }
    }

    /// Whether a `Runnable` of `task` exists, or somebody is about to drop its future.
    fn is_due(task: NonNull<Header>) -> bool {
        // SAFETY: the pool calls this only with memory that stays for the duration.
        unsafe { (*task.as_ptr()).state.is_due() }
    }

    /// Cancels the idle tasks that are pinned to `pinned`, or all idle ones. A task that is due
    /// belongs to its `Runnable`.
    ///
    /// # Safety
    /// The engine is closed, so that no idle task becomes due, no new ones come, and the calling
    /// thread may drop those concerned.
    pub(super) unsafe fn cancel_remaining(&self, pinned: Option<usize>) {
        // SAFETY: the pool calls this only with memory that stays for the duration; `pinned` is
        // written when a task is made, before its state says that it is one.
        let claim = |task: NonNull<Header>| unsafe {
            let task = task.as_ptr();
            let state = &(*task).state;
            !state.is_free() && (pinned.is_none() || (*task).pinned() == pinned) && state.claim()
        };
        for task in self.depot.claim(claim) {
            // SAFETY: claimed, so RUNNING for this thread.
            unsafe { task::cancel_raw(task) };
        }
    }

    /// Gives back the reference that the tasks hold together.
    ///
    /// # Safety
    /// All tasks are freed; called once.
    unsafe fn release_tasks(core: *const Self) {
        // SAFETY: balances the `into_raw` in `new`.
        unsafe { Arc::decrement_strong_count(core) };
    }
}

// SAFETY: the policy is `Send + Sync`; everything else is shared through atomics and locks.
unsafe impl<S: Scheduler> Send for Core<S> {}
// SAFETY: as above.
unsafe impl<S: Scheduler> Sync for Core<S> {}

impl<S: Scheduler> Home for Core<S> {
    #[inline]
    fn address(&self) -> *const Self {
        self.tasks.get()
    }

    #[inline]
    fn requeue(&self, task: Runnable) {
        match self.at_home() {
            Some(worker) => worker.schedule(task, Cause::Yielded),
            None => self.requeue_guarded(task),
        }
    }

    #[inline]
    unsafe fn admit(home: *const Self, decide: impl FnOnce() -> Option<Runnable>) -> bool {
        // SAFETY: the caller keeps it alive until `decide` is called, and this worker from then on.
        if let Some(worker) = unsafe { &*home }.at_home() {
            if let Some(task) = decide() {
                worker.schedule(task, Cause::Woken);
            }
            return true;
        }
        // SAFETY: the caller's.
        unsafe { Self::admit_guarded(home, decide) }
    }

    #[inline]
    fn begin_poll(task: NonNull<Header>) {
        context::begin_poll(task);
    }

    #[inline]
    fn yields(task: NonNull<Header>) -> bool {
        context::yields(task)
    }

    #[inline]
    fn end_poll() -> bool {
        context::end_poll()
    }

    #[inline]
    fn allocate(&self, size: Size) -> NonNull<Header> {
        // Called by `spawn`, which has taken precautions.
        match self.at_home().or_else(|| self.here()) {
            Some(worker) => worker.allocate(size),
            None => {
                let mut outside = self.outside.lock();
                outside.spawned += 1;
                outside.cache.allocate(size, &self.depot)
            }
        }
    }

    #[inline]
    unsafe fn free(home: *const Self, memory: NonNull<Header>, size: Size) {
        // SAFETY: the task keeps the core alive until its memory is counted as freed.
        let core = unsafe { &*home };
        if let Some(worker) = core.at_home() {
            // SAFETY: as the caller promises.
            return unsafe { worker.free(memory, size) };
        }
        let _closed = guard();
        if let Some(worker) = core.here() {
            // SAFETY: as the caller promises.
            return unsafe { worker.free(memory, size) };
        }
        // Another thread may free the last task, and with it the core, while this one is on its way
        // out of the lock: it holds a reference of its own until then.
        // SAFETY: `home` is where an `Arc` keeps the core, which the task keeps alive up to here.
        let core = unsafe {
            Arc::increment_strong_count(home);
            Arc::from_raw(home)
        };
        // SAFETY: as the caller promises.
        if unsafe { core.free_outside(memory, size) } {
            // SAFETY: the count has just reached zero, which it does once.
            unsafe { Self::release_tasks(home) };
        }
    }

    #[inline]
    fn ended(&self, how: End) {
        let counter = match how {
            End::Completed => Counter::Completed,
            End::Cancelled => Counter::Cancelled,
        };
        match self.at_home().or_else(|| self.here()) {
            Some(worker) => worker.count(counter, 1),
            None => self.count_outside(counter),
        }
    }
}

// Where precautions are taken: on workers that slice, and from outside. Not inlined into the paths
// of those at home.
impl<S: Scheduler> Core<S> {
    #[inline(never)]
    fn requeue_guarded(&self, task: Runnable) {
        let _closed = guard();
        match self.here() {
            Some(worker) => worker.schedule(task, Cause::Yielded),
            // Tasks are polled by workers of their own runtime only.
            None => drop(task),
        }
    }

    /// # Safety
    /// As for [`Home::admit`].
    #[inline(never)]
    unsafe fn admit_guarded(home: *const Self, decide: impl FnOnce() -> Option<Runnable>) -> bool {
        let _closed = guard();
        // Not an argument: the core may be gone by the time that this returns.
        // SAFETY: alive until `decide` is called, and as long as a worker runs or somebody is
        // inside the gate.
        let core = unsafe { &*home };
        if let Some(worker) = core.here() {
            if let Some(task) = decide() {
                worker.schedule(task, Cause::Woken);
            }
            return true;
        }
        let Some(inside) = core.gate.enter() else { return false };
        match decide() {
            Some(task) => core.push_outside(task, Cause::Woken),
            None => inside.leave_uncounted(),
        }
        true
    }
}

impl<S: Scheduler> Core<S> {
    /// Frees on a thread that is no worker. True: that was the last task after shutdown.
    ///
    /// # Safety
    /// As for [`Home::free`].
    unsafe fn free_outside(&self, memory: NonNull<Header>, size: Size) -> bool {
        let mut outside = self.outside.lock();
        // SAFETY: as the caller promises.
        unsafe { outside.cache.free(memory, size, &self.depot) };
        match &mut outside.remaining {
            None => false,
            Some(remaining) => {
                *remaining -= 1;
                *remaining == 0
            }
        }
    }
}
