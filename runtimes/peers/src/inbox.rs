//! How spawners reach a single-threaded peer's executor, which only its own thread may touch.
//!
//! On that thread, during `block_on`, a thread-local leads straight to the executor. From anywhere
//! else the future travels: it is boxed with instructions into the [`Inbox`], and a task of the
//! executor itself, which the inbox wakes, spawns what has arrived. Only travellers pay for the
//! box.

use std::cell::Cell;
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::pin::Pin;
use std::ptr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use runtimes::{Join, JoinError};

thread_local! {
    /// The inbox whose `block_on` runs on this thread (its address names it) and the executor
    /// behind it.
    static HERE: Cell<(*const (), *const ())> = const { Cell::new((ptr::null(), ptr::null())) };
}

/// What waits to be spawned: called on the executor's thread.
pub(super) type Job<E> = Box<dyn FnOnce(&E) + Send>;

/// Takes futures for an executor of type `E` from other threads.
pub(super) struct Inbox<E>(Mutex<State<E>>);

struct State<E> {
    jobs: Vec<Job<E>>,
    /// Of the task that serves the inbox; taken by whoever wakes it.
    waker: Option<Waker>,
    /// No more futures are taken.
    closed: bool,
    /// Nothing is taken.
    sealed: bool,
}

impl<E> fmt::Debug for Inbox<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.lock();
        f.debug_struct("Inbox")
            .field("jobs", &state.jobs.len())
            .field("closed", &state.closed)
            .finish()
    }
}

impl<E: 'static> Inbox<E> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(State { jobs: Vec::new(), waker: None, closed: false, sealed: false }))
    }

    /// Runs `body` with `executor` as the one that spawns on this thread reach.
    pub(super) fn attend<R>(&self, executor: &E, body: impl FnOnce() -> R) -> R {
        struct Restore((*const (), *const ()));
        impl Drop for Restore {
            fn drop(&mut self) {
                HERE.set(self.0);
            }
        }
        let here = (ptr::from_ref(self).cast(), ptr::from_ref(executor).cast());
        let _restore = Restore(HERE.replace(here));
        body()
    }

    /// Spawns through `spawn`: at once on the executor's own thread, else by way of the inbox.
    /// After [`close`](Self::close) the future is dropped and the handle reports the cancellation.
    #[inline]
    pub(super) fn spawn<F, J>(&self, future: F, spawn: fn(&E, F) -> J) -> LocalJoin<J>
    where
        F: Send + 'static,
        J: Send + 'static,
    {
        let (inbox, executor) = HERE.get();
        if ptr::eq(inbox, ptr::from_ref(self).cast()) {
            // SAFETY: `attend` of this very inbox is on this thread's stack and borrows the
            // executor.
            return LocalJoin(Place::Here(spawn(unsafe { &*executor.cast::<E>() }, future)));
        }
        self.send(future, spawn)
    }

    fn send<F, J>(&self, future: F, spawn: fn(&E, F) -> J) -> LocalJoin<J>
    where
        F: Send + 'static,
        J: Send + 'static,
    {
        let slot = Arc::new(Slot(Mutex::new(Travel::Waiting { waker: None, aborted: false })));
        let parcel = Parcel { future, ticket: Ticket(Arc::clone(&slot)) };
        let job: Job<E> = Box::new(move |executor| parcel.deliver(executor, spawn));
        self.push(job, |state| state.closed);
        LocalJoin(Place::Away(slot))
    }

    /// Has `job` done on the executor's thread, which drops it undone when it shuts down first.
    /// Once [sealed](Self::seal) the inbox drops it at once.
    pub(super) fn post(&self, job: Job<E>) {
        self.push(job, |state| state.sealed);
    }

    fn push(&self, job: Job<E>, is_refused: fn(&State<E>) -> bool) {
        let mut state = self.lock();
        if is_refused(&state) {
            drop(state); // the job owns the caller's future, whose destructor may spawn again
            return;
        }
        state.jobs.push(job);
        let waker = state.waker.take();
        drop(state);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Spawns what arrives, for ever: the future of a task that each runtime gives its own
    /// executor.
    pub(super) fn serve(self: Arc<Self>) -> impl Future<Output = ()> + Send {
        poll_fn(move |cx| {
            let jobs = {
                let mut state = self.lock();
                if state.jobs.is_empty() || state.closed {
                    state.waker = Some(cx.waker().clone());
                    return Poll::Pending;
                }
                mem::take(&mut state.jobs)
            };
            let (inbox, executor) = HERE.get();
            assert!(
                ptr::eq(inbox, Arc::as_ptr(&self).cast()),
                "an executor runs only inside its own block_on"
            );
            for job in jobs {
                // SAFETY: `attend` of this very inbox is on this thread's stack and borrows the
                // executor.
                job(unsafe { &*executor.cast::<E>() });
            }
            // What came in the meantime waits for the next turn: fast senders must not keep the
            // others from theirs.
            cx.waker().wake_by_ref();
            Poll::Pending
        })
    }

    /// Drops what has not been spawned, and refuses to spawn what comes.
    pub(super) fn close(&self) {
        self.end(|state| state.closed = true);
    }

    /// Drops what has been posted, and refuses whatever comes.
    pub(super) fn seal(&self) {
        self.end(|state| state.sealed = true);
    }

    fn end(&self, mark: fn(&mut State<E>)) {
        let (jobs, waker) = {
            let mut state = self.lock();
            mark(&mut state);
            (mem::take(&mut state.jobs), state.waker.take())
        };
        drop(jobs);
        drop(waker);
    }
}

impl<E> Inbox<E> {
    fn lock(&self) -> MutexGuard<'_, State<E>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Where the handle of a future that was sent away is handed over.
#[derive(Debug)]
struct Slot<J>(Mutex<Travel<J>>);

#[derive(Debug)]
enum Travel<J> {
    Waiting {
        waker: Option<Waker>,
        aborted: bool,
    },
    Arrived(J),
    /// Dropped on the way, or the handle has been taken.
    Ended,
}

impl<J> Slot<J> {
    fn lock(&self) -> MutexGuard<'_, Travel<J>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Ends the wait; wakes whoever awaits.
    fn end(&self, outcome: Travel<J>) {
        let mut travel = self.lock();
        if let Travel::Waiting { waker, .. } = &mut *travel {
            let waker = waker.take();
            *travel = outcome;
            drop(travel);
            if let Some(waker) = waker {
                waker.wake();
            }
        }
    }
}

/// A future under way and the slot for its handle. The field order matters: a lost future is
/// dropped first, then its handle is told.
struct Parcel<F, J> {
    future: F,
    ticket: Ticket<J>,
}

struct Ticket<J>(Arc<Slot<J>>);

impl<F, J> Parcel<F, J> {
    fn deliver<E>(self, executor: &E, spawn: fn(&E, F) -> J) {
        let Self { future, ticket } = self;
        if matches!(*ticket.0.lock(), Travel::Waiting { aborted: true, .. }) {
            drop(future);
            return;
        }
        ticket.0.end(Travel::Arrived(spawn(executor, future)));
    }
}

impl<J> Drop for Ticket<J> {
    fn drop(&mut self) {
        self.0.end(Travel::Ended);
    }
}

/// A peer's join handle `J`, or the way to it.
#[derive(Debug)]
pub struct LocalJoin<J>(Place<J>);

#[derive(Debug)]
enum Place<J> {
    Here(J),
    Away(Arc<Slot<J>>),
}

impl<T, J> Future for LocalJoin<J>
where
    J: Future<Output = Result<T, JoinError>> + Unpin,
{
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let Place::Away(slot) = &self.0 {
            // A waker is foreign code, which may come back to this very handle: it is cloned before
            // the lock is taken, and the one that it replaces is dropped after it.
            let mut replaced = Some(cx.waker().clone());
            let mut travel = slot.lock();
            match mem::replace(&mut *travel, Travel::Ended) {
                Travel::Arrived(handle) => {
                    drop(travel);
                    self.0 = Place::Here(handle);
                }
                Travel::Ended => return Poll::Ready(Err(JoinError::Cancelled)),
                Travel::Waiting { waker, aborted } => {
                    let waker = mem::replace(&mut replaced, waker);
                    *travel = Travel::Waiting { waker, aborted };
                    return Poll::Pending;
                }
            }
        }
        match &mut self.0 {
            Place::Here(handle) => Pin::new(handle).poll(cx),
            Place::Away(_) => unreachable!("the handle has just arrived"),
        }
    }
}

impl<T, J: Join<T>> Join<T> for LocalJoin<J> {
    fn abort(&mut self) {
        match &mut self.0 {
            Place::Here(handle) => handle.abort(),
            Place::Away(slot) => match &mut *slot.lock() {
                Travel::Waiting { aborted, .. } => *aborted = true,
                Travel::Arrived(handle) => handle.abort(),
                Travel::Ended => {}
            },
        }
    }
}
