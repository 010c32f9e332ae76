//! Atomics and locks: the standard library's, or loom's when the protocols are model-checked.

#[cfg(stampede_loom)]
pub(crate) use loom::{sync::atomic, thread};
#[cfg(not(stampede_loom))]
pub(crate) use std::{sync::atomic, thread};

#[cfg(stampede_loom)]
use loom::sync as imp;
#[cfg(not(stampede_loom))]
use std::sync as imp;

pub(crate) use imp::MutexGuard;

/// A lock that ignores poisoning: what it protects here is consistent whenever the lock is free.
#[derive(Debug)]
pub(crate) struct Mutex<T>(imp::Mutex<T>);

impl<T> Mutex<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(imp::Mutex::new(value))
    }

    #[inline]
    pub(crate) fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
    }
}

/// Blocking on a word: the system call, or under loom a yield, which lets the other threads of the model run.
pub(crate) mod futex {
    use super::atomic::AtomicU32;

    /// Blocks while the word is `expected`, until a wake or for no reason at all: the caller looks again.
    #[cfg(not(stampede_loom))]
    pub(crate) fn wait(word: &AtomicU32, expected: u32) {
        use rustix::thread::futex;
        // An error is EAGAIN (the word changed) or EINTR.
        let _ = futex::wait(word, futex::Flags::PRIVATE, expected, None);
    }

    /// Wakes one thread that blocks on the word.
    #[cfg(not(stampede_loom))]
    pub(crate) fn wake_one(word: &AtomicU32) {
        use rustix::thread::futex;
        // No error is possible for a private futex of this process.
        let _ = futex::wake(word, futex::Flags::PRIVATE, 1);
    }

    #[cfg(stampede_loom)]
    pub(crate) fn wait(_: &AtomicU32, _: u32) {
        loom::thread::yield_now();
    }

    #[cfg(stampede_loom)]
    pub(crate) fn wake_one(_: &AtomicU32) {}
}
