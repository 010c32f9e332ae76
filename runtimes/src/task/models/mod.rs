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
use crate::sync::explore;
use crate::sync::gate::Gate;

mod shutdown;
mod word;

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

fn wake(waker: Waker, by_value: bool) {
    if by_value { waker.wake() } else { waker.wake_by_ref() }
}
