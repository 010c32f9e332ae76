//! Where a coroutine may be preempted: the opt-in region.

use super::slot::{self, Slot};

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
/// of what it calls, apart from what is behind a [`NoPreempt`](super::NoPreempt). So, outside of
/// one, `f` must not
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
