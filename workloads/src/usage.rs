//! What the operating system has charged: processor time and context switches.

use std::fmt::Display;
use std::fs;
use std::io;
use std::ops::Sub;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// A reading of an account, or the difference of two.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time in the process and in the kernel, in nanoseconds; the kernel tells
    /// microseconds.
    pub cpu_ns: u64,
    /// Times that a thread gave its processor up, because it waited.
    pub voluntary_switches: u64,
    /// Times that the kernel took a thread's processor from it.
    pub involuntary_switches: u64,
}

impl Usage {
    /// Of all threads of this process, those that have ended included.
    ///
    /// # Errors
    /// The system's, which does not occur in practice: the call has no failing arguments.
    pub fn of_process() -> io::Result<Self> {
        Self::read(UsageWho::RUSAGE_SELF)
    }

    /// Of the calling thread.
    ///
    /// # Errors
    /// As [`of_process`](Self::of_process).
    pub fn of_thread() -> io::Result<Self> {
        Self::read(UsageWho::RUSAGE_THREAD)
    }

    /// Of the child processes that have ended and were waited for.
    ///
    /// # Errors
    /// As [`of_process`](Self::of_process).
    pub fn of_children() -> io::Result<Self> {
        Self::read(UsageWho::RUSAGE_CHILDREN)
    }

    fn read(who: UsageWho) -> io::Result<Self> {
        let usage = getrusage(who)?;
        let cpu = usage.user_time() + usage.system_time();
        // The kernel's counts are longs that never fall below zero.
        let count = |value| u64::try_from(value).unwrap_or(0);
        Ok(Self {
            cpu_ns: count(cpu.num_microseconds()) * 1_000,
            voluntary_switches: count(usage.voluntary_context_switches()),
            involuntary_switches: count(usage.involuntary_context_switches()),
        })
    }

    /// Context switches of both kinds.
    pub fn switches(&self) -> u64 {
        self.voluntary_switches + self.involuntary_switches
    }
}

/// The part of one account that is not in another; never below zero.
impl Sub for Usage {
    type Output = Self;

    fn sub(self, other: Self) -> Self {
        Self {
            cpu_ns: self.cpu_ns.saturating_sub(other.cpu_ns),
            voluntary_switches: self.voluntary_switches.saturating_sub(other.voluntary_switches),
            involuntary_switches: self
                .involuntary_switches
                .saturating_sub(other.involuntary_switches),
        }
    }
}

/// How long the threads of `process` that live now have waited for a processor, in nanoseconds: the
/// second figure of each one's `schedstat`. `process` is a number, or `self`; 0 where the kernel
/// keeps none.
pub fn run_delay_ns(process: impl Display) -> u64 {
    let tasks = fs::read_dir(format!("/proc/{process}/task")).into_iter().flatten().flatten();
    let delays = tasks.filter_map(|task| {
        let text = fs::read_to_string(task.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<u64>().ok()
    });
    delays.sum()
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn work_and_waiting_are_charged_to_the_process_and_to_whom_they_belong() {
        let both =
            || (Usage::of_process().expect("getrusage"), Usage::of_thread().expect("getrusage"));
        let before = both();
        let (to_main, from_thread) = mpsc::channel();
        thread::spawn(move || {
            let mut sum = 0_u64;
            for i in 0..20_000_000 {
                sum = black_box(sum ^ i);
            }
            to_main.send(sum).expect("the main thread waits");
        });
        from_thread.recv().expect("the thread sends");
        let after = both();
        let (process, own) = (after.0 - before.0, after.1 - before.1);
        assert!(process.cpu_ns > 1_000_000 && process.voluntary_switches > 0, "{process:?}");
        assert!(
            own.cpu_ns < process.cpu_ns && own.voluntary_switches > 0,
            "{own:?} of {process:?}"
        );
        assert_eq!((own - process).cpu_ns, 0);
    }
}
