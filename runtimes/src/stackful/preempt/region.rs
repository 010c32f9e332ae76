//! Where a coroutine may be preempted: the opt-in region, and the guards that close it.

use std::cell::Cell;
use std::marker::PhantomData;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};

use super::slot::{self, Slot};

thread_local! {
    /// How many guards the running code holds. Read by the handler, on the same thread.
    static CLOSED: Cell<u32> = const { Cell::new(0) };
}

/// Calls `f` and lets the runtime preempt it: when its coroutine has run for longer than
/// [`Config::slice`](crate::Config::slice), the worker suspends it between any two instructions and runs other tasks
/// before it goes on.
///
/// Outside a task of a stackful runtime that slices it just calls `f`. Regions nest, and a slice begins when a turn of the
/// coroutine first opens one. Code that suspends by itself inside a region ([`wait`](super::super::wait)) comes back to it.
/// Preempted, the coroutine continues on the same thread.
///
/// # Safety
/// Other tasks of the same worker run, on the same thread, between any two instructions of `f` and of what it calls,
/// apart from what is behind a [`NoPreempt`]. So, outside of one, `f` must not
///
/// - **hold a lock**, of any kind, that another task of this worker may want: its thread would wait for itself. This is
///   `std::sync::Mutex`, `RwLock`, `Once`, `OnceLock`, `LazyLock`, channels and reference-counted things built on them,
///   `println!`, `eprintln!`, `log`, `std::env`, `Backtrace`, and every library that has one inside;
/// - **use thread-locals** that others use too, other than reading them or replacing them in one instruction: `Cell` updates get lost, `RefCell`s
///   are found borrowed, and lazily initialised ones (with a destructor) may be initialised twice, which is undefined behaviour;
/// - **use state that a signal handler must not see half-changed**: a global allocator that lies in the executable and is
///   not wrapped in [`PreemptSafe`](super::PreemptSafe) (the C library's, dynamically linked, is safe); with a statically
///   linked C library its `stdio`, `locale`, `getenv`, resolver and the like;
/// - **change what belongs to the thread** and expect it to stay, or leave it changed for others: its signal mask, alternate
///   stack, credentials, scheduling, floating-point environment (that is saved, but the next task starts with the default one)
///   or AMX tile state (not saved);
/// - **wait by spinning** for another task of this worker that is suspended until `f` ends: it gets its slices, but aborting or
///   shutting down does not;
/// - **enter another executor or coroutine library** and open a region inside. Coroutines polled by hand within `f` are
///   safe; they are not preempted.
///
/// It may allocate, use atomics, copy memory, make system calls (which may fail with `EINTR`, those that the system restarts
/// excepted), panic (nobody preempts an unwinding stack; the panic's message is printed under the runtime's rules), and use this
/// runtime: spawn, wake, sleep, sockets, [`direct::channel`](mod@super::super::direct::channel), [`wait`](super::super::wait).
#[inline]
pub unsafe fn preemptible<T>(f: impl FnOnce() -> T) -> T {
    let _region = slot::current().map(Region::open);
    f()
}

/// Closes the region again when `preemptible` returns or unwinds.
struct Region<'a>(&'a Slot);

impl<'a> Region<'a> {
    #[inline]
    fn open(slot: &'a Slot) -> Self {
        slot.open();
        Self(slot)
    }
}

impl Drop for Region<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.close();
    }
}

/// While it lives, the code that made it is not preempted. Cheap: half a nanosecond, and nothing else happens.
///
/// It counts for the coroutine that made it: one that suspends by itself takes its guards with it.
#[derive(Debug)]
pub struct NoPreempt(PhantomData<*const ()>);

impl NoPreempt {
    /// Closes the region, if one is open.
    #[inline]
    #[expect(clippy::new_without_default, reason = "a guard is taken on purpose")]
    pub fn new() -> Self {
        close();
        Self(PhantomData)
    }
}

impl Drop for NoPreempt {
    #[inline]
    fn drop(&mut self) {
        reopen();
    }
}

/// The beginning of a guard.
#[inline]
pub(crate) fn close() {
    CLOSED.set(CLOSED.get() + 1);
    // What the guard protects stays behind it: the handler runs on this thread, so the compiler is all that could
    // move it.
    compiler_fence(SeqCst);
}

/// Its end.
#[inline]
pub(crate) fn reopen() {
    compiler_fence(SeqCst);
    CLOSED.set(CLOSED.get() - 1);
}

/// A [`NoPreempt`] for the runtime's own critical sections: one look and no write on threads that never preempt.
#[inline]
pub(crate) fn guard() -> Guard {
    slot::current().map(|_| NoPreempt::new())
}

/// See [`guard`].
pub(crate) type Guard = Option<NoPreempt>;

/// Calls `f` with such a guard. On threads that never preempt, its code is the same as without.
#[inline(always)]
pub(crate) fn closed<T>(f: impl FnOnce() -> T) -> T {
    #[cold]
    #[inline(never)]
    fn guarded<T>(f: impl FnOnce() -> T) -> T {
        let _closed = NoPreempt::new();
        f()
    }
    if slot::current().is_none() { f() } else { guarded(f) }
}

/// Whether a guard is held.
pub(super) fn is_closed() -> bool {
    CLOSED.get() != 0
}

/// Puts the number of guards aside, or back.
pub(super) fn replace_closed(guards: u32) -> u32 {
    CLOSED.replace(guards)
}
