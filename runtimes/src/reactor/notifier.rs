//! Blocks the driver, and ends that wait from another thread.
//!
//! The driver waits in epoll, which an eventfd interrupts; or, while no source is registered, on
//! the word below, which is a futex: the kernel has nothing to say then, and a futex wakes its
//! thread in less time than an eventfd does.
//!
//! # Protocol
//! The word has four bits. `WAITING`: a driver is in a blocking wait or will be after its next look
//! at the word. `ON_FUTEX`: that wait is on the word. `NOTIFIED`: somebody wants the turn to
//! return. `REARM`: an earlier timer or the first source came in, so the driver waits too long or
//! for the wrong thing; the turn goes on with a new wait.
//!
//! - [`Word::raise`] sets its bit. It interrupts the wait only if `WAITING` was set and no reason
//!   was.
//! - [`Word::prepare`] sets `WAITING` before the wait. If a reason is there already, the driver
//!   does not block.
//! - [`Word::finish`] clears all bits after the wait and says which reasons there were.
//!
//! All three are read-modify-writes of one word, so they have one order. A `raise` comes before
//! `prepare` (which sees the reason), or between `prepare` and `finish` (it, or an earlier raise
//! that set the first reason, interrupts the wait: the word is no longer what the futex expects, or
//! the write is an edge for epoll), or after `finish` (the bit stays for the next `prepare`). In no
//! case does a driver sleep on a raised reason, nor on the word while a source is registered:
//! whoever registers the first counts it, then raises `REARM`; a driver that did not see the count
//! has not finished after that `raise`, so it meets the bit as above. Each step is also an acquire
//! and a release, and a chain of read-modify-writes keeps every earlier release: whatever a thread
//! wrote before it raised is visible to the driver once `finish` has reported the reason.
//!
//! The eventfd is registered once, edge-triggered, and never read: each write is a new edge, and
//! its counter cannot overflow in a machine's lifetime. A write that races with the end of a wait
//! leaves an edge behind which ends the next wait early and for nothing; the turn then simply waits
//! again.
//!
//! A turn that does not block touches none of this: it must not swallow what is meant for one that
//! does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

use rustix::event::{EventfdFlags, eventfd};

use crate::sync::Futex;
use crate::sync::atomic::Ordering::{AcqRel, Relaxed};

const WAITING: u32 = 1;
const NOTIFIED: u32 = 2;
const REARM: u32 = 4;
const ON_FUTEX: u32 = 8;

/// Why a wait should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Reason {
    /// The turn shall return.
    Notified = NOTIFIED,
    /// The turn shall wait anew: for less time, or for sources too.
    Rearm = REARM,
}

/// What a blocking wait blocks on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Place {
    /// epoll, since there are sources.
    Epoll = WAITING,
    /// The word.
    Futex = WAITING | ON_FUTEX,
}

/// The reasons that were raised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Reasons(u32);

impl Reasons {
    pub(super) fn any(self) -> bool {
        self.0 & (NOTIFIED | REARM) != 0
    }

    pub(super) fn notified(self) -> bool {
        self.0 & NOTIFIED != 0
    }
}

/// The part of the protocol that a model checker can explore: see the module's text.
#[derive(Debug)]
pub(super) struct Word(Futex);

impl Word {
    pub(super) fn new() -> Self {
        Self(Futex::new(0))
    }

    /// Sets `reason`, and ends a wait on the word; `true` asks the caller to write to the eventfd.
    pub(super) fn raise(&self, reason: Reason) -> bool {
        // Unconditional even if the bit is set: the read-modify-write is what publishes the
        // caller's data.
        let before = self.0.fetch_or(reason as u32, AcqRel);
        if before == Place::Futex as u32 {
            self.0.wake_one();
        }
        before == Place::Epoll as u32
    }

    /// Announces a blocking wait. If the answer holds any reason, the wait must not block.
    pub(super) fn prepare(&self, place: Place) -> Reasons {
        Reasons(self.0.fetch_or(place as u32, AcqRel))
    }

    /// Blocks until a reason is raised, for `timeout` at most, after [`prepare`](Self::prepare)
    /// with [`Place::Futex`]. May return early.
    pub(super) fn wait(&self, timeout: Option<Duration>) {
        // Relaxed: `finish` acquires.
        if self.0.load(Relaxed) == Place::Futex as u32 {
            match timeout {
                None => self.0.wait(Place::Futex as u32),
                Some(timeout) => self.0.wait_for(Place::Futex as u32, timeout),
            }
        }
    }

    /// Whether a driver blocks on the word, or will, whom nobody has told to wake up.
    #[cfg(all(test, stampede_loom))]
    pub(super) fn is_asleep(&self) -> bool {
        self.0.load(Relaxed) == Place::Futex as u32
    }

    /// Ends the wait and takes the reasons.
    pub(super) fn finish(&self) -> Reasons {
        Reasons(self.0.swap(0, AcqRel))
    }
}

/// Wakes the one thread that waits for a reactor.
#[derive(Debug)]
pub(super) struct Notifier {
    word: Word,
    event: OwnedFd,
}

impl Notifier {
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self {
            word: Word::new(),
            event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?,
        })
    }

    pub(super) fn raise(&self, reason: Reason) {
        if self.word.raise(reason) {
            // The only error is a full counter, after 2^64 writes; and then the descriptor is
            // readable anyway.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    pub(super) fn prepare(&self, place: Place) -> Reasons {
        self.word.prepare(place)
    }

    pub(super) fn wait(&self, timeout: Option<Duration>) {
        self.word.wait(timeout);
    }

    pub(super) fn finish(&self) -> Reasons {
        self.word.finish()
    }
}

impl AsFd for Notifier {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.event.as_fd()
    }
}
