//! Tasks: one allocation each, a state word, a waker vtable, a join handle.
//!
//! Reading order: [`state`](self) (who may do what when), `cell` (the allocation and what is done
//! to it), `runnable` (the duty to run), `waker`, `join`. The module knows nothing of queues or
//! threads: it asks its [`Home`] for memory and for a place in a queue.

mod cell;
mod error;
mod join;
#[cfg(all(test, stampede_loom))]
pub(crate) mod models;
mod runnable;
mod state;
mod waker;

use std::alloc::Layout;
use std::ptr::NonNull;

pub(crate) use cell::{Header, cancel_raw, clear_preempted, mark_preempted, spawn};
pub use error::JoinError;
pub use join::JoinHandle;
pub use runnable::Runnable;

/// What a task needs of the engine that runs it. Wakers and handles are used by tasks, in whose
/// name the engine must not be interrupted: it sees to that itself.
pub(crate) trait Home: Send + Sync + 'static {
    /// Itself, as its tasks refer to it: a pointer that [`free`](Self::free) can end the engine's
    /// life with.
    fn address(&self) -> *const Self;

    /// Queues a task that woke itself while the calling thread, a worker, polled it.
    fn requeue(&self, task: Runnable);

    /// Calls `decide`, and queues the task that it returns as woken. False, without a call, once
    /// the engine has closed: while `decide` runs it does not.
    ///
    /// # Safety
    /// `home` is alive until `decide` is called. It need not be any longer, hence a pointer.
    unsafe fn admit(home: *const Self, decide: impl FnOnce() -> Option<Runnable>) -> bool;

    /// The calling thread begins to poll `task`.
    fn begin_poll(task: NonNull<Header>);

    /// Whether `task` is what the calling thread polls: then the wake is recorded for
    /// [`end_poll`](Self::end_poll), and the task's state word need not hear of it.
    fn yields(task: NonNull<Header>) -> bool;

    /// The poll is over. True: the task woke itself meanwhile.
    fn end_poll() -> bool;

    /// Memory for one task: of `size`, used by nobody, with a header of zero bytes or of a free
    /// task.
    fn allocate(&self, size: Size) -> NonNull<Header>;

    /// Takes the memory back.
    ///
    /// # Safety
    /// The memory came from `allocate` of the engine at `home` with the same size, and nothing in
    /// it is used again. The call may end the engine's own life, hence a pointer.
    unsafe fn free(home: *const Self, memory: NonNull<Header>, size: Size);

    /// Counts a task whose future is gone.
    fn ended(&self, how: End);
}

/// How a task's future came to its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// It returned or panicked.
    Completed,
    /// It was dropped before that.
    Cancelled,
}

/// Size and alignment of a task's memory.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Size(Layout);

impl Size {
    const fn of<T>() -> Self {
        Self(Layout::new::<T>())
    }

    /// As a layout for an allocator.
    pub(crate) const fn layout(self) -> Layout {
        self.0
    }
}
