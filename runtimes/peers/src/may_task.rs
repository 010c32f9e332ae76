//! A future in one of may's coroutines: the loop that polls it, its waker, its join handle.
//!
//! The coroutine owns the future and polls it. Pending: it parks until the waker unparks it, or
//! yields when it was woken during the poll. One allocation, [`Task`], is shared by the coroutine,
//! its wakers, the handle and the runtime's list.
//!
//! One fault of may's is kept away from. When an unpark comes while a coroutine is parking,
//! `Park::subscribe` resumes it on the spot, from inside the parking. If the coroutine then ends
//! and holds the last handle to itself, dropping that waits for ever for the parking to end, below
//! on the same stack. So a coroutine that has parked leaves a handle behind ([`outlive`]).

use std::cell::{Cell, RefCell};
use std::ffi::CString;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU8, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread;

use may::coroutine::{self, Coroutine};

use crate::live_tasks::Abort;
use runtimes::budget;
use runtimes::stackful::Cancelled;
use runtimes::{Join, JoinError, Suspend};

/// The coroutine runs, or will by itself: nobody needs to unpark it. Its next poll sees what is
/// published now.
const RUNNING: u8 = 0;
/// It is parked, or about to: the next wake must unpark it.
const IDLE: u8 = 1;
/// It was woken since its last poll began.
const WOKEN: u8 = 2;

/// What a task's coroutine shares with everybody else.
#[derive(Debug)]
pub(super) struct Task<T> {
    state: AtomicU8,
    aborted: AtomicBool,
    /// Set before `state` becomes `IDLE` for the first time.
    coroutine: OnceLock<Coroutine>,
    outcome: Mutex<Outcome<T>>,
}

#[derive(Debug)]
enum Outcome<T> {
    /// Not there yet; the waker of whoever awaits it.
    Awaited(Option<Waker>),
    There(Result<T, JoinError>),
    /// Taken, or nobody wants it.
    Gone,
}

impl<T> Task<T> {
    pub(super) fn new() -> Self {
        Self {
            state: AtomicU8::new(RUNNING),
            aborted: AtomicBool::new(false),
            coroutine: OnceLock::new(),
            outcome: Mutex::new(Outcome::Awaited(None)),
        }
    }

    fn outcome(&self) -> MutexGuard<'_, Outcome<T>> {
        self.outcome.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wake_up(&self) {
        // AcqRel: Release publishes what the waker wrote to the swap or exchange in `suspend` that
        // ends the wait; Acquire pairs with the exchange that made the task idle, after which the
        // coroutine's handle is there.
        if self.state.swap(WOKEN, Ordering::AcqRel) == IDLE
            && let Some(coroutine) = self.coroutine.get()
        {
            coroutine.unpark();
        }
    }

    /// Returns when the task has been woken since its last poll began. To be called by its
    /// coroutine.
    fn suspend(&self) {
        self.coroutine.get_or_init(coroutine::current);
        // Release: publishes the handle. It needs no Acquire when it fails, because the swap below
        // follows.
        if self.state.compare_exchange(RUNNING, IDLE, Ordering::Release, Ordering::Relaxed).is_ok()
        {
            // A token from an earlier use of the coroutine's parker ends a park early.
            while self.state.load(Ordering::Relaxed) == IDLE {
                coroutine::park();
            }
        } else {
            coroutine::yield_now();
        }
        // Acquire pairs with the swaps in `wake_up`: all wakes up to here are answered by the
        // coming poll. A swap and not a store, which would wipe out the latest of them unread.
        self.state.swap(RUNNING, Ordering::AcqRel);
        take_turn();
    }

    fn complete(&self, result: Result<T, JoinError>) {
        let mut outcome = self.outcome();
        match mem::replace(&mut *outcome, Outcome::There(result)) {
            Outcome::Awaited(waker) => {
                drop(outcome);
                if let Some(waker) = waker {
                    waker.wake();
                }
            }
            _ => {
                let unwanted = mem::replace(&mut *outcome, Outcome::Gone);
                drop(outcome);
                drop(unwanted);
            }
        }
    }
}

impl<T: Send + 'static> Wake for Task<T> {
    fn wake(self: Arc<Self>) {
        self.wake_up();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.wake_up();
    }
}

impl<T: Send + 'static> Abort for Task<T> {
    fn abort(&self) {
        // Relaxed: the swaps on `state` order it.
        self.aborted.store(true, Ordering::Relaxed);
        self.wake_up();
    }
}

/// Polls `future` until its end or until `task` is aborted, drops it, and hands the outcome over.
/// The body of a coroutine.
pub(super) fn drive<F>(future: F, task: &Arc<Task<F::Output>>)
where
    F: Future,
    F::Output: Send + 'static,
{
    let waker = Waker::from(Arc::clone(task));
    let mut slot = pin!(Some(future));
    take_turn();
    let result = loop {
        // Relaxed: see `abort`. At the first poll a late look costs nothing: `suspend` then finds
        // the wake.
        if task.aborted.load(Ordering::Relaxed) {
            break Err(JoinError::Cancelled);
        }
        let Some(future) = slot.as_mut().as_pin_mut() else { break Err(JoinError::Cancelled) };
        match poll_once(future, &waker) {
            Ok(Poll::Pending) => task.suspend(),
            Ok(Poll::Ready(output)) => break Ok(output),
            // Direct-style code that was aborted.
            Err(payload) if payload.is::<Cancelled>() => break Err(JoinError::Cancelled),
            Err(payload) => break Err(JoinError::Panicked(payload)),
        }
    };
    // The future goes first, and its destructor may panic as its poll may.
    let dropped = catch_unwind(AssertUnwindSafe(|| slot.set(None)));
    let result = dropped.map_err(JoinError::Panicked).and(result);
    // So may the destructor of an output that nobody wants. The panic hook has reported it.
    let _ = catch_unwind(AssertUnwindSafe(|| task.complete(result)));
    if let Some(coroutine) = task.coroutine.get() {
        outlive(coroutine.clone());
    }
}

/// Keeps a handle to the coroutine that is about to end on this thread until the next one ends
/// there: until after the parking that this one may have been resumed from. Not inlined, as
/// `poll_once`.
#[inline(never)]
fn outlive(coroutine: Coroutine) {
    thread_local! {
        static LATEST: RefCell<Option<Coroutine>> = const { RefCell::new(None) };
    }
    let previous = LATEST.replace(Some(coroutine));
    drop(previous);
}

/// One poll. Not inlined: between polls the coroutine may move to another thread, and an address of
/// something thread-local must not survive that in a register.
#[inline(never)]
fn poll_once<F: Future + ?Sized>(
    future: Pin<&mut F>,
    waker: &Waker,
) -> thread::Result<Poll<F::Output>> {
    mark_worker();
    catch_unwind(AssertUnwindSafe(|| future.poll(&mut Context::from_waker(waker))))
}

/// The coroutine begins or goes on on this thread, and its budget with it. Not inlined, as
/// `poll_once`.
#[inline(never)]
fn take_turn() {
    budget::refill();
}

/// Marks the thread as one that runs tasks, for as long as it lives, and names it: may has no hook
/// for the start of its workers, which run nothing else. So they are numbered in the order of their
/// first tasks.
fn mark_worker() {
    static WORKERS: AtomicUsize = AtomicUsize::new(0);
    thread_local! {
        static MARKED: Cell<bool> = const { Cell::new(false) };
    }
    if !MARKED.replace(true) {
        mem::forget(runtimes::adapter::enter(crate::may::DESCRIPTOR.name));
        // Relaxed: only its uniqueness counts.
        let name = CString::new(format!("may-{}", WORKERS.fetch_add(1, Ordering::Relaxed)));
        // Without it the thread is called as the process is.
        let _ = name.map(|name| rustix::thread::set_name(&name));
    }
}

/// The coroutine of a task in direct style, for its own code to suspend.
#[derive(Debug)]
pub(super) struct InCoroutine<T>(Arc<Task<T>>);

impl<T: Send + 'static> InCoroutine<T> {
    pub(super) fn new(task: Arc<Task<T>>) -> Self {
        Self(task)
    }

    fn check_aborted(&self) {
        // Relaxed: see `abort`.
        if self.0.aborted.load(Ordering::Relaxed) {
            resume_unwind(Box::new(Cancelled));
        }
    }
}

impl<T: Send + 'static> Suspend for InCoroutine<T> {
    fn yield_now(&self) {
        // May resumes it on whichever thread, which must be one that unwinds.
        if thread::panicking() {
            return;
        }
        coroutine::yield_now();
        take_turn();
        self.check_aborted();
    }

    /// What `drive` does between two polls, further up on the same stack.
    fn wait(&self, mut future: Pin<&mut (dyn Future<Output = ()> + '_)>) {
        let waker = Waker::from(Arc::clone(&self.0));
        loop {
            match poll_once(future.as_mut(), &waker) {
                Ok(Poll::Ready(())) => return,
                // As in `yield_now`.
                Ok(Poll::Pending) if thread::panicking() => return,
                Ok(Poll::Pending) => self.0.suspend(),
                Err(payload) => resume_unwind(payload),
            }
            self.check_aborted();
        }
    }
}

/// Awaits a task in a coroutine.
#[derive(Debug)]
pub struct MayJoin<T>(Option<Arc<Task<T>>>);

impl<T> MayJoin<T> {
    /// `None` stands for a task that was refused.
    pub(super) fn new(task: Option<Arc<Task<T>>>) -> Self {
        Self(task)
    }
}

impl<T> Future for MayJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = &self.0 else { return Poll::Ready(Err(JoinError::Cancelled)) };
        // A waker is foreign code, which may come back to this very handle: it is cloned before the
        // lock is taken, and the one that it replaces is dropped after it.
        let mut replaced = Some(cx.waker().clone());
        let mut outcome = task.outcome();
        match mem::replace(&mut *outcome, Outcome::Gone) {
            Outcome::Awaited(previous) => {
                *outcome = Outcome::Awaited(mem::replace(&mut replaced, previous));
                Poll::Pending
            }
            Outcome::There(result) => Poll::Ready(result),
            Outcome::Gone => Poll::Ready(Err(JoinError::Cancelled)),
        }
    }
}

impl<T: Send + 'static> Join<T> for MayJoin<T> {
    fn abort(&mut self) {
        if let Some(task) = &self.0 {
            task.abort();
        }
    }
}

impl<T> Drop for MayJoin<T> {
    #[inline]
    fn drop(&mut self) {
        if let Some(task) = &self.0 {
            let unwanted = mem::replace(&mut *task.outcome(), Outcome::Gone);
            drop(unwanted);
        }
    }
}
