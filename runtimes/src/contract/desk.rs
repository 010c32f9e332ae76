//! Real tasks without an engine: each writes down whether it was run or dropped.

use std::alloc::{alloc_zeroed, dealloc, handle_alloc_error};
use std::future::Future;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll};

use crate::task::{self, End, Header, Home, JoinHandle, Runnable, Size};

/// What became of a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fate {
    /// It lies in the policy, or has leaked.
    Waiting,
    /// It was run.
    Ran,
    /// It was dropped before it ran.
    Dropped,
}

/// What became of each task, by number.
#[derive(Clone, Debug, Default)]
pub(super) struct Log(Arc<Mutex<Vec<Fate>>>);

impl Log {
    /// Makes the next task. Its number is how many were made before.
    pub(super) fn task(&self) -> (usize, Runnable) {
        let number = {
            let mut fates = self.lock();
            fates.push(Fate::Waiting);
            fates.len() - 1
        };
        let piece = Piece { number, log: self.clone() };
        // SAFETY: the home is a static, and the future is `Send`, as is its output.
        let (runnable, header) = unsafe { task::spawn(&DESK, piece, 0) };
        // SAFETY: the task's handle, which nobody else has; its output is the future's.
        drop(unsafe { JoinHandle::<()>::from_raw(header) });
        (number, runnable)
    }

    pub(super) fn fate(&self, number: usize) -> Fate {
        self.lock()[number]
    }

    /// How many tasks met `fate`.
    pub(super) fn count(&self, fate: Fate) -> usize {
        self.lock().iter().filter(|&&other| other == fate).count()
    }

    fn set(&self, number: usize, fate: Fate) {
        self.lock()[number] = fate;
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, Vec<Fate>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A future that is ready at once.
struct Piece {
    number: usize,
    log: Log,
}

impl Future for Piece {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        self.log.set(self.number, Fate::Ran);
        Poll::Ready(())
    }
}

impl Drop for Piece {
    fn drop(&mut self) {
        if self.log.fate(self.number) == Fate::Waiting {
            self.log.set(self.number, Fate::Dropped);
        }
    }
}

static DESK: Desk = Desk;

/// The home of these tasks: memory from the global allocator, and no queue, since none of them is
/// ever woken. It is a static, so a policy may keep a task for as long as it likes.
struct Desk;

impl Home for Desk {
    fn address(&self) -> *const Self {
        self
    }

    fn requeue(&self, task: Runnable) {
        drop(task);
    }

    unsafe fn admit(_: *const Self, _: impl FnOnce() -> Option<Runnable>) -> bool {
        false
    }

    fn begin_poll(_: NonNull<Header>) {}

    fn yields(_: NonNull<Header>) -> bool {
        false
    }

    fn end_poll() -> bool {
        false
    }

    fn allocate(&self, size: Size) -> NonNull<Header> {
        // SAFETY: a task is never of size zero: it begins with its header.
        let memory = unsafe { alloc_zeroed(size.layout()) };
        NonNull::new(memory.cast()).unwrap_or_else(|| handle_alloc_error(size.layout()))
    }

    unsafe fn free(_: *const Self, memory: NonNull<Header>, size: Size) {
        // SAFETY: it came from `allocate` with the same size, and nobody uses it any more.
        unsafe { dealloc(memory.as_ptr().cast(), size.layout()) }
    }

    fn ended(&self, _: End) {}
}
