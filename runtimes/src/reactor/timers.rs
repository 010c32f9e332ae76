//! The timers of a reactor: the wheel under one lock, and what can be known without taking it.
//!
//! # What the driver sleeps for
//! Before a blocking wait the driver stores, under the lock, the moment up to which it will sleep.
//! A thread that arms an earlier timer sees that under the same lock and raises
//! [`Reason::Rearm`](super::notifier::Reason); a later timer costs no notification. The value stays
//! when the wait is over: an earlier timer then raises a reason that nobody waits for, which costs
//! one atomic operation and no system call, and lowers the value, so that it happens once per
//! record deadline.
//!
//! # How a sleep learns that it has fired without taking the lock
//! `fired_ns` says: every timer with a deadline up to here has been taken out of the wheel. It
//! never exceeds the clock, so "deadline ≤ `fired_ns`" proves both that the time is over and that
//! nothing is left to cancel. It grows under the lock, and a timer with such a deadline is refused
//! under the same lock.

use std::task::Waker;

use super::wheel::{Key, Wheel};
use crate::sync::ClosedMutex;
use crate::sync::atomic::{
    AtomicU64, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

/// Timers fired per hold of the lock: threads that arm or cancel meanwhile wait a few microseconds
/// at most.
const FIRE_AT_ONCE: usize = 128;

/// No deadline.
const NEVER: u64 = u64::MAX;

#[derive(Debug)]
pub(super) struct Timers {
    state: ClosedMutex<State>,
    /// See the module's text. `u64::MAX` once the reactor has shut down: every sleep is over then.
    fired_ns: AtomicU64,
    /// Lower bound of the earliest deadline; written under the lock.
    next_ns: AtomicU64,
    /// Timers pending; written under the lock.
    len: AtomicUsize,
}

#[derive(Debug)]
struct State {
    wheel: Wheel,
    /// Up to when the driver sleeps or slept last.
    sleeping_until_ns: u64,
    shut_down: bool,
}

/// What became of a timer that was to be armed.
#[derive(Debug)]
pub(crate) enum Armed {
    /// Pending. With `earlier`, the driver must be told that its timeout is too long.
    Pending { timer: Timer, earlier: bool },
    /// Its time is over, or the reactor has shut down.
    Fired,
}

/// A pending timer.
#[derive(Debug)]
pub(crate) struct Timer(Key);

impl Timers {
    pub(super) fn new() -> Self {
        Self {
            state: ClosedMutex::new(State {
                wheel: Wheel::new(),
                sleeping_until_ns: 0,
                shut_down: false,
            }),
            fired_ns: AtomicU64::new(0),
            next_ns: AtomicU64::new(NEVER),
            len: AtomicUsize::new(0),
        }
    }

    /// Writes what is readable without the lock.
    fn publish(&self, state: &State) {
        self.next_ns.store(state.wheel.next_deadline_ns().unwrap_or(NEVER), Relaxed);
        self.len.store(state.wheel.len(), Relaxed);
    }

    pub(super) fn len(&self) -> usize {
        self.len.load(Relaxed)
    }

    /// A lower bound of the earliest deadline, as of some recent moment.
    pub(super) fn next_deadline_ns(&self) -> Option<u64> {
        Some(self.next_ns.load(Relaxed)).filter(|&ns| ns != NEVER)
    }

    /// Whether every timer of this deadline has been taken out.
    #[inline]
    pub(super) fn has_fired(&self, deadline_ns: u64) -> bool {
        // Acquire: pairs with the release in `fire` and `shut_down`.
        self.fired_ns.load(Acquire) >= deadline_ns
    }

    pub(super) fn arm(&self, deadline_ns: u64, waker: &Waker) -> Armed {
        // Foreign code, like its drop, which may come back here: so it is cloned before the lock is
        // taken, and dropped after the lock if it is of no use (variables are dropped in the
        // reverse order).
        let waker = waker.clone();
        let mut state = self.state.lock();
        if state.shut_down || deadline_ns <= state.wheel.now_ns() {
            return Armed::Fired;
        }
        // It is not due.
        let Some(key) = state.wheel.insert(deadline_ns, waker) else { return Armed::Fired };
        let earlier = deadline_ns < state.sleeping_until_ns;
        if earlier {
            state.sleeping_until_ns = deadline_ns;
        }
        if deadline_ns < self.next_ns.load(Relaxed) {
            self.next_ns.store(deadline_ns, Relaxed);
        }
        self.len.store(state.wheel.len(), Relaxed);
        Armed::Pending { timer: Timer(key), earlier }
    }

    /// Lets a pending timer wake `waker` from now on. `false` if it has been taken out already.
    pub(super) fn update(&self, timer: &Timer, waker: &Waker) -> bool {
        match self.state.lock().wheel.waker_mut(timer.0) {
            Some(current) if current.will_wake(waker) => return true,
            Some(_) => {}
            None => return false,
        }
        // Seldom: the sleep has moved to another task. Not under the lock, as in `arm`.
        let mut waker = waker.clone();
        let mut state = self.state.lock();
        let Some(current) = state.wheel.waker_mut(timer.0) else { return false };
        std::mem::swap(current, &mut waker);
        true
    }

    pub(super) fn cancel(&self, timer: &Timer) {
        let waker;
        {
            let mut state = self.state.lock();
            waker = state.wheel.cancel(timer.0);
            self.len.store(state.wheel.len(), Relaxed);
        }
        drop(waker);
    }

    /// Announces that the driver will sleep until `give_up_ns` or the next deadline, whichever is
    /// earlier, and returns that moment; `None` is for ever.
    pub(super) fn commit(&self, give_up_ns: Option<u64>) -> Option<u64> {
        let mut state = self.state.lock();
        let until_ns =
            state.wheel.next_deadline_ns().unwrap_or(NEVER).min(give_up_ns.unwrap_or(NEVER));
        state.sleeping_until_ns = until_ns;
        self.publish(&state);
        (until_ns != NEVER).then_some(until_ns)
    }

    /// Takes out some of the timers that are due at `now_ns` and moves their wakers to `wakers`.
    /// Whether more are due.
    pub(super) fn fire(&self, now_ns: u64, wakers: &mut Vec<Waker>) -> bool {
        let mut state = self.state.lock();
        state.wheel.advance(now_ns);
        state.wheel.take_due(FIRE_AT_ONCE, wakers);
        let left = state.wheel.first_due_ns();
        let fired_ns = left.map_or(state.wheel.now_ns(), |deadline_ns| deadline_ns - 1);
        self.publish(&state);
        // Release: pairs with `has_fired`. `fetch_max`: shutting down may have come first.
        self.fired_ns.fetch_max(fired_ns, Release);
        left.is_some()
    }

    /// Ends every sleep, pending or to come, and moves their wakers to `wakers`.
    pub(super) fn shut_down(&self, wakers: &mut Vec<Waker>) {
        let mut state = self.state.lock();
        state.shut_down = true;
        state.wheel.drain(wakers);
        self.publish(&state);
        // Release: pairs with `has_fired`.
        self.fired_ns.store(NEVER, Release);
    }
}
