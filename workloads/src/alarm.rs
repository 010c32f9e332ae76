//! One absolute timer of the kernel, registered with a runtime's reactor as a source of its own.

use std::io;
use std::os::fd::OwnedFd;

use runtimes::reactor::{Handle, Interest, Source};
use rustix::time::{
    ClockId, Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, clock_gettime,
    timerfd_create, timerfd_settime,
};

use crate::Failure;
use crate::workload::io;

const NS_PER_S: u64 = 1_000_000_000;

/// The clock that the alarm goes by, in nanoseconds.
pub(crate) fn monotonic_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * NS_PER_S + now.tv_nsec as u64
}

/// A time on that clock as system calls take it.
pub(crate) fn timespec(ns: u64) -> Timespec {
    Timespec { tv_sec: (ns / NS_PER_S) as i64, tv_nsec: (ns % NS_PER_S) as i64 }
}

/// Wakes its task at absolute times. Not a timer of the reactor's: those are what `timers`
/// measures, and a timerfd goes off in the kernel's interrupt, whatever the executor does at that
/// moment.
#[derive(Debug)]
pub(crate) struct Alarm {
    timer: Source<OwnedFd>,
}

impl Alarm {
    pub(crate) fn new(reactor: &Handle) -> Result<Self, Failure> {
        let flags = TimerfdFlags::CLOEXEC | TimerfdFlags::NONBLOCK;
        let timer = timerfd_create(TimerfdClockId::Monotonic, flags)
            .map_err(|e| io("making a timerfd")(e.into()))?;
        Ok(Self { timer: Source::new(reactor, timer).map_err(io("registering a timerfd"))? })
    }

    /// Returns when the clock shows `at_ns` or more; at once, if it does already.
    ///
    /// The descriptor is never read: setting the time anew makes it unready, and edge-triggered
    /// epoll reports each expiry. Whether the alarm went off is asked of the clock, which costs no
    /// system call.
    pub(crate) async fn wait_until(&self, at_ns: u64) -> Result<(), Failure> {
        if monotonic_ns() >= at_ns {
            return Ok(());
        }
        let once = Itimerspec { it_interval: timespec(0), it_value: timespec(at_ns) };
        timerfd_settime(&self.timer, TimerfdTimerFlags::ABSTIME, &once)
            .map_err(|e| io("setting a timerfd")(e.into()))?;
        let due = |_: &OwnedFd| {
            if monotonic_ns() >= at_ns { Ok(()) } else { Err(io::ErrorKind::WouldBlock.into()) }
        };
        self.timer.io(Interest::Readable, due).await.map_err(io("waiting for a timerfd"))
    }
}
