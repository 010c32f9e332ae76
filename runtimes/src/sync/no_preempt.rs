//! Guards against preemption: while code holds one, its thread runs nothing else.
//!
//! What interrupts it is in `stackful::preempt`; everything below needs to know only that somebody
//! might.

use std::cell::{Cell, RefCell};
use std::marker::PhantomData;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};

thread_local! {
    /// Whether the thread is a worker that slices: only then is there anything to guard against.
    static SLICED: Cell<bool> = const { Cell::new(false) };

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
    SLICED.get().then(Closed::new)
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
    if SLICED.get() { guarded(f) } else { f() }
}

/// Says whether the calling thread's code may be preempted from here on.
pub(crate) fn set_sliced(sliced: bool) {
    SLICED.set(sliced);
}

/// Whether it may be.
#[inline]
pub(crate) fn is_sliced() -> bool {
    SLICED.get()
}

/// Whether a guard is held.
pub(crate) fn is_closed() -> bool {
    CLOSED.get() != 0 || GUARDS.get() != 0
}

/// The guards of code that does not run now.
pub(crate) struct Aside {
    code: u64,
    closed: u32,
    /// Its `NoPreempt`s are in `ELSEWHERE`.
    listed: bool,
}

/// Puts the guards of the running code aside, and gives a new number to the code that runs next.
/// (Code that is resumed gets its own back, by [`put_back`].)
#[inline]
pub(crate) fn put_aside() -> Aside {
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
pub(crate) fn put_back(aside: &Aside) {
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
