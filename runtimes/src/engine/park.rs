//! How one worker blocks: on a futex, or in epoll when it drives the reactor.
//!
//! The word is a token: `unpark` sets it, `park` consumes it. A worker that is about to block first
//! turns EMPTY into the state that says how it blocks; an `unpark` swaps in NOTIFIED and does what the
//! state it replaced asks for. Both act on one word, so either the worker sees NOTIFIED and does not block,
//! or the unparker sees how it blocks. A stale token makes one later park return at once, which its
//! caller must (and does) tolerate.

use crate::reactor;
use crate::sync::atomic::{
    AtomicU32,
    Ordering::{AcqRel, Acquire, Release},
};
use crate::sync::futex;

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const ON_FUTEX: u32 = 2;
const IN_EPOLL: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Parker(AtomicU32);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(AtomicU32::new(EMPTY))
    }

    /// Blocks until [`unpark`](Self::unpark).
    pub(crate) fn park(&self) {
        if !self.block_as(ON_FUTEX) {
            return;
        }
        // Acquire pairs with the Release half of the swap in `unpark`.
        while self.0.load(Acquire) == ON_FUTEX {
            futex::wait(&self.0, ON_FUTEX);
        }
        self.0.store(EMPTY, Release);
    }

    /// Calls `turn`, which blocks in epoll, unless the token is there already. An `unpark` meanwhile
    /// interrupts it through the reactor's notifier.
    pub(crate) fn park_in<T>(&self, turn: impl FnOnce() -> T) -> Option<T> {
        if !self.block_as(IN_EPOLL) {
            return None;
        }
        let result = turn();
        // Whatever ended the turn, a token that came meanwhile is consumed with it. Acquire pairs with
        // the swap in `unpark`.
        self.0.swap(EMPTY, AcqRel);
        Some(result)
    }

    /// Announces how the worker blocks. False: a token was there, and is consumed.
    fn block_as(&self, how: u32) -> bool {
        // AcqRel: Acquire to see what an unparker wrote before its swap, Release for the next unparker.
        if self.0.compare_exchange(EMPTY, how, AcqRel, Acquire).is_ok() {
            return true;
        }
        self.0.store(EMPTY, Release);
        false
    }

    /// Leaves the token, and interrupts the worker if it blocks.
    pub(crate) fn unpark(&self, reactor: &reactor::Handle) {
        // Release publishes what the unparker did; Acquire orders it after the worker's announcement.
        match self.0.swap(NOTIFIED, AcqRel) {
            ON_FUTEX => futex::wake_one(&self.0),
            IN_EPOLL => reactor.notify(),
            _ => {}
        }
    }
}
