//! What the operating system charges to the process, as differences between two readings.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use nix::sys::resource::{UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// A reading of the process's account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    at: Instant,
    cpu_ns: u64,
    voluntary_switches: u64,
    involuntary_switches: u64,
}

impl Account {
    /// Reads the account of all threads, those that have ended included.
    ///
    /// # Errors
    /// The system's, which does not occur in practice: the call has no failing arguments.
    pub(super) fn read() -> io::Result<Self> {
        let usage = getrusage(UsageWho::RUSAGE_SELF)?;
        let cpu = usage.user_time() + usage.system_time();
        Ok(Self {
            at: Instant::now(),
            cpu_ns: u64::try_from(cpu.num_microseconds()).unwrap_or(0) * 1_000,
            voluntary_switches: u64::try_from(usage.voluntary_context_switches()).unwrap_or(0),
            involuntary_switches: u64::try_from(usage.involuntary_context_switches()).unwrap_or(0),
        })
    }

    /// What was charged since `earlier`, under the names of the result schema.
    pub(super) fn since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let wall_ns = u64::try_from(self.at.duration_since(earlier.at).as_nanos()).unwrap_or(u64::MAX);
        [
            ("cpu_ns", self.cpu_ns.saturating_sub(earlier.cpu_ns)),
            ("voluntary_switches", self.voluntary_switches.saturating_sub(earlier.voluntary_switches)),
            ("involuntary_switches", self.involuntary_switches.saturating_sub(earlier.involuntary_switches)),
            ("wall_ns", wall_ns),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use std::hint::black_box;
    use std::sync::mpsc;
    use std::thread;

    use super::*;

    #[test]
    fn work_and_waiting_are_charged() {
        let before = Account::read().expect("getrusage");
        let (to_main, from_thread) = mpsc::channel();
        thread::spawn(move || {
            let mut sum = 0_u64;
            for i in 0..20_000_000 {
                sum = black_box(sum ^ i);
            }
            to_main.send(sum).expect("the main thread waits");
        });
        from_thread.recv().expect("the thread sends");
        let spent = Account::read().expect("getrusage").since(&before);
        assert!(spent["cpu_ns"] > 1_000_000, "{spent:?}");
        assert!(spent["wall_ns"] > 1_000_000, "{spent:?}");
        assert!(spent["voluntary_switches"] > 0, "{spent:?}");
        assert!(spent.contains_key("involuntary_switches"));
    }
}
