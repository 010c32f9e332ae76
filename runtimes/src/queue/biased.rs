//! A lock that costs its owner no fence and no read-modify-write: one thread enters all the time,
//! others hardly ever.
//!
//! The owner says that it is inside, executes the light side of [`barrier`], and looks whether a
//! guest has claimed the value. A guest claims it, executes the heavy side, and waits until the
//! owner is outside. By the barrier one of the two sees the other: if the owner's look came before
//! the claim, its word that it is inside came before the guest's look, which then waits for it to
//! leave. So the value has one user at a time, and what each did is visible to the next: the owner
//! leaves with a Release that the guest's look acquires, and the other way round.
//!
//! The price is the guest's: `membarrier` interrupts every processor that runs a thread of this
//! process. A guest gives up rather than wait long for an owner that was preempted inside; an owner
//! waits for a guest as for any lock.
//!
//! This is the handshake of Dekker's algorithm with an asymmetric fence, as in biased locking
//! (Kawachiya et al., "Lock reservation", OOPSLA 2002) and in work stealing without fences
//! (Morrison and Afek, ASPLOS 2014).

use std::cell::UnsafeCell;

use crossbeam_utils::CachePadded;

use crate::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::sync::{self, barrier};

/// How often a guest looks whether the owner has left before it gives up: a few microseconds.
const GUEST_LOOKS: u32 = if cfg!(stampede_loom) { 2 } else { 256 };
/// How often an owner looks whether the guest has left before it lets other threads run.
const OWNER_LOOKS: u32 = if cfg!(stampede_loom) { 0 } else { 256 };

/// A value that one thread owns and others may visit. See the module.
#[derive(Debug)]
pub(crate) struct Biased<T> {
    inside: CachePadded<AtomicBool>,
    claimed: CachePadded<AtomicBool>,
    value: UnsafeCell<T>,
}

// SAFETY: the protocol gives the value one user at a time and orders them, so sharing it is sending
// it about.
unsafe impl<T: Send> Sync for Biased<T> {}

impl<T> Biased<T> {
    pub(crate) fn new(value: T) -> Self {
        let flag = || CachePadded::new(AtomicBool::new(false));
        Self { inside: flag(), claimed: flag(), value: UnsafeCell::new(value) }
    }

    /// Uses the value as its owner.
    ///
    /// # Safety
    /// One thread at a time is the owner (who was it before happened before), and `f` does not come
    /// back here.
    #[inline]
    pub(crate) unsafe fn own<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        loop {
            self.inside.store(true, Relaxed);
            barrier::light();
            // Acquire pairs with the Release of the last guest.
            if !self.claimed.load(Acquire) {
                break;
            }
            self.wait_for_guest();
        }
        // SAFETY: this thread is inside, and no guest was there when it looked; see the module.
        let result = f(unsafe { &mut *self.value.get() });
        // Release pairs with the Acquire look of the next guest.
        self.inside.store(false, Release);
        result
    }

    /// Uses the value as its owner, while it has no guests.
    ///
    /// # Safety
    /// As for [`own`](Self::own); and nobody calls [`visit`](Self::visit), ever.
    #[inline]
    pub(crate) unsafe fn own_alone<R>(&self, f: impl FnOnce(&mut T) -> R) -> R {
        // SAFETY: the owner is the only one who uses the value, and is here once.
        f(unsafe { &mut *self.value.get() })
    }

    #[cold]
    fn wait_for_guest(&self) {
        // Release: the guest that waits may go on with what was done here before.
        self.inside.store(false, Release);
        let mut looks = 0;
        while self.claimed.load(Relaxed) {
            if looks == OWNER_LOOKS {
                sync::thread::yield_now();
            } else {
                looks += 1;
                sync::pause();
            }
        }
    }

    /// Uses the value as a guest, unless another guest has it or the owner does not leave soon.
    pub(crate) fn visit<R>(&self, f: impl FnOnce(&mut T) -> R) -> Option<R> {
        // Acquire pairs with the Release of the last guest.
        if self.claimed.compare_exchange(false, true, Acquire, Relaxed).is_err() {
            return None;
        }
        barrier::heavy();
        // Acquire pairs with the Release with which the owner leaves.
        let left = (0..GUEST_LOOKS).any(|_| {
            let left = !self.inside.load(Acquire);
            if !left {
                sync::pause();
            }
            left
        });
        // SAFETY: claimed by this thread alone, and the owner is outside and stays there; see the
        // module.
        let result = left.then(|| f(unsafe { &mut *self.value.get() }));
        // Release pairs with the Acquire of the owner and of the next guest.
        self.claimed.store(false, Release);
        result
    }
}
