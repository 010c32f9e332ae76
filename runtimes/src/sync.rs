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
