//! A thread that is to act at fixed times: it sleeps in the kernel until the next one.

use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, timerfd_create, timerfd_settime,
};

use crate::Failure;
use crate::alarm::{monotonic_ns, timespec};
use crate::workload::io;

/// Goes off at `first_ns` on the monotonic clock and every `interval_ns` thereafter. A timerfd:
/// unlike the timeouts of sleeps and futexes, it is not subject to the 50 µs of timer slack.
#[derive(Debug)]
pub(crate) struct Metronome {
    timer: OwnedFd,
}

impl Metronome {
    /// `interval_ns` must not be 0.
    pub(crate) fn new(first_ns: u64, interval_ns: u64) -> Result<Self, Failure> {
        let timer = timerfd_create(TimerfdClockId::Monotonic, TimerfdFlags::CLOEXEC)
            .map_err(|e| io("making a timerfd")(e.into()))?;
        let times = Itimerspec { it_interval: timespec(interval_ns), it_value: timespec(first_ns) };
        timerfd_settime(&timer, TimerfdTimerFlags::ABSTIME, &times)
            .map_err(|e| io("setting a timerfd")(e.into()))?;
        Ok(Self { timer })
    }

    /// Sleeps until `at_ns`, one of its times. Returns when it woke; `None` when it did not sleep,
    /// because that time has passed.
    pub(crate) fn sleep_until(&self, at_ns: u64) -> Result<Option<u64>, Failure> {
        let mut woke_ns = None;
        while woke_ns.unwrap_or_else(monotonic_ns) < at_ns {
            // Returns at once for each of its times that has passed since the last call, and then
            // sleeps.
            match rustix::io::read(&self.timer, &mut [0; 8]) {
                // A signal ends the sleep; profilers send some.
                Ok(_) | Err(Errno::INTR) => woke_ns = Some(monotonic_ns()),
                Err(error) => return Err(io("waiting for a timerfd")(error.into())),
            }
        }
        Ok(woke_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_early_and_does_not_sleep_for_what_has_passed() {
        const INTERVAL_NS: u64 = 200_000;
        let first_ns = monotonic_ns() + INTERVAL_NS;
        let metronome = Metronome::new(first_ns, INTERVAL_NS).expect("the system has timerfds");
        for i in (0..50).step_by(5) {
            let at_ns = first_ns + i * INTERVAL_NS;
            let before_ns = monotonic_ns();
            match metronome.sleep_until(at_ns).expect("it goes off") {
                Some(woke_ns) => {
                    assert!(before_ns < at_ns && at_ns <= woke_ns, "{before_ns} {at_ns} {woke_ns}")
                }
                // This thread itself was held up.
                None => assert!(monotonic_ns() >= at_ns),
            }
            assert_eq!(metronome.sleep_until(at_ns).expect("it is past"), None);
        }
    }
}
