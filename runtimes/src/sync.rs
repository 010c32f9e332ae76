//! Atomics and locks: the standard library's, or loom's when the protocols are model-checked.

#[cfg(stampede_loom)]
pub(crate) use loom::{sync::atomic, thread};
#[cfg(not(stampede_loom))]
pub(crate) use std::{sync::atomic, thread};

use std::ops::{Deref, DerefMut};
use std::sync::TryLockError;

#[cfg(stampede_loom)]
use loom::sync as imp;
#[cfg(not(stampede_loom))]
use std::sync as imp;

use crate::stackful::preempt::{Guard, guard};

pub(crate) use imp::MutexGuard;

/// A moment's wait for another thread, in a loop that looks whether it is over.
#[inline]
pub(crate) fn pause() {
    #[cfg(stampede_loom)]
    loom::thread::yield_now();
    #[cfg(not(stampede_loom))]
    std::hint::spin_loop();
}

/// A lock that ignores poisoning: what it protects here is consistent whenever the lock is free.
#[derive(Debug, Default)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    /// The same for a lock for which all workers compete and which nobody holds for long. Who finds
    /// it taken keeps off its cache line for a while, and for twice as long each time, so that what
    /// the holder does next is done where the line is (exponential backoff: Anderson 1990). After
    /// some ten microseconds it blocks like others.
    #[inline]
    pub(crate) fn lock_contended(&self) -> MutexGuard<'_, T> {
        match self.try_lock() {
            Some(guard) => guard,
            None => self.back_off(),
        }
    }

    #[cold]
    fn back_off(&self) -> MutexGuard<'_, T> {
        if cfg!(not(stampede_loom)) {
            for exponent in 5..11 {
                (0..1 << exponent.min(8)).for_each(|_| pause());
                if let Some(guard) = self.try_lock() {
                    return guard;
                }
            }
        }
        self.lock()
    }

    #[inline]
    fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        match self.0.try_lock() {
            Ok(guard) => Some(guard),
            Err(TryLockError::Poisoned(poisoned)) => Some(poisoned.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }
}

/// A lock that code in a preemptible region takes: a coroutine that holds it is not preempted, or
/// the next task of its worker could wait for it for ever. (What takes the engine's own locks has
/// closed the region before.)
#[derive(Debug)]
pub(crate) struct ClosedMutex<T>(Mutex<T>);

impl<T> ClosedMutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> ClosedMutexGuard<'_, T> {
        let closed = guard();
        ClosedMutexGuard { lock: self.0.lock(), _closed: closed }
    }
}

/// A [`ClosedMutex`] that is held. The fields are dropped in this order.
pub(crate) struct ClosedMutexGuard<'a, T> {
    lock: MutexGuard<'a, T>,
    _closed: Guard,
}

impl<T> Deref for ClosedMutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        &self.lock
    }
}

impl<T> DerefMut for ClosedMutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        &mut self.lock
    }
}

/// A word on which one thread blocks and others wake it.
#[derive(Debug)]
pub(crate) struct Futex {
    word: atomic::AtomicU32,
    /// Under loom, which cannot see into the kernel: its queue of waiting threads.
    #[cfg(stampede_loom)]
    queue: (imp::Mutex<()>, imp::Condvar),
}

impl Futex {
    pub(crate) fn new(value: u32) -> Self {
        Self {
            word: atomic::AtomicU32::new(value),
            #[cfg(stampede_loom)]
            queue: (imp::Mutex::new(()), imp::Condvar::new()),
        }
    }

    /// Blocks while the word is `expected`, until a wake or for no reason at all: the caller looks
    /// again.
    #[cfg(not(stampede_loom))]
    pub(crate) fn wait(&self, expected: u32) {
        use rustix::thread::futex;
        // An error is EAGAIN (the word changed) or EINTR.
        let _ = futex::wait(&self.word, futex::Flags::PRIVATE, expected, None);
    }

    /// The same, for `time` at most.
    #[cfg(not(stampede_loom))]
    pub(crate) fn wait_for(&self, expected: u32, time: std::time::Duration) {
        use rustix::thread::futex;
        let time = futex::Timespec::try_from(time).ok();
        // An error is EAGAIN, EINTR or ETIMEDOUT.
        let _ = futex::wait(&self.word, futex::Flags::PRIVATE, expected, time.as_ref());
    }

    /// Under loom time is over at once: what comes later is explored as what comes after the wait.
    #[cfg(stampede_loom)]
    pub(crate) fn wait_for(&self, _: u32, _: std::time::Duration) {
        loom::thread::yield_now();
    }

    /// Wakes a thread that blocks on the word.
    #[cfg(not(stampede_loom))]
    pub(crate) fn wake_one(&self) {
        use rustix::thread::futex;
        // No error is possible for a private futex of this process.
        let _ = futex::wake(&self.word, futex::Flags::PRIVATE, 1);
    }

    #[cfg(stampede_loom)]
    pub(crate) fn wait(&self, expected: u32) {
        let guard = self.queue.0.lock().unwrap();
        // The kernel looks at the word under the lock of its queue, too.
        if self.word.load(atomic::Ordering::Relaxed) == expected {
            drop(self.queue.1.wait(guard).unwrap());
        }
    }

    #[cfg(stampede_loom)]
    pub(crate) fn wake_one(&self) {
        let _guard = self.queue.0.lock().unwrap();
        self.queue.1.notify_one();
    }
}

impl Deref for Futex {
    type Target = atomic::AtomicU32;

    #[inline]
    fn deref(&self) -> &atomic::AtomicU32 {
        &self.word
    }
}

/// Runs `model` in every interleaving with at most `preemptions` switches that no thread asked for,
/// and in every memory order. Fails on a panic anywhere in it, also on one that was caught.
#[cfg(all(test, stampede_loom))]
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_modes(preemptions, false, model);
}

/// The same, with each of the two kinds of asymmetric [`barrier`](crate::engine::barrier).
#[cfg(all(test, stampede_loom))]
pub(crate) fn explore_with_barriers(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_modes(preemptions, true, model);
}

#[cfg(all(test, stampede_loom))]
fn explore_modes(preemptions: usize, barriers: bool, model: impl Fn() + Send + Sync + 'static) {
    use std::cell::Cell;
    // Loom runs all threads of a model on the thread that checks it.
    thread_local!(static PANICKED: Cell<bool> = const { Cell::new(false) });
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICKED.set(true);
            report(info);
        }));
    });
    let model = std::sync::Arc::new(model);
    let check = |prepare: fn()| {
        let model = model.clone();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || {
            prepare();
            model();
            assert!(!PANICKED.get(), "something panicked in the model");
        });
    };
    if barriers { crate::engine::barrier::run_in_both_modes(check) } else { check(|| {}) }
}
