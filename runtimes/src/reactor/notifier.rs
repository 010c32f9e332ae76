//! Ends a blocking wait from another thread: an eventfd, and a word that says whether writing is needed.
//!
//! # Protocol
//! The word has three bits. `WAITING`: a driver is in a blocking wait or will be after its next look
//! at the word. `NOTIFIED`: somebody wants the turn to return. `REARM`: an earlier timer came in, so
//! the driver's timeout is too long; the turn goes on with a new one.
//!
//! - [`Word::raise`] sets its bit. It asks for a write only if `WAITING` was set and no reason was.
//! - [`Word::prepare`] sets `WAITING` before the wait. If a reason is there already, the driver does not block.
//! - [`Word::finish`] clears all three bits after the wait and says which reasons there were.
//!
//! All three are read-modify-writes of one word, so they have one order. A `raise` comes before
//! `prepare` (which sees the reason), or between `prepare` and `finish` (it, or an earlier raise that
//! set the first reason, writes; the write is an edge, and the wait returns), or after `finish` (the
//! bit stays for the next `prepare`). In no case does a driver sleep on a raised reason. Each is also
//! an acquire and a release, and a chain of read-modify-writes keeps every earlier release: whatever
//! a thread wrote before it raised is visible to the driver once `finish` has reported the reason.
//!
//! The eventfd is registered once, edge-triggered, and never read: each write is a new edge, and its
//! counter cannot overflow in a machine's lifetime. A write that races with the end of a wait leaves
//! an edge behind which ends the next wait early and for nothing; the turn then simply waits again.
//!
//! A turn that does not block touches none of this: it must not swallow what is meant for one that does.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::event::{EventfdFlags, eventfd};

use crate::sync::atomic::{AtomicU32, Ordering::AcqRel};

const WAITING: u32 = 1;
const NOTIFIED: u32 = 2;
const REARM: u32 = 4;

/// Why a wait should end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u32)]
pub(super) enum Reason {
    /// The turn shall return.
    Notified = NOTIFIED,
    /// The turn shall compute its timeout again.
    Rearm = REARM,
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
pub(super) struct Word(AtomicU32);

impl Word {
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(0))
    }

    /// Sets `reason`; `true` asks the caller to write to the eventfd.
    pub(super) fn raise(&self, reason: Reason) -> bool {
        // Unconditional even if the bit is set: the read-modify-write is what publishes the caller's data.
        self.0.fetch_or(reason as u32, AcqRel) & (WAITING | NOTIFIED | REARM) == WAITING
    }

    /// Announces a blocking wait. If the answer holds any reason, the wait must not block.
    pub(super) fn prepare(&self) -> Reasons {
        Reasons(self.0.fetch_or(WAITING, AcqRel))
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
        Ok(Self { word: Word::new(), event: eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)? })
    }

    pub(super) fn raise(&self, reason: Reason) {
        if self.word.raise(reason) {
            // The only error is a full counter, after 2^64 writes; and then the descriptor is readable anyway.
            let _ = rustix::io::write(&self.event, &1_u64.to_ne_bytes());
        }
    }

    pub(super) fn prepare(&self) -> Reasons {
        self.word.prepare()
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
