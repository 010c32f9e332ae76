//! The state word of a task: who may touch the future, and who keeps the memory alive.
//!
//! Bits, and a count of wakers above them:
//!
//! - `SCHEDULED`: somebody owns the duty to run the task, as a [`Runnable`](super::Runnable). Set
//!   by the wake that found it idle; turned into `RUNNING` by the worker that took it. While the
//!   task is `RUNNING` it only records that a wake came, which one more poll must answer.
//! - `RUNNING`: whoever owns the duty to run the task has exclusive access to the future and will
//!   write the output. A task that is new, that gave way to others in the middle of its poll, or
//!   that was woken by value lies in its queue in this state: a wake that comes meanwhile says so
//!   with `SCHEDULED`, and without one the worker that takes the task has no step on the word to
//!   do.
//! - `DONE`: the output is written (or dropped, where no handle wanted it). Set once.
//! - `CANCELLED`: whoever runs the task next drops the future instead.
//! - `HANDLE`: the join handle exists. It alone reads the output.
//! - `AWAITER`: the awaiter's slot holds a waker. While it is clear the handle owns the slot; when
//!   `DONE` is set together with it, the slot belongs to the worker that set `DONE`.
//!
//! **Life.** The memory lives while the task is `SCHEDULED` (and not `DONE`) or `RUNNING`, has a
//! `HANDLE`, or the count of wakers is not zero: the two first need no count, which is why a wake
//! is one `fetch_or` and a poll two read-modify-writes. Whoever makes the last of these untrue
//! frees it, so every operation here that may be the last says so in its result. A thread that
//! calls in from outside holds a waker or the handle for as long as the call lasts.
//!
//! **Shutdown.** An idle task is made due only while its engine is open (see
//! [`Home::admit`](super::Home::admit)), so once the engine has closed no idle task becomes due any
//! more. The walk that follows ([`claim`](State::claim)) takes the idle tasks and no others: a task
//! that is due has an owner, and where that owner is does not matter. A policy that keeps a
//! `Runnable` beyond the end of its runtime, or on a thread that the runtime knows nothing of,
//! keeps the task: dropping it cancels the task there, and forgetting it leaks the task.
//!
//! **Orderings.** Every transition that hands the future, the output or the awaiter's slot from one
//! thread to another is `AcqRel` on this one word, so all of them are in its modification order and
//! each reads what the one before released. `Relaxed` is used only where a waker is counted up: the
//! new waker is made from one that keeps the task alive anyway (as in `Arc::clone`).

use crate::sync::atomic::{
    AtomicUsize,
    Ordering::{AcqRel, Acquire, Relaxed},
};

const SCHEDULED: usize = 1;
const RUNNING: usize = 1 << 1;
const DONE: usize = 1 << 2;
const CANCELLED: usize = 1 << 3;
const HANDLE: usize = 1 << 4;
const AWAITER: usize = 1 << 5;
/// One waker in the count.
const WAKER: usize = 1 << 6;

/// Wakers above this are a leak in a loop: the process ends before the count can reach the bits'
/// end.
const MAX_WAKERS: usize = usize::MAX / 2;

/// The state word.
#[derive(Debug)]
pub(crate) struct State(AtomicUsize);

/// What a poll that returned `Pending` leaves to its worker.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Suspend {
    /// Nothing: a waker will schedule the task.
    Idle,
    /// A wake came during the poll: queue the task again.
    Again,
    /// No waker and no handle is left: nothing can ever run the task again. The caller owns it
    /// alone.
    Unreachable,
}

/// What publishing the output leaves to its worker.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Complete {
    /// Nothing: handle or wakers will free the memory.
    Kept,
    /// The caller frees the memory.
    Free,
    /// Wake the awaiter's waker, which the caller now owns, then call [`State::settle`].
    Wake,
}

/// What dropping a waker or the handle leaves to the dropper.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Release {
    /// Nothing.
    Kept,
    /// The caller frees the memory; the output is gone already.
    Free,
    /// Nothing was dropped yet: the task is idle, and this is the only reference to it. Have it
    /// cancelled with [`State::reap`] if its engine is open. If it has closed, drop the reference
    /// as [`Engine::Closed`].
    Ask,
}

/// What is known of the engine by one who drops a reference to a task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Engine {
    /// It may be open, and then an idle task is not left without a reference.
    MayBeOpen,
    /// It has closed: whatever is idle is cancelled by the walk that follows, or was by the walk
    /// before.
    Closed,
}

/// The two kinds of reference that can be the last one to an idle task.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(usize)]
pub(crate) enum Reference {
    /// The join handle.
    Handle = HANDLE,
    /// One waker.
    Waker = WAKER,
}

/// What a wake leaves to its caller.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Wake {
    /// Nothing: somebody else runs the task, or it is done.
    Nothing,
    /// The caller queues the task.
    Queue,
    /// The task is done, and the caller frees the memory.
    Free,
}

/// What the handle finds when it registers a waker.
#[derive(Debug, PartialEq, Eq)]
#[must_use]
pub(crate) enum Await {
    /// The output can be read.
    Done,
    /// The slot holds a waker: compare it, and call [`State::reclaim_slot`] before writing another.
    Occupied,
    /// The slot is the handle's to write; then call [`State::offer_slot`].
    Vacant,
}

impl State {
    /// A task that was just spawned: due to run, with a handle.
    pub(crate) fn new() -> Self {
        Self(AtomicUsize::new(RUNNING | HANDLE))
    }

    /// Whether this is the word of a free slot of the pool.
    pub(crate) fn is_free(&self) -> bool {
        self.0.load(Acquire) == 0
    }

    /// Marks the slot as free. Only for the one that frees.
    pub(crate) fn mark_free(&self) {
        // Pairs with the Acquire load of `is_free`, which walks over slots at shutdown.
        self.0.store(0, crate::sync::atomic::Ordering::Release);
    }

    /// Marks the slot as free and asks loom whether every access so far happened before. Every
    /// later one would be a use after free, and so would one at the same time: loom fails on both.
    #[cfg(all(test, stampede_loom))]
    pub(super) fn retire(&mut self) {
        self.0.with_mut(|word| *word = 0);
    }

    /// A wake. Only while the engine is sure to accept the task.
    #[inline]
    pub(crate) fn wake(&self) -> Wake {
        Self::queue_if_idle(self.0.fetch_or(SCHEDULED, AcqRel))
    }

    /// The same for a wake that also cancels.
    pub(crate) fn cancel(&self) -> Wake {
        Self::queue_if_idle(self.0.fetch_or(SCHEDULED | CANCELLED, AcqRel))
    }

    #[inline]
    fn queue_if_idle(before: usize) -> Wake {
        if before & (SCHEDULED | RUNNING | DONE) == 0 { Wake::Queue } else { Wake::Nothing }
    }

    /// The worker begins. True: cancelled, drop the future instead of polling it.
    #[inline]
    pub(crate) fn start(&self) -> bool {
        // Only the owner of the duty to run, which the caller is, changes RUNNING, so it reads true
        // whatever the ordering. That a new task's word needs no more than this load is because its
        // queue handed it over.
        let now = self.0.load(Relaxed);
        debug_assert!(
            now & DONE == 0 && now & (SCHEDULED | RUNNING) != 0,
            "a task in a queue is due to run"
        );
        if now & RUNNING == 0 {
            return self.0.fetch_xor(SCHEDULED | RUNNING, AcqRel) & CANCELLED != 0;
        }
        // A wake while it lay in its queue is answered by the poll that follows, and an abort is
        // such a wake too.
        now & SCHEDULED != 0 && self.0.fetch_and(!SCHEDULED, AcqRel) & CANCELLED != 0
    }

    /// Takes an idle task, at shutdown. False: it is done or free, or due, and then its `Runnable`
    /// owns it.
    pub(crate) fn claim(&self) -> bool {
        let mut now = self.0.load(Acquire);
        loop {
            if now == 0 || now & (DONE | RUNNING | SCHEDULED) != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(now, now | RUNNING | CANCELLED, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(actual) => now = actual,
            }
        }
    }

    /// Whether the slot holds a task whose future is not dropped yet, and that `claim` does not
    /// take: its `Runnable` is somewhere else.
    pub(crate) fn is_due(&self) -> bool {
        let now = self.0.load(Acquire);
        now & DONE == 0 && now & (RUNNING | SCHEDULED) != 0
    }

    /// The poll returned `Pending`. With `yielded` the task woke itself without a step on the word
    /// (see [`Home::yields`](super::Home::yields)): it stays RUNNING, for the queue.
    #[inline]
    pub(crate) fn suspend(&self, yielded: bool) -> Suspend {
        if yielded {
            return Suspend::Again;
        }
        let before = self.0.fetch_and(!RUNNING, AcqRel);
        if before & SCHEDULED != 0 {
            Suspend::Again
        } else if before & HANDLE == 0 && before < WAKER {
            // Nobody else can change the word any more; say again that the future is ours.
            self.0.store(RUNNING, Relaxed);
            Suspend::Unreachable
        } else {
            Suspend::Idle
        }
    }

    /// Whether the handle is gone, so that the output has no reader. Never turns false again.
    #[inline]
    pub(crate) fn is_detached(&self) -> bool {
        self.0.load(Acquire) & HANDLE == 0
    }

    /// The output is written, or dropped when `detached` (what [`is_detached`](Self::is_detached)
    /// said). `None`: the handle went away in between, so drop the output and call again.
    #[inline]
    pub(crate) fn complete(&self, detached: bool) -> Option<Complete> {
        let mut now = self.0.load(Acquire);
        loop {
            if now & HANDLE == 0 && !detached {
                return None;
            }
            // Nobody else refers to the task, so no other thread can see this word again.
            if now & (HANDLE | AWAITER) == 0 && now < WAKER {
                return Some(Complete::Free);
            }
            // With a waker in the slot the memory must outlive the wake: stay RUNNING until
            // `settle`.
            let (next, result) = if now & AWAITER != 0 {
                (now | DONE, Complete::Wake)
            } else {
                let next = (now & !(RUNNING | SCHEDULED)) | DONE;
                (next, if Self::is_last(next) { Complete::Free } else { Complete::Kept })
            };
            match self.0.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) => return Some(result),
                Err(actual) => now = actual,
            }
        }
    }

    /// After the awaiter was woken: ends RUNNING. True: the caller frees the memory.
    pub(crate) fn settle(&self) -> bool {
        let before = self.0.fetch_and(!(RUNNING | SCHEDULED | AWAITER), AcqRel);
        Self::is_last(before & !(RUNNING | SCHEDULED | AWAITER))
    }

    /// Whether a DONE word has neither handle, waker nor runner left.
    fn is_last(word: usize) -> bool {
        word & (HANDLE | RUNNING) == 0 && word < WAKER
    }

    /// Counts one more waker.
    #[inline]
    pub(crate) fn add_waker(&self) {
        if self.0.fetch_add(WAKER, Relaxed) > MAX_WAKERS {
            std::process::abort();
        }
    }

    /// Drops a waker.
    #[inline]
    pub(crate) fn drop_waker(&self, engine: Engine) -> Release {
        let mut now = self.0.load(Acquire);
        loop {
            let mut next = now - WAKER;
            if Self::is_unreachable(next) {
                match engine {
                    Engine::MayBeOpen => return Release::Ask,
                    // Not zero, which would be a free slot.
                    Engine::Closed => next |= CANCELLED,
                }
            }
            match self.0.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) if next & DONE != 0 && Self::is_last(next) => return Release::Free,
                Ok(_) => return Release::Kept,
                Err(actual) => now = actual,
            }
        }
    }

    /// Whether a word is that of an idle task to which nobody refers: nothing can ever run it.
    fn is_unreachable(word: usize) -> bool {
        word & (HANDLE | RUNNING | SCHEDULED | DONE) == 0 && word < WAKER
    }

    /// Drops the last reference to an idle task, and makes the task due to be cancelled: the caller
    /// queues it. False, and nothing is done, if it is not so any more. Only while the engine is
    /// sure to accept the task.
    pub(crate) fn reap(&self, last: Reference) -> bool {
        let now = self.0.load(Acquire);
        let rest = now - last as usize;
        Self::is_unreachable(rest)
            && self.0.compare_exchange(now, rest | SCHEDULED | CANCELLED, AcqRel, Acquire).is_ok()
    }

    /// A wake that gives up its waker, in one step. Only while the engine is sure to accept the
    /// task.
    #[inline]
    pub(crate) fn wake_by_value(&self) -> Wake {
        let mut now = self.0.load(Acquire);
        loop {
            // The duty to run that this step hands over, or that others have, keeps the task alive
            // from then on. It is RUNNING at once: nothing can keep this task from its queue, so
            // nobody takes the duty back.
            let duty = match now & (SCHEDULED | RUNNING | DONE) {
                0 => RUNNING,
                due if due & DONE == 0 => SCHEDULED,
                _ => 0,
            };
            let next = (now | duty) - WAKER;
            match self.0.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) if now & (SCHEDULED | RUNNING | DONE) == 0 => return Wake::Queue,
                Ok(_) if next & DONE != 0 && Self::is_last(next) => return Wake::Free,
                Ok(_) => return Wake::Nothing,
                Err(actual) => now = actual,
            }
        }
    }

    /// Whether the output can be read.
    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.0.load(Acquire) & DONE != 0
    }

    /// What the handle may do with the awaiter's slot.
    #[inline]
    pub(crate) fn await_output(&self) -> Await {
        match self.0.load(Acquire) {
            now if now & DONE != 0 => Await::Done,
            now if now & AWAITER != 0 => Await::Occupied,
            _ => Await::Vacant,
        }
    }

    /// Takes the slot back from the completing worker. False: the task is done, and the slot is not
    /// ours.
    #[inline]
    pub(crate) fn reclaim_slot(&self) -> bool {
        self.change_awaiter(AWAITER, 0)
    }

    /// Offers the written slot to the completing worker. False: the task is done, and the slot is
    /// still ours.
    #[inline]
    pub(crate) fn offer_slot(&self) -> bool {
        self.change_awaiter(0, AWAITER)
    }

    #[inline]
    fn change_awaiter(&self, clear: usize, set: usize) -> bool {
        let mut now = self.0.load(Acquire);
        loop {
            if now & DONE != 0 {
                return false;
            }
            match self.0.compare_exchange_weak(now, (now & !clear) | set, AcqRel, Acquire) {
                Ok(_) => return true,
                Err(actual) => now = actual,
            }
        }
    }

    /// Drops the handle, whose slot is empty ([`reclaim_slot`](Self::reclaim_slot)). `None`: the
    /// task is done and its output unread, so drop the output and call again with `output_gone`.
    #[inline]
    pub(crate) fn drop_handle(&self, output_gone: bool, engine: Engine) -> Option<Release> {
        let mut now = self.0.load(Acquire);
        loop {
            if now & DONE != 0 {
                if !output_gone {
                    return None;
                }
                // Nobody else refers to the task: no other thread can see this word again.
                if now & !CANCELLED == DONE | HANDLE {
                    return Some(Release::Free);
                }
                let after = self.0.fetch_and(!HANDLE, AcqRel) & !HANDLE;
                return Some(if Self::is_last(after) { Release::Free } else { Release::Kept });
            }
            let mut next = now & !HANDLE;
            if Self::is_unreachable(next) {
                match engine {
                    Engine::MayBeOpen => return Some(Release::Ask),
                    // As in `drop_waker`.
                    Engine::Closed => next |= CANCELLED,
                }
            }
            match self.0.compare_exchange_weak(now, next, AcqRel, Acquire) {
                Ok(_) => return Some(Release::Kept),
                Err(actual) => now = actual,
            }
        }
    }
}
