//! Models of the task cell that loom explores in every interleaving and memory order.
//!
//! They run the real cell, wakers and join handle on a [`Desk`] in place of an engine. The future
//! and what it leaves are watched by loom: two threads in the future at once, or one that does not
//! see what the other left there, fail the model, and so does an access to a task whose memory was
//! freed.

use std::cell::Cell;
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicBool, AtomicUsize as Count, Ordering::Relaxed as Counted};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use loom::cell::UnsafeCell;
use loom::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use loom::thread;

use super::{End, Header, Home, JoinError, JoinHandle, Runnable, Size, cancel_raw, spawn};
use crate::engine::Gate;
use crate::sync::explore;

/// Preemptions to explore: 3 find every mutation that the models name, and take seconds.
const PREEMPTIONS: usize = 3;

/// The engine's part: a queue, memory, and books. Its locks are the standard library's, which loom
/// does not see: they order nothing in the model, so that all ordering must come from the state
/// word.
#[derive(Default)]
pub(crate) struct Desk {
    queue: Mutex<VecDeque<Runnable>>,
    memory: Mutex<Vec<(NonNull<Header>, Size)>>,
    freed: Mutex<Vec<NonNull<Header>>>,
    closed: AtomicBool,
    /// The way in, in models of what comes while it is closed. Without it nothing but the state
    /// word orders anything.
    gate: Option<Gate>,
    completed: Count,
    cancelled: Count,
}

// SAFETY: the pointers are only used as the tasks' protocol allows, which is what the models check.
unsafe impl Send for Desk {}
// SAFETY: as above.
unsafe impl Sync for Desk {}

loom::thread_local! {
    /// As the engine's context: what this thread polls, until it wakes itself.
    static POLLED: Cell<*const Header> = Cell::new(ptr::null());
}

impl Home for Desk {
    fn address(&self) -> *const Self {
        self
    }

    fn requeue(&self, task: Runnable) {
        let mut queue = self.queue.lock().unwrap();
        queue.push_back(task);
        assert!(queue.len() <= self.memory.lock().unwrap().len(), "a task is queued twice");
    }

    unsafe fn admit(home: *const Self, decide: impl FnOnce() -> Option<Runnable>) -> bool {
        // SAFETY: every model keeps its desk until the end.
        let desk = unsafe { &*home };
        let inside = desk.gate.as_ref().map(Gate::enter);
        if desk.closed.load(Counted) || matches!(inside, Some(None)) {
            return false;
        }
        if let Some(task) = decide() {
            desk.requeue(task);
        }
        true
    }

    fn begin_poll(task: NonNull<Header>) {
        POLLED.with(|polled| polled.set(task.as_ptr()));
    }

    fn yields(task: NonNull<Header>) -> bool {
        POLLED.with(|polled| {
            let own = ptr::eq(polled.get(), task.as_ptr());
            if own {
                polled.set(ptr::null());
            }
            own
        })
    }

    fn end_poll() -> bool {
        POLLED.with(|polled| polled.replace(ptr::null()).is_null())
    }

    fn allocate(&self, size: Size) -> NonNull<Header> {
        // SAFETY: a task has a header, so the layout is not empty.
        let memory =
            NonNull::new(unsafe { std::alloc::alloc_zeroed(size.layout()) }).unwrap().cast();
        self.memory.lock().unwrap().push((memory, size));
        memory
    }

    unsafe fn free(home: *const Self, mut memory: NonNull<Header>, _: Size) {
        // SAFETY: every model keeps its desk until the end.
        let desk = unsafe { &*home };
        let mut freed = desk.freed.lock().unwrap();
        assert!(!freed.contains(&memory), "freed twice");
        freed.push(memory);
        if desk.closed.load(Counted) || desk.gate.is_some() {
            // A walk at shutdown may look at the word of a free slot.
            // SAFETY: the desk keeps all memory until the end.
            unsafe { memory.as_ref() }.state.mark_free();
        } else {
            // SAFETY: as above; loom checks that the reference is exclusive.
            unsafe { memory.as_mut() }.state.retire();
        }
    }

    fn ended(&self, how: End) {
        match how {
            End::Completed => &self.completed,
            End::Cancelled => &self.cancelled,
        }
        .fetch_add(1, Counted);
    }
}

impl Drop for Desk {
    fn drop(&mut self) {
        for (memory, size) in self.memory.get_mut().unwrap().drain(..) {
            // SAFETY: from `allocate`, with the same layout.
            unsafe { std::alloc::dealloc(memory.as_ptr().cast(), size.layout()) };
        }
    }
}

impl Desk {
    pub(crate) fn spawn<F: Future>(&self, future: F) -> (Runnable, JoinHandle<F::Output>) {
        // SAFETY: the desk outlives the model's tasks. Loom's threads share one real thread.
        unsafe {
            let (runnable, header) = spawn(self, future, 0);
            (runnable, JoinHandle::from_raw(header))
        }
    }

    /// Runs what is queued now and what becomes of it.
    fn run(&self) {
        loop {
            let Some(task) = self.queue.lock().unwrap().pop_front() else { return };
            task.run();
        }
    }

    /// Closes while others may be on their way in, and does what shutdown does then.
    fn shut_down(&self) {
        self.gate.as_ref().expect("made with a gate").close();
        let queue = std::mem::take(&mut *self.queue.lock().unwrap());
        drop(queue);
        self.walk();
    }

    /// What shutdown does when no queue accepts tasks any more.
    fn walk(&self) {
        let memory: Vec<_> =
            self.memory.lock().unwrap().iter().map(|&(memory, _)| memory).collect();
        for task in memory {
            // SAFETY: the desk keeps all memory.
            let state = unsafe { &task.as_ref().state };
            if !state.is_free() && state.claim() {
                // SAFETY: claimed.
                unsafe { cancel_raw(task) };
            }
        }
    }

    /// At the end: every task came to one end and its memory was freed.
    pub(crate) fn check(&self) {
        assert!(self.queue.lock().unwrap().is_empty());
        let tasks = self.memory.lock().unwrap().len();
        assert_eq!(self.completed.load(Counted) + self.cancelled.load(Counted), tasks, "ends");
        assert_eq!(self.freed.lock().unwrap().len(), tasks, "freed tasks");
        for &(task, _) in &*self.memory.lock().unwrap() {
            // SAFETY: the desk keeps all memory.
            assert!(unsafe { task.as_ref() }.state.is_free(), "a freed task was written to");
        }
    }
}

/// A value that one thread at a time may touch, and each must see what the last one did.
#[derive(Default)]
struct Watched(UnsafeCell<usize>, Arc<Count>);

impl Watched {
    fn new(drops: &Arc<Count>) -> Self {
        Self(UnsafeCell::new(0), drops.clone())
    }

    fn touch(&self) {
        // SAFETY: loom checks it.
        self.0.with_mut(|value| unsafe { *value += 1 });
    }
}

impl Drop for Watched {
    fn drop(&mut self) {
        self.touch();
        self.1.fetch_add(1, Counted);
    }
}

/// Is ready once the events are there, with an output that is watched. They are relaxed: only the
/// wakes order them.
struct Waits {
    events: Arc<AtomicUsize>,
    needed: usize,
    /// Polls that end with a wake of its own: it gives way.
    yields: usize,
    /// Where its waker goes at the first poll.
    give: Option<Arc<Mutex<Option<Waker>>>>,
    inside: Watched,
    drops: Arc<Count>,
}

impl Future for Waits {
    type Output = Watched;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Watched> {
        self.inside.touch();
        if self.events.load(Relaxed) == self.needed {
            return Poll::Ready(Watched::new(&self.drops));
        }
        if let Some(give) = self.give.take() {
            *give.lock().unwrap() = Some(cx.waker().clone());
        }
        if let Some(left) = self.yields.checked_sub(1) {
            self.yields = left;
            cx.waker().wake_by_ref();
        }
        Poll::Pending
    }
}

/// One task that has been polled once and waits, its handle, and a waker of it.
struct Waiting {
    desk: Arc<Desk>,
    events: Arc<AtomicUsize>,
    waker: Waker,
    handle: JoinHandle<Watched>,
    /// Futures and outputs that were dropped.
    futures: Arc<Count>,
    outputs: Arc<Count>,
}

impl Waiting {
    /// For a task that is ready after `needed` events.
    fn new(needed: usize) -> Self {
        Self::yielding(needed, 0)
    }

    /// For one that gave way in its first poll, and will in the next `yields - 1`: it lies in the
    /// queue.
    fn yielding(needed: usize, yields: usize) -> Self {
        Self::at(Desk::default(), needed, yields)
    }

    /// For one whose desk closes meanwhile.
    fn behind_a_gate() -> Self {
        let mut desk = Desk::default();
        desk.gate = Some(Gate::new());
        Self::at(desk, 1, 0)
    }

    fn at(desk: Desk, needed: usize, yields: usize) -> Self {
        let (desk, events, seen) =
            (Arc::new(desk), Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(None)));
        let (futures, outputs) = (Arc::new(Count::new(0)), Arc::new(Count::new(0)));
        let (give, inside, drops) = (Some(seen.clone()), Watched::new(&futures), outputs.clone());
        let future = Waits { events: events.clone(), needed, yields, give, inside, drops };
        let (runnable, handle) = desk.spawn(future);
        runnable.run();
        let waker = seen.lock().unwrap().take().unwrap();
        Self { desk, events, waker, handle, futures, outputs }
    }
}

/// An awaiter's waker: counts wakes and drops, and must be seen whole by whoever wakes it.
struct Awaiter {
    inside: UnsafeCell<usize>,
    wakes: Count,
}

// SAFETY: the cell is written before it is shared; loom checks that.
unsafe impl Sync for Awaiter {}

impl Awaiter {
    fn new() -> Arc<Self> {
        // Written by the thread that registers it.
        let inside = UnsafeCell::new(0);
        // SAFETY: nobody else has it yet.
        inside.with_mut(|value| unsafe { *value = 1 });
        Arc::new(Self { inside, wakes: Count::new(0) })
    }

    fn woken(&self) -> bool {
        self.wakes.load(Counted) > 0
    }
}

impl Wake for Awaiter {
    fn wake(self: Arc<Self>) {
        // SAFETY: written once, before it was registered; loom checks that this was before.
        self.inside.with(|value| assert_eq!(unsafe { *value }, 1));
        assert_eq!(self.wakes.fetch_add(1, Counted), 0, "woken twice");
    }
}

fn poll<T>(handle: &mut JoinHandle<T>, awaiter: &Arc<Awaiter>) -> Poll<Result<T, JoinError>> {
    let waker = Waker::from(awaiter.clone());
    Pin::new(handle).poll(&mut Context::from_waker(&waker))
}

/// Awaits a handle after everything that could wake it is over.
fn join<T>(mut handle: JoinHandle<T>) -> Result<T, JoinError> {
    match poll(&mut handle, &Awaiter::new()) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("the task was not run to its end"),
    }
}

/// A wake that comes while the task is polled leads to another poll, which sees what the waker did
/// before.
///
/// Fails when `suspend` forgets SCHEDULED, and when `wake` or `suspend` is Relaxed.
#[test]
fn a_wake_during_a_poll_is_not_lost() {
    for by_value in [true, false] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, .. } = Waiting::new(1);
            waker.wake_by_ref();
            let foreign = thread::spawn(move || {
                events.fetch_add(1, Relaxed);
                wake(waker, by_value);
            });
            desk.run();
            foreign.join().unwrap();
            desk.run();
            drop(join(handle).unwrap());
            desk.check();
        });
    }
}

fn wake(waker: Waker, by_value: bool) {
    if by_value { waker.wake() } else { waker.wake_by_ref() }
}

/// Two threads wake a task and run it: it is queued once, polled by one of them at a time, after
/// both wakes, and freed once.
///
/// Fails when `wake` queues a RUNNING or SCHEDULED task.
#[test]
fn two_wakers_schedule_once() {
    for by_value in [[true, true], [true, false], [false, false]] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, futures, outputs } = Waiting::new(2);
            let threads = by_value.map(|by_value| {
                let (desk, events, waker) = (desk.clone(), events.clone(), waker.clone());
                thread::spawn(move || {
                    events.fetch_add(1, Relaxed);
                    wake(waker, by_value);
                    desk.run();
                })
            });
            drop(waker);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            desk.run();
            drop(join(handle).unwrap());
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            desk.check();
        });
    }
}

/// A task that gave way lies in its queue without a step on its word. A wake that comes there, or
/// in the poll that follows and gives way again, is answered by a poll that sees what the waker did
/// before.
///
/// Fails when `start` forgets the wake that it found without looking (Relaxed), or forgets one that
/// it did not find.
#[test]
fn a_task_that_gives_way_hears_wakes() {
    for yields in [1, 2] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, futures, outputs } =
                Waiting::yielding(1, yields);
            let foreign = thread::spawn(move || {
                events.fetch_add(1, Relaxed);
                waker.wake();
            });
            desk.run();
            foreign.join().unwrap();
            desk.run();
            drop(join(handle).unwrap());
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            desk.check();
        });
    }
}

/// An abort that comes while it lies there is heard before the next poll: a task that always gives
/// way has no other moment for it.
///
/// Fails when `start` overlooks that.
#[test]
fn a_task_that_gives_way_hears_an_abort() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, handle, futures, .. } = Waiting::yielding(1, 2);
        let waking = thread::spawn(move || waker.wake());
        handle.abort();
        // It would be ready if it were polled.
        events.fetch_add(1, Relaxed);
        desk.run();
        waking.join().unwrap();
        assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}

/// A task that ends when nobody else refers to it any more is freed by its runner alone, after
/// whoever referred to it last.
///
/// Fails when `complete` looks with Relaxed, and when dropping the handle is.
#[test]
fn a_runner_that_is_alone_frees() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, handle, futures, outputs } = Waiting::yielding(1, 1);
        let droppers = thread::spawn(move || {
            events.fetch_add(1, Relaxed);
            waker.wake();
            drop(handle);
        });
        desk.run();
        droppers.join().unwrap();
        desk.run();
        assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
        desk.check();
    });
}

/// A task that is due and will be ready, run by another thread.
fn run_elsewhere(desk: &Arc<Desk>, events: &AtomicUsize, waker: Waker) -> thread::JoinHandle<()> {
    events.fetch_add(1, Relaxed);
    waker.wake();
    let desk = desk.clone();
    thread::spawn(move || desk.run())
}

/// The handle gets the output, and the awaiter that it left last is woken once.
///
/// Fails when `offer_slot` or `complete` is Relaxed, when `complete` overlooks AWAITER, and when
/// `poll` does not look at the result of `offer_slot` or of `reclaim_slot`.
#[test]
fn a_completion_wakes_the_awaiter() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, mut handle, outputs, .. } = Waiting::new(1);
        let runner = run_elsewhere(&desk, &events, waker);
        let (first, second) = (Awaiter::new(), Awaiter::new());
        if let Poll::Ready(output) = poll(&mut handle, &first) {
            drop(output.unwrap());
            runner.join().unwrap();
        } else if let Poll::Ready(output) = poll(&mut handle, &second) {
            drop(output.unwrap());
            runner.join().unwrap();
        } else {
            runner.join().unwrap();
            assert!(second.woken(), "a lost wake");
            drop(join(handle).unwrap());
            handle = JoinHandle::refused();
        }
        drop(handle);
        assert_eq!(outputs.load(Counted), 1);
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&second)),
            (1, 1),
            "an awaiter's waker leaked"
        );
        desk.check();
    });
}

/// A handle that is dropped, awaited before or not, while the task completes: the output is dropped
/// once, and so is the awaiter's waker.
///
/// Fails when `complete` does not look at HANDLE again, when `settle` does not end RUNNING, and
/// when dropping the handle does not take the slot back.
#[test]
fn a_handle_dropped_at_the_end_leaves_nothing() {
    for awaited in [false, true] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, mut handle, futures, outputs } = Waiting::new(1);
            let awaiter = Awaiter::new();
            if awaited {
                assert!(poll(&mut handle, &awaiter).is_pending());
            }
            let runner = run_elsewhere(&desk, &events, waker);
            drop(handle);
            runner.join().unwrap();
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            assert_eq!(Arc::strong_count(&awaiter), 1);
            desk.check();
        });
    }
}

/// When the last waker and the handle go, in any order, also while the task is polled, its future
/// is dropped.
///
/// Fails when `suspend`, `drop_waker` or `drop_handle` does not look whether it left the task
/// unreachable.
#[test]
fn an_unreachable_task_is_reaped() {
    for polled in [false, true] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, mut handle, futures, .. } = Waiting::new(1);
            let awaiter = Awaiter::new();
            assert!(poll(&mut handle, &awaiter).is_pending());
            let runner = polled.then(|| {
                waker.wake_by_ref();
                let desk = desk.clone();
                thread::spawn(move || desk.run())
            });
            let dropper = thread::spawn(move || drop(waker));
            drop(handle);
            dropper.join().unwrap();
            runner.into_iter().for_each(|runner| runner.join().unwrap());
            desk.run();
            assert_eq!((futures.load(Counted), desk.cancelled.load(Counted)), (1, 1));
            assert!(!awaiter.woken() && Arc::strong_count(&awaiter) == 1, "nobody awaits it");
            desk.check();
        });
    }
}

/// The last of the wakers of a completed task frees it, after everybody else is done with it.
///
/// Fails when `drop_waker` or `wake_by_value` is Relaxed, and when a wake by value that comes last
/// does not free.
#[test]
fn the_last_waker_frees() {
    explore(PREEMPTIONS, || the_last_waker_frees_with(drop, drop));
    explore(PREEMPTIONS, || the_last_waker_frees_with(Waker::wake, drop));
    explore(PREEMPTIONS, || the_last_waker_frees_with(Waker::wake, Waker::wake));
}

fn the_last_waker_frees_with(one: fn(Waker), another: fn(Waker)) {
    let Waiting { desk, events, waker, handle, .. } = Waiting::new(1);
    events.fetch_add(1, Relaxed);
    waker.wake_by_ref();
    desk.run();
    drop(join(handle).unwrap());
    let other = waker.clone();
    let dropper = thread::spawn(move || one(other));
    another(waker);
    dropper.join().unwrap();
    desk.check();
}

/// An abort takes effect, whatever the task does meanwhile, and whoever else wakes it.
///
/// Fails when `cancel` does not schedule, and when `start` overlooks CANCELLED.
#[test]
fn an_abort_takes_effect() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, waker, handle, futures, .. } = Waiting::new(1);
        let other = desk.clone();
        let foreign = thread::spawn(move || {
            waker.wake();
            other.run();
        });
        handle.abort();
        desk.run();
        foreign.join().unwrap();
        desk.run();
        assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}

/// What a thread may do with a waker or a handle after the engine has closed, against the walk that
/// claims the remaining tasks: each ends once and is freed once.
///
/// Fails when who drops the last reference leaves a word of zero, which looks like a free slot, and
/// when `claim` is not one step.
#[test]
fn a_walk_at_shutdown_claims_once() {
    let close = |task: &Waiting| task.desk.closed.store(true, Counted);
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, handle, futures, .. } = task;
        let (waking, aborting) =
            (thread::spawn(move || waker.wake()), thread::spawn(move || handle.abort()));
        desk.walk();
        waking.join().unwrap();
        aborting.join().unwrap();
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, handle, futures, .. } = task;
        let droppers = (thread::spawn(move || drop(waker)), thread::spawn(move || drop(handle)));
        desk.walk();
        droppers.0.join().unwrap();
        droppers.1.join().unwrap();
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, mut handle, .. } = task;
        drop(waker);
        let walker = thread::spawn({
            let desk = desk.clone();
            move || desk.walk()
        });
        let awaiter = Awaiter::new();
        let first = poll(&mut handle, &awaiter);
        walker.join().unwrap();
        if first.is_pending() {
            assert!(awaiter.woken(), "a lost wake");
            assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        } else {
            drop(handle);
        }
        desk.check();
    });
}

/// The same while it closes: what others do comes before, and is cancelled with the queue, or does
/// not come at all.
///
/// Fails when a task is made due outside the gate.
#[test]
fn a_shutdown_meets_wakes_and_drops() {
    for by_value in [true, false] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, handle, futures, .. } = Waiting::behind_a_gate();
            let waking = thread::spawn(move || wake(waker, by_value));
            let dropping = thread::spawn(move || drop(handle));
            desk.shut_down();
            waking.join().unwrap();
            dropping.join().unwrap();
            assert_eq!(futures.load(Counted), 1);
            desk.check();
        });
    }
    explore(PREEMPTIONS, || {
        let Waiting { desk, waker, handle, futures, .. } = Waiting::behind_a_gate();
        let dropping = thread::spawn(move || drop(waker));
        let aborting = thread::spawn(move || {
            handle.abort();
            handle
        });
        desk.shut_down();
        dropping.join().unwrap();
        assert!(matches!(join(aborting.join().unwrap()), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}

/// A policy has put a task that is due where the engine does not know of it, and drops it while the
/// engine ends or afterwards: it belongs to its `Runnable` alone.
///
/// Fails when `claim` takes a task that is due.
#[test]
fn a_walk_leaves_what_is_due() {
    for (yields, later) in [(0, true), (0, false), (1, true), (1, false)] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, handle, futures, .. } = Waiting::yielding(1, yields);
            waker.wake_by_ref();
            drop(waker);
            let kept = desk.queue.lock().unwrap().pop_front().unwrap();
            desk.closed.store(true, Counted);
            let (now, later) = if later { (None, Some(kept)) } else { (Some(kept), None) };
            let dropper = thread::spawn(move || drop(now));
            drop(handle);
            desk.walk();
            dropper.join().unwrap();
            drop(later);
            assert_eq!((futures.load(Counted), desk.cancelled.load(Counted)), (1, 1));
            desk.check();
        });
    }
}
