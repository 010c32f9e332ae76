//! The gate that calls from outside pass on their way into an engine, and that shutdown closes.
//!
//! One word: bit 0 says closed, the next count those inside, and the rest all who ever entered
//! (which saves a counter of its own). Entering is one `fetch_add` that also reads the bit, so
//! there is no moment at which a caller could have entered and the closer not seen it: both act on
//! the same word, whose modification order decides. Closing sets the bit and waits until nobody is
//! inside; from then on no foreign thread touches the policy, which may be dropped.

use super::atomic::{
    AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};

const CLOSED: u64 = 1;
/// One inside: there is room for 2¹⁸, and no thread comes in so often on top of itself.
const INSIDE: u64 = 1 << 1;
/// One who entered, now or before: 2⁴⁴ of them take days at the least.
const ENTERED: u64 = 1 << 20;

/// Set when more are inside than there is room for.
const CROWDED: u64 = ENTERED >> 1;

/// See the module.
#[derive(Debug)]
pub(crate) struct Gate(AtomicU64);

/// Proof that the gate is open; it stays unclosed while this lives.
#[derive(Debug)]
pub(crate) struct Inside<'a>(&'a Gate);

impl Gate {
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// Enters, unless the gate is closed or closing.
    #[inline]
    pub(crate) fn enter(&self) -> Option<Inside<'_>> {
        // Acquire pairs with nothing of the closer's (a closed gate admits nobody), but with the
        // Release of earlier entrants only through the policy's own synchronisation; it keeps what
        // follows inside.
        let before = self.0.fetch_add(ENTERED + INSIDE, Acquire);
        if before & (CLOSED | CROWDED) == 0 {
            return Some(Inside(self));
        }
        self.turn_back(before)
    }

    #[cold]
    fn turn_back(&self, before: u64) -> Option<Inside<'_>> {
        // Relaxed: nothing was done inside.
        self.0.fetch_sub(ENTERED + INSIDE, Relaxed);
        assert!(
            before & CLOSED != 0,
            "a policy schedules a task while it schedules a task, and so on"
        );
        None
    }

    /// Closes the gate and waits until nobody is inside. What entrants did happens before the
    /// return.
    pub(crate) fn close(&self) {
        self.0.fetch_or(CLOSED, Acquire);
        // Pairs with the Release of every entrant's way out. An entrant is a few instructions from
        // leaving.
        while self.0.load(Acquire) % ENTERED != CLOSED {
            crate::sync::thread::yield_now();
        }
    }

    /// How many entered so far.
    pub(crate) fn entered(&self) -> u64 {
        self.0.load(Relaxed) / ENTERED
    }

    /// Whether the gate is closed or closing.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.load(Acquire) & CLOSED != 0
    }
}

impl Inside<'_> {
    /// Leaves as if it had not entered.
    pub(crate) fn leave_uncounted(self) {
        // Release: as in `drop`.
        self.0.0.fetch_sub(ENTERED + INSIDE, Release);
        std::mem::forget(self);
    }
}

impl Drop for Inside<'_> {
    #[inline]
    fn drop(&mut self) {
        // Pairs with the Acquire load in `close`.
        self.0.0.fetch_sub(INSIDE, Release);
    }
}
