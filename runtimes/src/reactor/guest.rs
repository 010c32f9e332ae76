//! A reactor that is turned from inside somebody else's driver.
//!
//! An epoll instance is itself a descriptor that can be polled. So an executor that has a driver of
//! its own need not pay for a thread that turns ours: a task of it waits until this descriptor is
//! readable, and takes a [turn](Guest::turn). A timer descriptor in the epoll instance makes it
//! readable when the next timer is due.
//!
//! # No event is lost
//! The caller may wait for edges of this descriptor, if it forgets the edges that it knows of
//! *before* it takes a turn. A turn (1) ends the wait that was announced, (2) takes all events and
//! fires what is due, (3) sets the timer descriptor, and (4) announces the next wait in the
//! notifier's word. An event after (2) is an edge that nobody has forgotten. Whoever arms an earlier
//! timer or notifies before (4) leaves a reason in the word, which (4) finds, and the turn begins
//! again; whoever does after (4) writes to the notifier's descriptor, which is an edge as well. Both
//! descriptors are edge-triggered and never read: each expiry and each write is a new edge. What the
//! kernel reports of them is taken by (2), so the instance is not readable when a turn has ended,
//! also for those who wait for levels.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};

use super::notifier::Place;
use super::thread::Totals;
use super::{Handle, NOTIFIER, Reactor};

/// What the timer is set to when it is set to nothing.
const NEVER: u64 = u64::MAX;

/// A reactor for a driver that polls descriptors. Dropping it shuts the reactor down.
#[derive(Debug)]
pub struct Guest {
    reactor: Reactor,
    timer: OwnedFd,
    /// When the timer descriptor becomes readable next, by the reactor's clock. Written in turns
    /// only, which hold the driver; Relaxed, as everything here that counts.
    armed_ns: AtomicU64,
    waits: AtomicU64,
    events: AtomicU64,
    timers: AtomicU64,
}

impl Guest {
    /// Adds a timer descriptor to `reactor`.
    ///
    /// # Errors
    /// When the system refuses it.
    pub fn new(reactor: Reactor) -> io::Result<Self> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)?;
        reactor.handle.shared.epoll.add_notifier(&timer, NOTIFIER)?;
        let zero = AtomicU64::default;
        let (armed_ns, waits, events, timers) = (AtomicU64::new(NEVER), zero(), zero(), zero());
        Ok(Self { reactor, timer, armed_ns, waits, events, timers })
    }

    /// The handle with which leaf futures register.
    pub fn handle(&self) -> &Handle {
        self.reactor.handle()
    }

    /// Takes what is there, wakes the tasks that waited for it, and announces that the caller will
    /// wait for this descriptor. At once if another thread is in a turn.
    ///
    /// # Errors
    /// When the reactor has shut down; or what the kernel answers, which is never to be expected.
    pub fn turn(&self) -> io::Result<()> {
        let shared = &*self.reactor.handle.shared;
        let Some(mut driver) = self.reactor.try_driver() else { return Ok(()) };
        loop {
            shared.notifier.finish();
            let turn = driver.drain()?;
            // Only who drives writes these.
            let add =
                |sum: &AtomicU64, n: u32| sum.store(sum.load(Relaxed) + u64::from(n), Relaxed);
            add(&self.waits, turn.waits);
            add(&self.events, turn.events);
            add(&self.timers, turn.timers);
            self.set_timer(shared.timers.commit(None).unwrap_or(NEVER))?;
            if !shared.notifier.prepare(Place::Epoll).any() {
                return Ok(());
            }
        }
    }

    /// What the turns have done so far.
    pub fn totals(&self) -> Totals {
        Totals {
            waits: self.waits.load(Relaxed),
            events: self.events.load(Relaxed),
            timers: self.timers.load(Relaxed),
        }
    }

    fn set_timer(&self, until_ns: u64) -> io::Result<()> {
        if self.armed_ns.swap(until_ns, Relaxed) == until_ns || until_ns == NEVER {
            return Ok(());
        }
        // A time of zero would disarm it.
        let left_ns = until_ns.saturating_sub(self.handle().now_ns()).max(1);
        let zero = Timespec { tv_sec: 0, tv_nsec: 0 };
        let left = Timespec::try_from(Duration::from_nanos(left_ns)).unwrap_or(zero);
        let value = Itimerspec { it_interval: zero, it_value: left };
        timerfd_settime(&self.timer, TimerfdTimerFlags::empty(), &value)?;
        Ok(())
    }
}

impl AsFd for Guest {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.reactor.handle.shared.epoll.as_fd()
    }
}
