//! Locks: one that ignores poisoning, and one whose holder is not preempted.

use std::ops::{Deref, DerefMut};
use std::sync::TryLockError;

use super::imp::{self, MutexGuard};
use super::no_preempt::{Guard, guard};
use super::pause;

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
