//! Blocking on a word.

use std::ops::Deref;

use super::atomic;
#[cfg(stampede_loom)]
use super::imp;

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
