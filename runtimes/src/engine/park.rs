//! How one worker blocks: on a futex, or in epoll when it drives the reactor.
//!
//! The word is a token: `unpark` leaves it, `park` consumes it. A worker that is about to block
//! first turns EMPTY into the state that says how it blocks; an `unpark` swaps in NOTIFIED and does
//! what the state it replaced asks for. Both act on one word, so either the worker sees NOTIFIED
//! and does not block, or the unparker sees how it blocks. A stale token makes one later park
//! return at once, which its caller must (and does) tolerate.
//!
//! **Orderings.** What an unparker did before its swap (Release) is visible to the worker once it
//! has consumed the token (Acquire). Consuming must be a read-modify-write: a second unparker may
//! have replaced the token that the worker saw, and a plain store would wipe out its token without
//! reading it.

use std::time::Duration;

use crate::sync::Futex;
use crate::sync::atomic::Ordering::{Acquire, Relaxed, Release};

const EMPTY: u32 = 0;
const NOTIFIED: u32 = 1;
const ON_FUTEX: u32 = 2;
const IN_EPOLL: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(crate) struct Parker(Futex);

impl Parker {
    pub(crate) fn new() -> Self {
        Self(Futex::new(EMPTY))
    }

    /// Blocks until [`unpark`](Self::unpark).
    pub(crate) fn park(&self) {
        if !self.block_as(ON_FUTEX) {
            return;
        }
        while self.0.load(Relaxed) == ON_FUTEX {
            self.0.wait(ON_FUTEX);
        }
        self.consume();
    }

    /// Blocks until [`unpark`](Self::unpark), for `time` at most. It may end early. Whether there
    /// was an `unpark`.
    pub(crate) fn park_for(&self, time: Duration) -> bool {
        if !self.block_as(ON_FUTEX) {
            return true;
        }
        self.0.wait_for(ON_FUTEX, time);
        self.consume()
    }

    /// Calls `turn`, which blocks in epoll, unless the token is there already. An `unpark`
    /// meanwhile interrupts it. Whether there was one.
    pub(crate) fn park_in(&self, turn: impl FnOnce()) -> bool {
        if !self.block_as(IN_EPOLL) {
            return true;
        }
        turn();
        // Whatever ended the turn, a token that came meanwhile is consumed with it.
        self.consume()
    }

    /// Announces how the worker blocks. False: a token was there, and is consumed.
    fn block_as(&self, how: u32) -> bool {
        // Relaxed: the announcement publishes nothing but itself.
        if self.0.compare_exchange(EMPTY, how, Relaxed, Relaxed).is_ok() {
            return true;
        }
        self.consume();
        false
    }

    /// Whether a token was there.
    fn consume(&self) -> bool {
        // Acquire pairs with the Release swap of each unparker whose token this is: their swaps
        // form one release sequence.
        self.0.swap(EMPTY, Acquire) == NOTIFIED
    }

    /// Leaves the token, and wakes the worker if it blocks on the futex, or calls `interrupt` if it
    /// blocks in epoll.
    pub(crate) fn unpark(&self, interrupt: impl FnOnce()) {
        // Release pairs with the Acquire swap in `consume`.
        match self.0.swap(NOTIFIED, Release) {
            ON_FUTEX => self.0.wake_one(),
            IN_EPOLL => interrupt(),
            _ => {}
        }
    }
}
