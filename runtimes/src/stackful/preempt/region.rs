//! Where a coroutine may be preempted: the opt-in region, and the guards that close it.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};

use super::slot::{self, Slot};

thread_local! {
    /// How many of the runtime's own guards the running code holds. Read by the handler, on the
    /// same thread.
    static CLOSED: Cell<u32> = const { Cell::new(0) };

    /// How many [`NoPreempt`]s live that the running code made. Read by the handler too.
    static GUARDS: Cell<u32> = const { Cell::new(0) };

    /// The number of the running code: that of a coroutine, or 0 for the thread's own stack.
    static RUNNING: Cell<u64> = const { Cell::new(0) };

    /// The last number that was given.
    static LAST: Cell<u64> = const { Cell::new(0) };

    /// The guards of code that does not run now, by its number, for code that holds any.
    static ELSEWHERE: RefCell<Vec<(u64, u32)>> = const { RefCell::new(Vec::new()) };
}

/// Calls `f` and lets the runtime preempt it: when its coroutine has run for longer than
/// [`Config::slice`](crate::Config::slice), the worker suspends it between any two instructions and
/// runs other tasks before it goes on.
///
/// Outside a task of a stackful runtime that slices it just calls `f`. Regions nest, and a slice
/// begins when a turn of the coroutine first opens one. Code that suspends by itself inside a
/// region ([`wait`](super::super::wait)) comes back to it. Preempted, the coroutine continues on
/// the same thread.
///
/// # Safety
/// Other tasks of the same worker run, on the same thread, between any two instructions of `f` and
/// of what it calls, apart from what is behind a [`NoPreempt`]. So, outside of one, `f` must not
///
/// - **hold a lock**, of any kind, that another task of this worker may want: its thread would wait
///   for itself. This is `std::sync::Mutex`, `RwLock`, `Once`, `OnceLock`, `LazyLock`, channels and
///   reference-counted things built on them, `println!`, `eprintln!`, `log`, `std::env`,
///   `Backtrace`, and every library that has one inside;
/// - **use thread-locals** that others use too, other than reading them or replacing them in one
///   instruction: `Cell` updates get lost, `RefCell`s are found borrowed, and lazily initialised
///   ones (with a destructor) may be initialised twice, which is undefined behaviour;
/// - **hold what [`LocalKey::with`](std::thread::LocalKey::with) lent it**, if the runtime runs on
///   its caller's thread and may be dropped by the destructor of a thread-local: a task that was
///   preempted goes on there, and the other value may be gone;
/// - **use state that a signal handler must not see half-changed**: a global allocator that lies in
///   the executable and is not wrapped in [`PreemptSafe`](super::PreemptSafe) (the C library's,
///   dynamically linked, is safe); with a statically linked C library its `stdio`, `locale`,
///   `getenv`, resolver and the like;
/// - **change what belongs to the thread** and expect it to stay, or leave it changed for others:
///   its signal mask, alternate stack, credentials, scheduling, floating-point environment (that is
///   saved, but the next task starts with the default one) or AMX tile state (not saved);
/// - **wait by spinning** for another task of this worker that is suspended until `f` ends: it gets
///   its slices, but aborting or shutting down does not;
/// - **enter another executor or coroutine library** and open a region inside. Coroutines polled by
///   hand within `f` are safe; they are not preempted.
///
/// It may allocate, use atomics, copy memory, make system calls (which may fail with `EINTR`, those
/// that the system restarts excepted), panic (nobody preempts an unwinding stack; the panic's
/// message is printed under the runtime's rules), and use this runtime: spawn, wake, sleep,
/// sockets, [`direct::channel`](mod@super::super::direct::channel), [`wait`](super::super::wait).
#[inline]
pub unsafe fn preemptible<T>(f: impl FnOnce() -> T) -> T {
    let _region = slot::current().map(Region::open);
    f()
}

/// Closes the region again when `preemptible` returns or unwinds.
struct Region;

impl Region {
    #[inline]
    fn open(slot: &Slot) -> Self {
        slot.open();
        Self
    }
}

impl Drop for Region {
    #[inline]
    fn drop(&mut self) {
        // Asked for anew: a coroutine polled by hand may be polled where its former slot is gone.
        slot::current().inspect(|slot| slot.close());
    }
}

/// While it lives, the code that made it is not preempted. Cheap: half a nanosecond, and nothing
/// else happens.
///
/// It counts for the coroutine that made it: one that suspends by itself takes its guards with it.
/// A guard that is dropped by another coroutine of the thread ends for its maker all the same.
#[derive(Debug)]
pub struct NoPreempt {
    /// Who made it.
    maker: u64,
    // It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl NoPreempt {
    /// Closes the region, if one is open.
    #[inline]
    #[expect(clippy::new_without_default, reason = "a guard is taken on purpose")]
    pub fn new() -> Self {
        GUARDS.set(GUARDS.get() + 1);
        // What the guard protects stays behind it: the handler runs on this thread, so the compiler
        // is all that could move it.
        compiler_fence(SeqCst);
        Self { maker: RUNNING.get(), thread: PhantomData }
    }
}

impl Drop for NoPreempt {
    #[inline]
    fn drop(&mut self) {
        compiler_fence(SeqCst);
        if self.maker == RUNNING.get() {
            // It is zero already only where the thread ends and `ELSEWHERE` is gone.
            GUARDS.set(GUARDS.get().saturating_sub(1));
        } else {
            drop_elsewhere(self.maker);
        }
    }
}

/// Drops a guard of code that does not run now. If that code has ended, nobody counts the guard any
/// more.
#[cold]
fn drop_elsewhere(maker: u64) {
    let _closed = Closed::new();
    // Where the thread ends and the list is gone, nothing is preempted any more.
    let _ = ELSEWHERE.try_with(|elsewhere| {
        let mut elsewhere = elsewhere.borrow_mut();
        if let Some((_, guards)) = elsewhere.iter_mut().find(|(code, _)| *code == maker) {
            *guards -= 1;
        }
    });
}

/// The beginning of a guard of the runtime's own, which ends in the same coroutine.
#[inline]
pub(crate) fn close() {
    CLOSED.set(CLOSED.get() + 1);
    // As in `NoPreempt::new`.
    compiler_fence(SeqCst);
}

/// Its end.
#[inline]
pub(crate) fn reopen() {
    compiler_fence(SeqCst);
    CLOSED.set(CLOSED.get() - 1);
}

/// A guard of the runtime's own. It is never handed to anybody, and so ends in the coroutine that
/// made it.
#[derive(Debug)]
pub(crate) struct Closed(PhantomData<*const ()>);

impl Closed {
    #[inline]
    pub(crate) fn new() -> Self {
        close();
        Self(PhantomData)
    }
}

impl Drop for Closed {
    #[inline]
    fn drop(&mut self) {
        reopen();
    }
}

/// A [`Closed`] for critical sections: one look and no write on threads that never preempt.
#[inline]
pub(crate) fn guard() -> Guard {
    slot::current().map(|_| Closed::new())
}

/// See [`guard`].
pub(crate) type Guard = Option<Closed>;

/// Calls `f` with such a guard. On threads that never preempt, its code is the same as without.
#[inline(always)]
pub(crate) fn closed<T>(f: impl FnOnce() -> T) -> T {
    #[cold]
    #[inline(never)]
    fn guarded<T>(f: impl FnOnce() -> T) -> T {
        let _closed = Closed::new();
        f()
    }
    if slot::current().is_none() { f() } else { guarded(f) }
}

/// Whether a guard is held.
pub(super) fn is_closed() -> bool {
    CLOSED.get() != 0 || GUARDS.get() != 0
}

/// The guards of code that does not run now.
pub(super) struct Aside {
    code: u64,
    closed: u32,
    /// Its `NoPreempt`s are in `ELSEWHERE`.
    listed: bool,
}

/// Puts the guards of the running code aside, and gives a new number to the code that runs next.
/// (Code that is resumed gets its own back, by [`put_back`].)
#[inline]
pub(super) fn put_aside() -> Aside {
    let guards = GUARDS.replace(0);
    let next = LAST.get() + 1;
    LAST.set(next);
    let code = RUNNING.replace(next);
    if guards != 0 {
        list(code, guards);
    }
    Aside { code, closed: CLOSED.replace(0), listed: guards != 0 }
}

/// Makes the code that was put aside the running code again.
#[inline]
pub(super) fn put_back(aside: &Aside) {
    CLOSED.set(aside.closed);
    RUNNING.set(aside.code);
    GUARDS.set(if aside.listed { unlist(aside.code) } else { 0 });
}

#[cold]
fn list(code: u64, guards: u32) {
    let _ = ELSEWHERE.try_with(|elsewhere| elsewhere.borrow_mut().push((code, guards)));
}

/// Takes the guards of `code` off the list.
#[cold]
fn unlist(code: u64) -> u32 {
    let found = ELSEWHERE.try_with(|elsewhere| {
        let mut elsewhere = elsewhere.borrow_mut();
        let at = elsewhere.iter().position(|(listed, _)| *listed == code)?;
        Some(elsewhere.swap_remove(at).1)
    });
    found.ok().flatten().unwrap_or(0)
}
