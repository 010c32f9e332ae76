//! The readiness word: what is known about one source, in one atomic.
//!
//! ```text
//!  63            32 31             8 7             0
//! [  generation    |     tick       |     flags     ]
//! ```
//! # No edge is lost
//! Edge-triggered epoll reports each change once, so a change must not be forgotten. An operation
//! loads the word, makes its system call, and if that says "would block" it clears the readiness
//! **only if the tick is still the one it loaded**. Every delivered event adds one to the tick. An
//! edge that comes after the system call is delivered after it too, hence after the load; whether
//! the delivery comes before the clear (the tick differs, the clear does nothing) or after it (the
//! bit is set again), the bit stays set. Without the tick, a clear could erase the very edge that
//! made its answer out of date, and the task would sleep for ever beside a full socket.
//!
//! # No waiter is lost
//! The word also holds one bit per direction that says whether anyone waits. An event sets the
//! readiness and clears that bit in one step; a waiter sets it in one step that fails if the
//! readiness is there. So either the waiter sees the readiness, or the event sees the waiter and
//! must wake it.
//!
//! # No old event reaches a new source
//! The generation is part of the word and of the event's data. An event taken from the kernel
//! before its source was dropped fails the comparison once the slot has moved on to the next
//! generation; and since both live in one word, there is no moment between the check and the
//! update.

use rustix::event::epoll::EventFlags;

use super::Interest;
use crate::sync::atomic::{
    AtomicU64,
    Ordering::{AcqRel, Acquire, Relaxed},
};

const READABLE: u64 = 1 << 0;
/// The peer stops sending: reading can only drain and then reach the end.
const READ_CLOSED: u64 = 1 << 1;
const WRITABLE: u64 = 1 << 2;
const WRITE_CLOSED: u64 = 1 << 3;
/// Urgent data has been seen, or an error: reads stop at the mark of the one and before the other
/// is reported, so a short read no longer means "drained".
const STOPS_SHORT: u64 = 1 << 4;
const READ_WAITING: u64 = 1 << 5;
const WRITE_WAITING: u64 = 1 << 6;
/// The reactor has shut down. Never cleared.
const SHUT_DOWN: u64 = 1 << 7;

const TICK_ONE: u64 = 1 << 8;
const TICK_MASK: u64 = 0xFF_FFFF << 8;
const GENERATION_SHIFT: u32 = 32;

impl Interest {
    const fn ready(self) -> u64 {
        match self {
            Self::Readable => READABLE | READ_CLOSED,
            Self::Writable => WRITABLE | WRITE_CLOSED,
        }
    }

    const fn edge(self) -> u64 {
        match self {
            Self::Readable => READABLE,
            Self::Writable => WRITABLE,
        }
    }

    const fn waiting(self) -> u64 {
        match self {
            Self::Readable => READ_WAITING,
            Self::Writable => WRITE_WAITING,
        }
    }
}

/// What the word held at one moment; an operation keeps it to clear only what it has seen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Snapshot(u64);

impl Snapshot {
    pub(super) fn is_ready(self, interest: Interest) -> bool {
        self.0 & interest.ready() != 0
    }

    pub(super) fn is_shut_down(self) -> bool {
        self.0 & SHUT_DOWN != 0
    }

    /// Whether a read that did not fill its buffer has emptied the socket, and a write that took a
    /// part has filled it.
    pub(super) fn short_transfer_drains(self) -> bool {
        self.0 & STOPS_SHORT == 0
    }

    pub(super) fn generation(self) -> u32 {
        (self.0 >> GENERATION_SHIFT) as u32
    }
}

/// How much an operation has learnt about a direction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Clear {
    /// It transferred less than asked: nothing is left, but an end that was announced is still to
    /// come.
    Drained,
    /// The kernel said "would block": not even an announced end is left.
    WouldBlock,
}

/// What became of an attempt to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Arm {
    /// The next event of this direction will be told that somebody waits.
    Waiting,
    /// An event came in between: try the operation again.
    Ready,
    /// No event will ever come.
    ShutDown,
}

/// The directions whose waiters an event must wake.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Claimed {
    pub(super) read: bool,
    pub(super) write: bool,
}

/// The readiness word of one slot.
#[derive(Debug)]
pub(super) struct Readiness(AtomicU64);

impl Readiness {
    pub(super) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The word now. Acquire: pairs with the release in [`set`](Self::set), so that the system call
    /// after it sees at least what the event reported.
    #[inline]
    pub(super) fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Acquire))
    }

    /// Makes a free slot's word ready for its next source and gives its generation. With
    /// `optimistic`, both directions start as ready: the first operation tries the system call
    /// instead of waiting for an event.
    pub(super) fn open(&self, optimistic: bool) -> u32 {
        let flags = if optimistic { READABLE | WRITABLE } else { 0 };
        // Release: pairs with the acquire of `set`; nobody else writes to a free slot's word but
        // `shut_down`.
        Snapshot(self.0.fetch_or(flags, AcqRel)).generation()
    }

    /// Ends the generation: later events of the old source miss. Keeps only the shut-down flag.
    pub(super) fn close(&self) {
        let next = |word: u64| {
            let generation = (word >> GENERATION_SHIFT).wrapping_add(1) << GENERATION_SHIFT;
            Some(generation | word & SHUT_DOWN)
        };
        // Release: the next owner's `open` acquires it.
        let _ = self.0.fetch_update(AcqRel, Relaxed, next);
    }

    /// Records an event of `generation`, and claims the waiters of the directions that it makes
    /// ready. `None` if the event is for an earlier source of this slot.
    pub(super) fn set(&self, generation: u32, events: EventFlags) -> Option<Claimed> {
        let ready = bits_of(events);
        let waiting = waiters_of(ready);
        let update = |word: u64| {
            let tick = word.wrapping_add(TICK_ONE) & TICK_MASK;
            let same = Snapshot(word).generation() == generation;
            same.then_some((word & !TICK_MASK & !waiting) | tick | ready)
        };
        // Release: pairs with `load`. Acquire: the waker that a waiter stored before `arm`.
        let before = self.0.fetch_update(AcqRel, Acquire, update).ok()?;
        let claimed = before & waiting;
        Some(Claimed { read: claimed & READ_WAITING != 0, write: claimed & WRITE_WAITING != 0 })
    }

    /// Forgets the readiness that `seen` showed, unless an event has come since.
    #[inline]
    pub(super) fn clear(&self, seen: Snapshot, interest: Interest, how: Clear) {
        let bits = match how {
            Clear::Drained => interest.edge(),
            Clear::WouldBlock => interest.ready(),
        };
        let update = |word: u64| {
            let same = (word ^ seen.0) & TICK_MASK == 0;
            (same && word & bits != 0).then_some(word & !bits)
        };
        // Release keeps the system call before the clear.
        let _ = self.0.fetch_update(AcqRel, Relaxed, update);
    }

    /// Announces a waiter of this direction, unless it is ready.
    pub(super) fn arm(&self, interest: Interest) -> Arm {
        let update = |word: u64| {
            let stop = interest.ready() | SHUT_DOWN;
            (word & stop == 0).then_some(word | interest.waiting())
        };
        // Release: pairs with the acquire in `set`. Acquire on failure: as in `load`.
        match self.0.fetch_update(AcqRel, Acquire, update) {
            Ok(_) => Arm::Waiting,
            Err(word) if word & SHUT_DOWN != 0 => Arm::ShutDown,
            Err(_) => Arm::Ready,
        }
    }

    /// Whether a waiter of this direction may still be stored: if not, an event has claimed it.
    pub(super) fn is_armed(&self, interest: Interest) -> bool {
        self.0.load(Relaxed) & interest.waiting() != 0
    }

    /// Makes every later operation fail.
    pub(super) fn shut_down(&self) {
        // Release: pairs with `load` and `arm`.
        self.0.fetch_or(SHUT_DOWN, AcqRel);
    }
}

/// What a kernel event says about the two directions.
fn bits_of(events: EventFlags) -> u64 {
    let mut bits = 0;
    if events.intersects(EventFlags::IN | EventFlags::PRI) {
        bits |= READABLE;
    }
    if events.contains(EventFlags::OUT) {
        bits |= WRITABLE;
    }
    if events.contains(EventFlags::PRI) {
        bits |= STOPS_SHORT;
    }
    if events.contains(EventFlags::RDHUP) {
        bits |= READ_CLOSED;
    }
    if events.contains(EventFlags::HUP) {
        bits |= READ_CLOSED | WRITE_CLOSED;
    }
    if events.contains(EventFlags::ERR) {
        // Whichever operation comes first takes the error; both must look, also behind the data
        // that came before it.
        bits |= READABLE | WRITABLE | STOPS_SHORT;
    }
    bits
}

fn waiters_of(ready: u64) -> u64 {
    let mut waiting = 0;
    for interest in [Interest::Readable, Interest::Writable] {
        if ready & interest.ready() != 0 {
            waiting |= interest.waiting();
        }
    }
    waiting
}

#[cfg(all(test, not(stampede_loom)))]
mod tests {
    use super::*;
    use Interest::{Readable, Writable};

    #[test]
    fn an_end_survives_a_short_read_but_not_a_refusal() {
        let readiness = Readiness::new();
        let generation = readiness.open(false);
        readiness.set(generation, EventFlags::IN | EventFlags::RDHUP);
        readiness.clear(readiness.load(), Readable, Clear::Drained);
        assert!(readiness.load().is_ready(Readable), "the end is still to be read");
        assert!(!readiness.load().is_ready(Writable));
        readiness.clear(readiness.load(), Readable, Clear::WouldBlock);
        assert!(!readiness.load().is_ready(Readable), "the kernel knows better");
    }

    #[test]
    fn nothing_is_concluded_once_urgent_data_or_an_error_was_seen() {
        for events in [EventFlags::PRI, EventFlags::ERR] {
            let readiness = Readiness::new();
            let generation = readiness.open(true);
            assert!(readiness.load().short_transfer_drains());
            readiness.set(generation, events);
            assert!(!readiness.load().short_transfer_drains(), "{events:?}");
            readiness.clear(readiness.load(), Readable, Clear::WouldBlock);
            assert!(!readiness.load().short_transfer_drains(), "{events:?}");
            readiness.close();
            readiness.open(true);
            assert!(readiness.load().short_transfer_drains(), "another source");
        }
    }

    #[test]
    fn errors_and_hang_ups_concern_both_directions() {
        for events in [EventFlags::ERR, EventFlags::HUP] {
            let readiness = Readiness::new();
            let generation = readiness.open(false);
            assert_eq!(readiness.arm(Readable), Arm::Waiting);
            assert_eq!(readiness.arm(Writable), Arm::Waiting);
            assert_eq!(
                readiness.set(generation, events),
                Some(Claimed { read: true, write: true })
            );
            assert!(readiness.load().is_ready(Readable) && readiness.load().is_ready(Writable));
        }
    }

    #[test]
    fn an_event_claims_only_the_waiters_it_concerns() {
        let readiness = Readiness::new();
        let generation = readiness.open(false);
        assert_eq!(readiness.arm(Readable), Arm::Waiting);
        assert_eq!(readiness.set(generation, EventFlags::OUT), Some(Claimed::default()));
        assert!(readiness.is_armed(Readable));
        assert_eq!(
            readiness.set(generation, EventFlags::IN),
            Some(Claimed { read: true, write: false })
        );
        assert!(!readiness.is_armed(Readable));
        assert_eq!(readiness.arm(Readable), Arm::Ready);
    }

    #[test]
    fn the_tick_wraps_without_touching_its_neighbours() {
        let readiness = Readiness::new();
        for _ in 0..3 {
            readiness.close();
        }
        let generation = readiness.open(false);
        assert_eq!(generation, 3);
        for _ in 0..=(TICK_MASK / TICK_ONE) {
            assert!(readiness.set(generation, EventFlags::IN).is_some());
        }
        assert_eq!(readiness.load().generation(), 3);
        assert_eq!(readiness.load().0 & TICK_MASK, 0, "once around");
        assert_eq!(readiness.set(generation.wrapping_add(1), EventFlags::IN), None);
    }

    #[test]
    fn a_shut_down_word_stays_so() {
        let readiness = Readiness::new();
        readiness.open(true);
        readiness.shut_down();
        assert_eq!(readiness.arm(Readable), Arm::ShutDown);
        readiness.close();
        assert!(readiness.load().is_shut_down());
    }
}
