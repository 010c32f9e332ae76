//! One slot per registered source, found by index without a lock.
//!
//! Slots live in pages that double in size, are made on demand and stay until the reactor is gone,
//! so an event's index leads to its slot with two loads, whatever registers or leaves meanwhile. An
//! event's data is `generation << 32 | index`; [`readiness`](super::readiness) says why that
//! suffices.

use std::io;
use std::sync::OnceLock;
use std::task::Waker;

use rustix::event::epoll::EventFlags;

use super::Interest;
use super::readiness::{Arm, Claimed, Readiness};
use super::waiters::{Token, Waiters};
use crate::sync::ClosedMutex;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Slots of the first page; page `n` has `FIRST_PAGE << n`.
const FIRST_PAGE: usize = 64;
/// Pages at most: room for 2^26 sources, more than a process can have descriptors (2^20 by
/// default).
const PAGES: usize = 20;

/// The state of one source: 128 bytes, so that neighbours do not share cache lines, and a reader
/// touches only the first 64.
#[derive(Debug)]
#[repr(C, align(128))]
pub(super) struct Slot {
    pub(super) readiness: Readiness,
    waiters: ClosedMutex<Waiters>,
}

impl Slot {
    pub(super) fn new() -> Self {
        Self { readiness: Readiness::new(), waiters: ClosedMutex::new(Waiters::default()) }
    }

    /// Stores the waker and announces it. Unless the answer is [`Arm::Waiting`], nothing stays
    /// stored.
    ///
    /// Every waker that stays stored after the lock is released is covered: its direction's waiting
    /// bit is set, or whoever cleared that bit has yet to take this lock, and will find the waker
    /// then.
    pub(super) fn arm(&self, interest: Interest, token: &mut Token, waker: &Waker) -> Arm {
        // Cloning a waker runs foreign code, as dropping one does, and it may come back to this
        // very source: so neither is done under the lock. Nearly always the clone is wanted, since
        // an event takes the one before.
        let waker = waker.clone();
        let left_over;
        let unused;
        let arm;
        {
            let mut waiters = self.waiters.lock();
            left_over = waiters.put(interest, token, waker);
            // The look at the word comes after the waker is in place: an event that came before is
            // seen here, and one that comes later sees the waiter.
            arm = self.readiness.arm(interest);
            unused = if arm == Arm::Waiting { None } else { waiters.remove(interest, *token) };
        }
        // The last reference to a task may go here, and with it sources of this reactor.
        drop((left_over, unused));
        arm
    }

    /// Forgets a waiter whose future is dropped.
    pub(super) fn disarm(&self, interest: Interest, token: Token) {
        // If an event has claimed the waiters of this direction, ours is gone or about to be taken.
        if !token.is_none() && self.readiness.is_armed(interest) {
            let waker = self.waiters.lock().remove(interest, token);
            drop(waker);
        }
    }

    /// Records an event and moves the wakers of those who waited for it to `wakers`. `false`: the
    /// event is for an earlier source of this slot.
    pub(super) fn deliver(
        &self,
        generation: u32,
        events: EventFlags,
        wakers: &mut Vec<Waker>,
    ) -> bool {
        let Some(claimed) = self.readiness.set(generation, events) else { return false };
        if claimed != Claimed::default() {
            let mut waiters = self.waiters.lock();
            // `close` changes the generation before it takes this lock, so an equal one means that
            // the waiters found here are still those of the source that the event is for.
            if self.readiness.load().generation() == generation {
                if claimed.read {
                    waiters.take(Interest::Readable, wakers);
                }
                if claimed.write {
                    waiters.take(Interest::Writable, wakers);
                }
            }
        }
        true
    }

    /// Ends the generation and takes the waiters out.
    pub(super) fn close(&self) -> Vec<Waker> {
        let mut wakers = Vec::new();
        self.readiness.close();
        self.waiters.lock().take_all(&mut wakers);
        wakers
    }

    /// Makes every later operation fail, and takes the waiters out.
    pub(super) fn shut_down(&self, wakers: &mut Vec<Waker>) {
        self.readiness.shut_down();
        self.waiters.lock().take_all(wakers);
    }
}

/// Which slot a source has, and in which generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

impl Key {
    pub(super) fn data(self) -> u64 {
        u64::from(self.generation) << 32 | u64::from(self.index)
    }

    pub(super) fn from_data(data: u64) -> Self {
        Self { index: data as u32, generation: (data >> 32) as u32 }
    }

    pub(super) fn generation(self) -> u32 {
        self.generation
    }
}

#[derive(Debug)]
pub(super) struct Slots {
    pages: [OnceLock<Box<[Slot]>>; PAGES],
    /// How many are taken; changed under the lock of `free`, read without it.
    live: AtomicUsize,
    free: ClosedMutex<Free>,
}

#[derive(Debug)]
struct Free {
    /// Given back, the last one first: its lines are still in the cache.
    indices: Vec<u32>,
    /// All indices from here on were never used.
    fresh: u32,
    shut_down: bool,
}

impl Slots {
    pub(super) fn new() -> Self {
        Self {
            pages: [const { OnceLock::new() }; PAGES],
            live: AtomicUsize::new(0),
            free: ClosedMutex::new(Free { indices: Vec::new(), fresh: 0, shut_down: false }),
        }
    }

    /// Which page holds an index, and where in it.
    fn place(index: u32) -> (usize, usize) {
        let shifted = index as usize + FIRST_PAGE;
        let page = (shifted.ilog2() - FIRST_PAGE.ilog2()) as usize;
        (page, shifted - (FIRST_PAGE << page))
    }

    /// The slot with this index, if its page exists.
    #[inline]
    pub(super) fn get(&self, key: Key) -> Option<&Slot> {
        let (page, at) = Self::place(key.index);
        self.pages.get(page)?.get()?.get(at)
    }

    /// How many sources are registered, as of some recent moment.
    #[inline]
    pub(super) fn live(&self) -> usize {
        self.live.load(Relaxed)
    }

    /// Takes a free slot, and calls `first` if no other is taken; before it has returned nobody
    /// else takes one.
    ///
    /// # Errors
    /// When the reactor has shut down, or when it holds as many sources as it can.
    pub(super) fn insert(&self, optimistic: bool, first: impl FnOnce()) -> io::Result<Key> {
        let mut free = self.free.lock();
        if free.shut_down {
            return Err(super::shut_down_error());
        }
        let index = match free.indices.pop() {
            Some(index) => index,
            None => {
                let index = free.fresh;
                let (page, _) = Self::place(index);
                let page_cell = self
                    .pages
                    .get(page)
                    .ok_or_else(|| io::Error::other("the reactor has no room for more sources"))?;
                page_cell.get_or_init(|| (0..FIRST_PAGE << page).map(|_| Slot::new()).collect());
                free.fresh += 1;
                index
            }
        };
        let live = self.live.load(Relaxed);
        // Relaxed: `first` publishes the step that matters.
        self.live.store(live + 1, Relaxed);
        if live == 0 {
            first();
        }
        drop(free);
        let unopened = Key { index, generation: 0 };
        let generation = self.get(unopened).map_or(0, |slot| slot.readiness.open(optimistic));
        Ok(Key { index, generation })
    }

    /// Gives a slot back. Its source must not be watched any more.
    pub(super) fn remove(&self, key: Key) {
        let Some(slot) = self.get(key) else { return };
        let wakers = slot.close();
        {
            let mut free = self.free.lock();
            free.indices.push(key.index);
            self.live.store(self.live.load(Relaxed) - 1, Relaxed);
        }
        drop(wakers);
    }

    /// Refuses new sources, makes every operation of the existing ones fail, and takes all waiters
    /// out.
    pub(super) fn shut_down(&self, wakers: &mut Vec<Waker>) {
        let used = {
            let mut free = self.free.lock();
            free.shut_down = true;
            free.fresh
        };
        for index in 0..used {
            if let Some(slot) = self.get(Key { index, generation: 0 }) {
                slot.shut_down(wakers);
            }
        }
    }
}
