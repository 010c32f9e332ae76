//! The words through which a worker, the handler that interrupts it, and the monitor agree on one
//! signal.
//!
//! `armed` is the number of the current slice while the worker is in a region, else 0. Slice
//! numbers are never used again. The monitor reads it, writes `target`, sets `pending`, sends. The
//! handler swaps `armed` with 0 *first*: from then on no second signal can take the same slice, not
//! even one that arrives on the first instruction of the trampoline. It clears `pending` and
//! compares with `target`, so a signal that was on its way while the coroutine suspended hits
//! nobody else. If it refuses it puts `armed` back; if it accepts, 0 stays until the coroutine is
//! resumed.
//!
//! The handler runs on the worker's thread: between two steps of the worker, never beside one. What
//! they share is therefore ordered by the program, as long as the compiler keeps the order
//! (`compiler_fence`). The orderings below are for the monitor. The models (`models.rs`) run these
//! very words, with the handler as a call between any two of the worker's steps.

use std::sync::atomic::{
    Ordering::{Acquire, Relaxed, Release, SeqCst},
    compiler_fence,
};

use super::safe_point::Refusal;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicU64};

/// See the module. `T` is what signals are sent to: the worker's thread.
pub(super) struct Words<T> {
    /// The slice that may be preempted now, or 0.
    armed: AtomicU64,
    /// When the slice began.
    started_ns: AtomicU64,
    /// The slice that the last signal was sent for, and when.
    target: AtomicU64,
    sent_ns: AtomicU64,
    /// A signal is on its way.
    pending: AtomicBool,
    /// Where to, while the thread takes signals.
    recipient: Mutex<Option<T>>,
}

impl<T: Copy> Words<T> {
    pub(super) fn new() -> Self {
        Self {
            armed: AtomicU64::new(0),
            started_ns: AtomicU64::new(0),
            target: AtomicU64::new(0),
            sent_ns: AtomicU64::new(0),
            pending: AtomicBool::new(false),
            recipient: Mutex::new(None),
        }
    }

    /// Says where signals go from now on. None is sent to the former recipient after this.
    pub(super) fn set_recipient(&self, recipient: Option<T>) {
        let mut now = self.recipient.lock();
        *now = recipient;
        // A signal to the former one may never be delivered.
        self.pending.store(false, Relaxed);
    }

    /// The signal that is on its way, if any, may have been taken for another slot's. The next may
    /// be sent.
    pub(super) fn forget_signal(&self) {
        // Under the lock, so that no signal is being sent meanwhile. One that is still to be
        // delivered does no harm: it finds its slice or is refused.
        let _recipient = self.recipient.lock();
        self.pending.store(false, Relaxed);
    }

    // What the worker does. A handler may run between any two of these.

    /// Says when the slice that will be armed next began.
    #[inline]
    pub(super) fn set_started_ns(&self, started_ns: u64) {
        self.started_ns.store(started_ns, Relaxed);
    }

    #[inline]
    pub(super) fn started_ns(&self) -> u64 {
        self.started_ns.load(Relaxed)
    }

    /// When the signal that was accepted was sent.
    pub(super) fn sent_ns(&self) -> u64 {
        self.sent_ns.load(Relaxed)
    }

    /// From here on `slice` may be preempted.
    #[inline]
    pub(super) fn arm(&self, slice: u64) {
        // Release pairs with the Acquire load in `running`: the monitor then reads this slice's
        // beginning, or a later one's.
        self.armed.store(slice, Release);
        compiler_fence(SeqCst);
    }

    /// From here on nothing may.
    #[inline]
    pub(super) fn disarm(&self) {
        self.armed.store(0, Relaxed);
        compiler_fence(SeqCst);
    }

    // What the handler does.

    /// A signal has come. Takes the slice that it was sent for, if that is the current one and
    /// `check` has nothing against it.
    pub(super) fn take(&self, check: impl FnOnce() -> Result<(), Refusal>) -> Result<(), Refusal> {
        // Relaxed: this thread wrote it.
        let armed = self.armed.swap(0, Relaxed);
        compiler_fence(SeqCst);
        // Acquire pairs with the Release store in `send`: `target` is this signal's or a later
        // one's.
        self.pending.swap(false, Acquire);
        let verdict = match armed {
            0 => Err(Refusal::NoRegion),
            // Acquire pairs with the Release store in `send`: `sent_ns` is this target's or a later
            // one's.
            slice if slice != self.target.load(Acquire) => Err(Refusal::Stale),
            _ => check(),
        };
        if verdict.is_err() {
            // Release: as in `arm`, for a monitor that has not seen this slice yet.
            self.armed.store(armed, Release);
        }
        verdict
    }

    // What the monitor does.

    /// The slice that may be preempted now, and when it began.
    pub(super) fn running(&self) -> Option<(u64, u64)> {
        // Acquire pairs with the Release stores in `arm` and `take`.
        match self.armed.load(Acquire) {
            0 => None,
            slice => Some((slice, self.started_ns.load(Relaxed))),
        }
    }

    /// Sends the signal for `slice` with `send`, which says whether it could, unless one is on its
    /// way.
    pub(super) fn send(&self, slice: u64, now_ns: u64, send: impl FnOnce(T) -> bool) {
        // Held until the signal is sent: the recipient is there for as long.
        let recipient = self.recipient.lock();
        let Some(recipient) = *recipient else { return };
        // Relaxed: the handler that cleared it has read nothing yet that is written here.
        if self.pending.load(Relaxed) {
            return;
        }
        self.sent_ns.store(now_ns, Relaxed);
        // Release pairs with the Acquire load in `take`, which may be that of a signal sent
        // earlier.
        self.target.store(slice, Release);
        // Release pairs with the Acquire swap in `take`.
        self.pending.store(true, Release);
        if !send(recipient) {
            self.pending.store(false, Relaxed);
        }
    }
}
