//! One turn of the reactor: wait, record what the kernel reports, fire timers, wake.
//!
//! # One driver at a time
//! The event buffer lies behind a lock that is only ever *tried*. Who holds it is the driver;
//! everybody else goes on with something useful. Giving the driver up needs no hand-over: edges
//! that nobody has fetched stay in the kernel, timers stay in the wheel, and a notification stays
//! in its word, so the next driver, on whatever thread, misses nothing. *That* there is a next
//! driver is the executor's business.
//!
//! # Nothing is woken under a lock but that one
//! A waker is foreign code: it may run a task, drop one, and with it sources and timers of this
//! very reactor. So a turn first updates all slots and collects the wakers, and calls them when it
//! holds none of the locks that such code could take. The panic of one ends there, after the panic
//! hook has reported it: who drives is nobody whom it concerns, and a driver that died of it would
//! leave everybody without wake-ups.

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::MutexGuard;
use std::task::Waker;
use std::time::Duration;

use super::epoll::{Events, WaitClock};
use super::notifier::{Place, Reason};
use super::slots::Key;
use super::{NOTIFIER, Shared};
use crate::sync::discard;

/// What one turn did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// Readiness events delivered to registered sources.
    pub events: u32,
    /// Timers that fired.
    pub timers: u32,
    /// Calls of `epoll_pwait2` or `epoll_wait`.
    pub waits: u32,
}

/// The buffers of a driver, reused by every turn.
#[derive(Debug)]
pub(super) struct Buffers {
    events: Events,
    wakers: Vec<Waker>,
}

impl Buffers {
    pub(super) fn new() -> Self {
        Self { events: Events::new(), wakers: Vec::new() }
    }
}

/// The exclusive right to drive a reactor. Dropping it lets another thread have it.
#[derive(Debug)]
pub struct Driver<'a> {
    shared: &'a Shared,
    buffers: MutexGuard<'a, Buffers>,
}

impl<'a> Driver<'a> {
    pub(super) fn new(shared: &'a Shared, buffers: MutexGuard<'a, Buffers>) -> Self {
        Self { shared, buffers }
    }

    /// Waits for events and timers, and wakes the tasks that waited for them, on this thread,
    /// before it returns.
    ///
    /// - `Some(Duration::ZERO)` takes what is there and returns; without any source it makes no
    ///   system call.
    /// - `Some(timeout)` returns when a task was woken, after a [`notify`](super::Handle::notify),
    ///   or when the timeout is over.
    /// - `None` has no timeout.
    ///
    /// An event for which nobody waits is recorded, and does not end the turn. Neither does a
    /// signal.
    ///
    /// # Errors
    /// When the reactor has shut down; or what the kernel answers, which is never to be expected.
    pub fn turn(&mut self, timeout: Option<Duration>) -> io::Result<Turn> {
        self.turn_then(timeout, || {})
    }

    /// The same, and calls `before` before it wakes a task: a thread that others take for asleep
    /// says there that it is up. It may be called more than once.
    pub(crate) fn turn_then(
        &mut self,
        timeout: Option<Duration>,
        before: impl Fn(),
    ) -> io::Result<Turn> {
        let mut turn = Turn::default();
        if self.shared.is_shut_down() {
            return Err(super::shut_down_error());
        }
        if timeout == Some(Duration::ZERO) {
            if self.shared.slots.live() == 0 {
                // Without sources there is nothing to ask the kernel; the events of the last wait
                // are not seen twice.
                self.buffers.events.clear();
            } else {
                self.wait(Some(Duration::ZERO), &mut turn)?;
            }
            self.dispatch(&mut turn, &before);
            return Ok(turn);
        }
        let give_up_ns = timeout
            .map(|timeout| self.shared.clock.now_ns().saturating_add(super::clock::to_ns(timeout)));
        loop {
            let until_ns = self.shared.timers.commit(give_up_ns);
            let place = if self.shared.slots.live() == 0 { Place::Futex } else { Place::Epoll };
            // From here on whoever arms an earlier timer, registers the first source or notifies
            // ends the wait: see `notifier`.
            let pending = self.shared.notifier.prepare(place);
            let waited = match place {
                Place::Futex => {
                    self.buffers.events.clear();
                    if !pending.any() {
                        self.shared.notifier.wait(self.time_left(until_ns));
                    }
                    Ok(())
                }
                Place::Epoll => {
                    let timeout = if pending.any() {
                        Some(Duration::ZERO)
                    } else {
                        self.time_to_wait(until_ns)
                    };
                    self.wait(timeout, &mut turn)
                }
            };
            let reasons = self.shared.notifier.finish();
            waited?;
            let woken = self.dispatch(&mut turn, &before);
            let over =
                || give_up_ns.is_some_and(|give_up_ns| self.shared.clock.now_ns() >= give_up_ns);
            if woken || reasons.notified() || over() {
                return Ok(turn);
            }
        }
    }

    /// Takes everything that is there, also what nobody is registered for, and does not wait.
    pub(super) fn drain(&mut self) -> io::Result<Turn> {
        let mut turn = Turn::default();
        if self.shared.is_shut_down() {
            return Err(super::shut_down_error());
        }
        loop {
            self.wait(Some(Duration::ZERO), &mut turn)?;
            let more = self.buffers.events.is_full();
            self.dispatch(&mut turn, &|| {});
            if !more {
                return Ok(turn);
            }
        }
    }

    fn wait(&mut self, timeout: Option<Duration>, turn: &mut Turn) -> io::Result<()> {
        turn.waits += 1;
        self.shared.epoll.wait(&mut self.buffers.events, timeout)
    }

    /// How long it is to `until_ns`.
    fn time_left(&self, until_ns: Option<u64>) -> Option<Duration> {
        until_ns.map(|until_ns| {
            Duration::from_nanos(until_ns.saturating_sub(self.shared.clock.now_ns()))
        })
    }

    /// How long to sleep in one wait in epoll on the way to `until_ns`.
    fn time_to_wait(&self, until_ns: Option<u64>) -> Option<Duration> {
        let left = self.time_left(until_ns)?;
        Some(if self.shared.epoll.clock() == WaitClock::Nanoseconds { shorten(left) } else { left })
    }

    /// Delivers the fetched events, fires the timers that are due, and wakes everybody. Whether
    /// anybody was woken.
    fn dispatch(&mut self, turn: &mut Turn, before: &impl Fn()) -> bool {
        let shared = self.shared;
        let Buffers { events, wakers } = &mut *self.buffers;
        for event in events.iter() {
            if event.data == NOTIFIER {
                continue;
            }
            let key = Key::from_data(event.data);
            if let Some(slot) = shared.slots.get(key)
                && slot.deliver(key.generation(), event.flags, wakers)
            {
                turn.events += 1;
            }
        }
        let mut woken = !wakers.is_empty();
        if woken {
            before();
            wake_all(wakers);
        }
        if let Some(next_ns) = shared.timers.next_deadline_ns() {
            let now_ns = shared.clock.now_ns();
            let mut more = next_ns <= now_ns;
            while more {
                more = shared.timers.fire(now_ns, wakers);
                turn.timers += wakers.len() as u32;
                if !wakers.is_empty() {
                    woken = true;
                    before();
                    wake_all(wakers);
                }
            }
        }
        woken
    }
}

/// epoll lets a timeout be late by a thousandth of its length (`select_estimate_accuracy` in the
/// kernel), whatever the timer slack. Short of the goal by that thousandth, a second and short wait
/// is late by a millionth. Below 20 ms a thousandth is less than what a wake-up costs, and one wait
/// is enough.
fn shorten(left: Duration) -> Duration {
    const WORTH_TWO_WAITS: Duration = Duration::from_millis(20);
    if left < WORTH_TWO_WAITS { left } else { left - left / 999 }
}

/// Calls every waker and leaves the buffer empty, also if some of them panic.
pub(super) fn wake_all(wakers: &mut Vec<Waker>) {
    let mut rest = wakers.drain(..);
    while !rest.as_slice().is_empty() {
        discard(catch_unwind(AssertUnwindSafe(|| rest.by_ref().for_each(Waker::wake))));
    }
}

impl Shared {
    /// Ends the blocking wait of the current driver or of the next one.
    pub(super) fn notify(&self) {
        self.notifier.raise(Reason::Notified);
    }
}
