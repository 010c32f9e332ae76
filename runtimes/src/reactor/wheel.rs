//! A hierarchical timing wheel with nanosecond ticks: arming, cancelling and firing in constant
//! time.
//!
//! Eleven levels of 64 buckets cover the 64 bits of a deadline, six at a time. A timer lies at the
//! level of the highest digit (base 64) in which its deadline differs from the wheel's time, in the
//! bucket of that digit. So the lowest level that is not empty holds the earliest timers, its first
//! bucket that is not empty holds the very earliest, and two bit scans find it. When the time
//! enters a bucket, the bucket's timers are due or move to a lower level: each timer moves at most
//! ten times in its life, and a bucket that is wholly past is not taken apart.
//!
//! Each bucket keeps a lower bound of its deadlines, exact unless the earliest was cancelled; so
//! the wheel names the next deadline to the nanosecond, not the beginning of a coarse bucket.
//!
//! The entries are nodes of one vector, linked by index. Nothing here allocates once the vector has
//! grown to the largest number of timers that were pending at once.

use std::task::Waker;

const DIGIT_BITS: u32 = 6;
const BUCKETS: usize = 1 << DIGIT_BITS;
const LEVELS: usize = 64_u32.div_ceil(DIGIT_BITS) as usize;
/// No node.
const NIL: u32 = u32::MAX;

/// Where a node is linked in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Place {
    Free,
    Bucket { level: u8, digit: u8 },
    Due,
}

#[derive(Debug)]
struct Node {
    deadline_ns: u64,
    waker: Option<Waker>,
    previous: u32,
    next: u32,
    generation: u32,
    place: Place,
}

/// One timer of the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Key {
    index: u32,
    generation: u32,
}

/// A circular list of nodes: `head` is the oldest, its `previous` the newest.
#[derive(Clone, Copy, Debug)]
struct Bucket {
    head: u32,
    /// No deadline in here is before this.
    earliest_ns: u64,
}

#[derive(Debug)]
struct Level {
    /// Bit `n`: bucket `n` is not empty.
    occupied: u64,
    buckets: [Bucket; BUCKETS],
}

#[derive(Debug)]
pub(super) struct Wheel {
    /// The time up to which everything is due. Every linked timer's deadline is later.
    now_ns: u64,
    levels: Box<[Level; LEVELS]>,
    /// Bit `n`: level `n` is not empty.
    occupied: u32,
    /// Head of the list of timers that are due and not yet taken, by deadline.
    due: u32,
    nodes: Vec<Node>,
    /// Head of the list of free nodes, linked by `next`.
    free: u32,
    len: usize,
    /// For putting a bucket's timers into order.
    scratch: Vec<(u64, u32)>,
}

impl Wheel {
    pub(super) fn new() -> Self {
        let level = || Level {
            occupied: 0,
            buckets: [Bucket { head: NIL, earliest_ns: u64::MAX }; BUCKETS],
        };
        // Collected on the heap: unoptimised, building the array in place takes more than a
        // coroutine's stack.
        let levels: Box<[Level]> = (0..LEVELS).map(|_| level()).collect();
        Self {
            now_ns: 0,
            levels: levels.try_into().expect("as many as asked for"),
            occupied: 0,
            due: NIL,
            nodes: Vec::new(),
            free: NIL,
            len: 0,
            scratch: Vec::new(),
        }
    }

    /// How many timers are pending.
    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The time of the last [`advance`](Self::advance).
    pub(super) fn now_ns(&self) -> u64 {
        self.now_ns
    }

    /// A deadline before which nothing becomes due; the earliest deadline, unless that timer was
    /// cancelled.
    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        if self.due != NIL {
            return Some(self.now_ns);
        }
        let (level, digit) = self.first_bucket()?;
        Some(self.levels[level].buckets[digit].earliest_ns)
    }

    /// The deadline of the first timer that is due and not yet taken.
    pub(super) fn first_due_ns(&self) -> Option<u64> {
        (self.due != NIL).then(|| self.nodes[self.due as usize].deadline_ns)
    }

    /// Adds a timer. `None` if it is due already.
    pub(super) fn insert(&mut self, deadline_ns: u64, waker: Waker) -> Option<Key> {
        if deadline_ns <= self.now_ns {
            return None;
        }
        let index = self.allocate(deadline_ns, waker);
        self.link(index);
        self.len += 1;
        Some(Key { index, generation: self.nodes[index as usize].generation })
    }

    /// The waker of a timer that has not been taken or cancelled.
    pub(super) fn waker_mut(&mut self, key: Key) -> Option<&mut Waker> {
        let node = self.nodes.get_mut(key.index as usize)?;
        if node.generation == key.generation { node.waker.as_mut() } else { None }
    }

    /// Removes a timer, unless it has been taken. Its waker is returned, to be dropped when no lock
    /// is held.
    pub(super) fn cancel(&mut self, key: Key) -> Option<Waker> {
        if self.nodes.get(key.index as usize)?.generation != key.generation {
            return None;
        }
        self.unlink(key.index);
        self.release(key.index)
    }

    /// Moves the time on: every timer whose deadline is not later becomes due, the earliest first.
    pub(super) fn advance(&mut self, now_ns: u64) {
        if now_ns <= self.now_ns {
            return;
        }
        while let Some((level, digit)) = self.first_bucket() {
            let shift = DIGIT_BITS * level as u32;
            // All digits above `level` are those of the wheel's time; the lower ones are zero at
            // the beginning.
            let above = self.now_ns.checked_shr(shift + DIGIT_BITS).unwrap_or(0);
            let start =
                above.checked_shl(shift + DIGIT_BITS).unwrap_or(0) | (digit as u64) << shift;
            if start > now_ns {
                break;
            }
            let mut moving = std::mem::take(&mut self.scratch);
            self.empty_bucket(level, digit, &mut moving);
            // Mostly in order already. Stable, so that equal deadlines fire in the order in which
            // they were armed.
            if !moving.is_sorted_by_key(|&(deadline_ns, _)| deadline_ns) {
                moving.sort_by_key(|&(deadline_ns, _)| deadline_ns);
            }
            let due = moving.partition_point(|&(deadline_ns, _)| deadline_ns <= now_ns);
            for &(_, index) in &moving[..due] {
                self.nodes[index as usize].place = Place::Due;
                self.due = self.append(self.due, index);
            }
            if due < moving.len() {
                // The new time lies in this bucket, so every other timer is later; the rest of this
                // one goes lower.
                self.now_ns = now_ns;
                for &(_, index) in &moving[due..] {
                    self.link(index);
                }
            }
            moving.clear();
            self.scratch = moving;
        }
        self.now_ns = now_ns;
    }

    /// Takes up to `limit` due timers out, the earliest first, and appends their wakers to
    /// `wakers`.
    pub(super) fn take_due(&mut self, limit: usize, wakers: &mut Vec<Waker>) {
        for _ in 0..limit {
            let index = self.due;
            if index == NIL {
                break;
            }
            self.due = self.detach(self.due, index);
            wakers.extend(self.release(index));
        }
    }

    /// Removes every timer.
    pub(super) fn drain(&mut self, wakers: &mut Vec<Waker>) {
        let linked = |nodes: &[Node], i: u32| nodes[i as usize].place != Place::Free;
        for index in 0..self.nodes.len() as u32 {
            if linked(&self.nodes, index) {
                self.unlink(index);
                wakers.extend(self.release(index));
            }
        }
    }

    /// The bucket with the earliest timers.
    fn first_bucket(&self) -> Option<(usize, usize)> {
        if self.occupied == 0 {
            return None;
        }
        let level = self.occupied.trailing_zeros() as usize;
        Some((level, self.levels[level].occupied.trailing_zeros() as usize))
    }

    /// Links a node into the bucket that its deadline and the wheel's time ask for.
    fn link(&mut self, index: u32) {
        let deadline_ns = self.nodes[index as usize].deadline_ns;
        let level = (deadline_ns ^ self.now_ns).ilog2() / DIGIT_BITS;
        let digit = (deadline_ns >> (level * DIGIT_BITS)) as usize % BUCKETS;
        self.nodes[index as usize].place = Place::Bucket { level: level as u8, digit: digit as u8 };
        let Bucket { head, earliest_ns } = self.levels[level as usize].buckets[digit];
        let head = self.append(head, index);
        let level_ref = &mut self.levels[level as usize];
        level_ref.buckets[digit] = Bucket { head, earliest_ns: earliest_ns.min(deadline_ns) };
        level_ref.occupied |= 1 << digit;
        self.occupied |= 1 << level;
    }

    fn unlink(&mut self, index: u32) {
        match self.nodes[index as usize].place {
            Place::Free => {}
            Place::Due => self.due = self.detach(self.due, index),
            Place::Bucket { level, digit } => {
                let (level, digit) = (level as usize, digit as usize);
                let head = self.detach(self.levels[level].buckets[digit].head, index);
                self.levels[level].buckets[digit].head = head;
                if head == NIL {
                    self.mark_empty(level, digit);
                }
            }
        }
    }

    /// Copies a bucket's nodes to `into`, oldest first, and leaves the bucket empty.
    fn empty_bucket(&mut self, level: usize, digit: usize, into: &mut Vec<(u64, u32)>) {
        let head = self.levels[level].buckets[digit].head;
        let mut index = head;
        loop {
            let node = &self.nodes[index as usize];
            into.push((node.deadline_ns, index));
            index = node.next;
            if index == head {
                break;
            }
        }
        self.mark_empty(level, digit);
    }

    fn mark_empty(&mut self, level: usize, digit: usize) {
        let level_ref = &mut self.levels[level];
        level_ref.buckets[digit] = Bucket { head: NIL, earliest_ns: u64::MAX };
        level_ref.occupied &= !(1 << digit);
        if level_ref.occupied == 0 {
            self.occupied &= !(1 << level);
        }
    }

    /// Adds a node at the end of a list; returns the list's head.
    fn append(&mut self, head: u32, index: u32) -> u32 {
        if head == NIL {
            let node = &mut self.nodes[index as usize];
            (node.previous, node.next) = (index, index);
            return index;
        }
        let last = std::mem::replace(&mut self.nodes[head as usize].previous, index);
        self.nodes[last as usize].next = index;
        let node = &mut self.nodes[index as usize];
        (node.previous, node.next) = (last, head);
        head
    }

    /// Takes a node out of a list; returns the list's head.
    fn detach(&mut self, head: u32, index: u32) -> u32 {
        let Node { previous, next, .. } = self.nodes[index as usize];
        if next == index {
            return NIL;
        }
        self.nodes[previous as usize].next = next;
        self.nodes[next as usize].previous = previous;
        if head == index { next } else { head }
    }

    fn allocate(&mut self, deadline_ns: u64, waker: Waker) -> u32 {
        if self.free == NIL {
            let index = self.nodes.len() as u32;
            assert!(index != NIL, "more than 2^32 timers are pending");
            self.nodes.push(Node {
                deadline_ns,
                waker: Some(waker),
                previous: index,
                next: index,
                generation: 0,
                place: Place::Free,
            });
            return index;
        }
        let index = self.free;
        let node = &mut self.nodes[index as usize];
        self.free = node.next;
        (node.deadline_ns, node.waker) = (deadline_ns, Some(waker));
        index
    }

    /// Frees a node that is in no list any more, and ends its generation.
    fn release(&mut self, index: u32) -> Option<Waker> {
        let node = &mut self.nodes[index as usize];
        node.place = Place::Free;
        node.generation = node.generation.wrapping_add(1);
        node.next = self.free;
        self.free = index;
        self.len -= 1;
        node.waker.take()
    }
}

#[cfg(test)]
mod tests;
