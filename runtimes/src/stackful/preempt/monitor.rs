//! The monitor: one thread for each runtime that slices. It looks at the workers and signals those
//! whose coroutine has overrun its slice.
//!
//! Go's sysmon cannot know when a slice began, so it looks every 20 µs and, while it finds nothing
//! to do, ever less often, down to every 10 ms. Here each slice carries the time of its beginning,
//! so the monitor knows when it must look next: at the end of the first slice that is open, and if
//! none is, a slice from now, because none can end earlier. The bounds are Go's, 20 µs and 10 ms.
//! After some looks at which no worker was in a region and none had been, it goes to sleep until
//! one enters a region.
//!
//! **Going to sleep** is a store of `asleep` and a look at all workers, entering a region a store
//! of `armed` and a look at `asleep`; with a barrier between the two on both sides (the worker's is
//! free), one of them sees the other.

use std::sync::Arc;
use std::sync::OnceLock;
use std::time::Duration;

use rustix::process::Pid;
use rustix::time::{ClockId, clock_gettime};

use super::slicer::Shared;
use crate::reactor::set_timer_slack_min;
use crate::sync::atomic::{AtomicBool, Ordering::Relaxed};
use crate::sync::barrier;
use crate::sync::thread::{self, Thread};

/// The shortest pause between two looks, and the first one after a refusal, in nanoseconds (Go's).
const PAUSE_MIN_NS: u64 = 20_000;

/// The longest pause (Go's).
const PAUSE_MAX_NS: u64 = 10_000_000;

/// Looks without anything to see before the monitor sleeps.
const IDLE_LOOKS: u32 = 8;

/// Wakes the monitor when a worker enters a region.
#[derive(Clone, Debug, Default)]
pub(super) struct Alarm(Arc<AlarmState>);

#[derive(Debug, Default)]
struct AlarmState {
    asleep: AtomicBool,
    stopped: AtomicBool,
    /// Set before anybody can ring.
    monitor: OnceLock<Thread>,
}

impl Alarm {
    /// Says whom to wake: before the first worker has the alarm.
    pub(super) fn set_monitor(&self, monitor: Thread) {
        let _ = self.0.monitor.set(monitor);
    }

    /// After a worker stored `armed`.
    #[inline]
    pub(super) fn ring(&self) {
        // Pairs with the heavy barrier in `sleep`.
        barrier::light();
        if self.0.asleep.load(Relaxed) {
            self.wake();
        }
    }

    #[cold]
    fn wake(&self) {
        if self.0.asleep.swap(false, Relaxed)
            && let Some(monitor) = self.0.monitor.get()
        {
            monitor.unpark();
        }
    }

    /// Ends the monitor.
    pub(super) fn stop(&self) {
        // Relaxed: the token makes the monitor's next park return, with this store before it.
        self.0.stopped.store(true, Relaxed);
        if let Some(monitor) = self.0.monitor.get() {
            monitor.unpark();
        }
    }

    /// The monitor sleeps until `anything` is there: it is asked after whoever makes it true will
    /// ring.
    pub(super) fn sleep(&self, anything: impl Fn() -> bool) {
        self.0.asleep.store(true, Relaxed);
        barrier::heavy();
        while self.0.asleep.load(Relaxed) && !self.is_stopped() {
            if anything() {
                break;
            }
            thread::park();
        }
        self.0.asleep.store(false, Relaxed);
    }

    pub(super) fn is_stopped(&self) -> bool {
        self.0.stopped.load(Relaxed)
    }
}

/// What the monitor remembers of one worker.
#[derive(Clone, Copy, Default)]
struct Seen {
    slice: u64,
    /// When the last signal for it was sent, and after what pause it is sent again.
    sent_ns: u64,
    retry_ns: u64,
}

/// The monitor's thread.
pub(super) fn run(shared: &Shared) {
    let alarm = &shared.alarm;
    // Refused only by sandboxes; slices are then up to 50 µs longer.
    let _ = set_timer_slack_min();
    let mut seen = vec![Seen::default(); shared.slots.len()];
    let mut idle_looks = 0;
    while !alarm.is_stopped() {
        let now = now_ns();
        let (pause, busy) = look(shared, &mut seen, now);
        idle_looks = if busy { 0 } else { idle_looks + 1 };
        if idle_looks > IDLE_LOOKS {
            alarm.sleep(|| shared.slots.iter().any(|slot| slot.running().is_some()));
            idle_looks = 0;
        } else {
            // Loom has none; the models run the alarm alone.
            std::thread::park_timeout(Duration::from_nanos(pause));
        }
    }
}

/// Looks at every worker, and signals those that are due. Returns how long to pause, and whether
/// there was a slice that was not there at the last look.
fn look(shared: &Shared, seen: &mut [Seen], now: u64) -> (u64, bool) {
    let slice_ns = shared.slice_ns;
    let mut next = now + slice_ns.min(PAUSE_MAX_NS);
    let mut busy = false;
    for (slot, seen) in shared.slots.iter().zip(seen) {
        let Some((slice, started)) = slot.running() else { continue };
        busy = true;
        let mut due = started + slice_ns;
        if seen.slice == slice {
            // Refused, or not delivered yet: ask again, less and less often, down to once a slice.
            due = due.max(seen.sent_ns + seen.retry_ns);
        }
        if due <= now {
            slot.signal(slice);
            let retry_ns = if seen.slice == slice {
                (2 * seen.retry_ns).min(slice_ns.max(PAUSE_MIN_NS))
            } else {
                PAUSE_MIN_NS
            };
            *seen = Seen { slice, sent_ns: now, retry_ns };
            due = now + retry_ns;
        }
        next = next.min(due);
    }
    (next.saturating_sub(now).max(PAUSE_MIN_NS), busy)
}

/// Sends `SIGURG` to a thread of this process.
pub(super) fn tgkill(thread: Pid) -> bool {
    let process = rustix::process::getpid().as_raw_pid();
    // SAFETY: the call takes three numbers. The thread is alive while it is registered, and a
    // signal that it does not want does no harm.
    unsafe { libc::syscall(libc::SYS_tgkill, process, thread.as_raw_pid(), libc::SIGURG) == 0 }
}

/// The time on the monotonic clock, in nanoseconds.
pub(super) fn now_ns() -> u64 {
    let now = clock_gettime(ClockId::Monotonic);
    now.tv_sec as u64 * 1_000_000_000 + now.tv_nsec as u64
}
