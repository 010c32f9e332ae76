//! How spawners reach a multi-threaded peer's executor that shutdown takes away from them.
//!
//! Dropping an `async_executor::Executor` is the only way to drop its pending tasks, and those
//! tasks may themselves hold spawners: a spawner must not keep the executor alive. So it holds a
//! [`Gate`]. Threads that belong to the runtime (its workers, and its caller during `block_on`) are
//! *residents*: the executor stays while one is left, and they pass with one comparison. Any other
//! thread takes a read lock during a spawn.

use std::cell::{Cell, UnsafeCell};
use std::fmt;
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

thread_local! {
    /// The `closing` flag of the gate whose resident this thread is; its address names the gate.
    static RESIDENT_OF: Cell<*const AtomicBool> = const { Cell::new(ptr::null()) };
}

/// Guards an executor that shutdown takes out.
pub(super) struct Gate<E> {
    closing: AtomicBool,
    residents: AtomicUsize,
    /// Held for reading during a spawn from outside, for writing while `executor` changes.
    lock: RwLock<()>,
    executor: UnsafeCell<Option<E>>,
}

// SAFETY: `executor` is written only under the write lock while there are no residents, and read
// only under the read lock or by a resident. So references to `E` are shared (`Sync`) and the value
// may move (`Send`).
unsafe impl<E: Send + Sync> Sync for Gate<E> {}

impl<E> fmt::Debug for Gate<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Gate")
            .field("closing", &self.closing)
            .field("residents", &self.residents)
            .finish()
    }
}

impl<E> Gate<E> {
    pub(super) fn new(executor: E) -> Self {
        Self {
            closing: AtomicBool::new(false),
            residents: AtomicUsize::new(0),
            lock: RwLock::new(()),
            executor: UnsafeCell::new(Some(executor)),
        }
    }

    #[inline]
    fn is_resident(&self) -> bool {
        ptr::eq(RESIDENT_OF.get(), &self.closing)
    }

    /// Calls `f` with the executor, or drops `f` and returns `None` when the runtime is closing.
    #[inline]
    pub(super) fn pass<R>(&self, f: impl FnOnce(&E) -> R) -> Option<R> {
        if !self.is_resident() {
            return self.pass_from_outside(f);
        }
        // Relaxed: a resident that misses the flag spawns a task that shutdown drops like any
        // other.
        if self.closing.load(Ordering::Relaxed) {
            return None;
        }
        // SAFETY: this thread is a resident, and `take` writes only while there are none.
        unsafe { &*self.executor.get() }.as_ref().map(f)
    }

    fn pass_from_outside<R>(&self, f: impl FnOnce(&E) -> R) -> Option<R> {
        let guard = self.lock.read().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: `close` goes through the write lock after it has set the flag, which orders it.
        if !self.closing.load(Ordering::Relaxed) {
            // SAFETY: the read lock is held, and `take` writes only under the write lock.
            if let Some(executor) = unsafe { &*self.executor.get() } {
                return Some(f(executor));
            }
        }
        // `f` owns the caller's future, whose destructor may spawn again: not under the lock.
        drop(guard);
        None
    }

    /// Refuses every spawn that begins from now on, and waits for those from outside that are under
    /// way.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
        drop(self.lock.write().unwrap_or_else(PoisonError::into_inner));
    }

    /// Takes the executor out; `None` the second time.
    ///
    /// # Panics
    /// While residents are left: their threads must have been joined.
    pub(super) fn take(&self) -> Option<E> {
        let _guard = self.lock.write().unwrap_or_else(PoisonError::into_inner);
        // Acquire pairs with the Release in `Resident::drop`: its uses of the executor come before
        // this.
        assert_eq!(
            self.residents.load(Ordering::Acquire),
            0,
            "the executor was taken while threads still used it"
        );
        // SAFETY: the write lock keeps readers and new residents out, and there are no old ones.
        unsafe { &mut *self.executor.get() }.take()
    }
}

/// Makes the thread that created it a resident of a gate.
#[derive(Debug)]
pub(super) struct Resident<E> {
    gate: Arc<Gate<E>>,
    /// Stays on its thread.
    _not_send: PhantomData<*const ()>,
}

impl<E> Resident<E> {
    /// # Panics
    /// When the thread is a resident already: [`runtimes::enter`] comes first and refuses that.
    pub(super) fn new(gate: Arc<Gate<E>>) -> Self {
        assert!(RESIDENT_OF.get().is_null(), "a thread belongs to one runtime at a time");
        let guard = gate.lock.read().unwrap_or_else(PoisonError::into_inner);
        // Relaxed: `take` reads the count under the write lock, which orders it.
        gate.residents.fetch_add(1, Ordering::Relaxed);
        drop(guard);
        RESIDENT_OF.set(&raw const gate.closing);
        Self { gate, _not_send: PhantomData }
    }
}

impl<E> Drop for Resident<E> {
    fn drop(&mut self) {
        RESIDENT_OF.set(ptr::null());
        // Release pairs with the Acquire in `take`.
        self.gate.residents.fetch_sub(1, Ordering::Release);
    }
}

/// Whether the runtime that this thread is a resident of is closing.
#[inline]
pub(super) fn closing_here() -> bool {
    let closing = RESIDENT_OF.get();
    // SAFETY: the thread's `Resident` owns a share of the gate and clears the pointer before it
    // gives that up. Relaxed: the flag publishes nothing, it only ends work early.
    !closing.is_null() && unsafe { &*closing }.load(Ordering::Relaxed)
}
