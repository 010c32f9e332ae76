//! What the operating system charges to the process, as differences between two readings.

use std::collections::BTreeMap;
use std::io;
use std::time::Instant;

use workloads::usage::{Usage, run_delay_ns};

/// A reading of the process's account.
#[derive(Clone, Copy, Debug)]
pub(super) struct Account {
    at: Instant,
    usage: Usage,
    run_delay_ns: u64,
}

impl Account {
    /// Reads the account of all threads, those that have ended included; how long threads waited for
    /// a processor is known only of those that live.
    ///
    /// # Errors
    /// As [`Usage::of_process`].
    pub(super) fn read() -> io::Result<Self> {
        let (usage, run_delay_ns) = (Usage::of_process()?, run_delay_ns("self"));
        Ok(Self { at: Instant::now(), usage, run_delay_ns })
    }

    /// What was charged since `earlier`, under the names of the protocol.
    pub(super) fn since(&self, earlier: &Self) -> BTreeMap<String, u64> {
        let wall_ns =
            u64::try_from(self.at.duration_since(earlier.at).as_nanos()).unwrap_or(u64::MAX);
        let Usage { cpu_ns, voluntary_switches, involuntary_switches } = self.usage - earlier.usage;
        [
            ("cpu_ns", cpu_ns),
            ("voluntary_switches", voluntary_switches),
            ("involuntary_switches", involuntary_switches),
            ("run_delay_ns", self.run_delay_ns.saturating_sub(earlier.run_delay_ns)),
            ("wall_ns", wall_ns),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_name_of_the_protocol_is_there() {
        let before = Account::read().expect("getrusage");
        let spent = Account::read().expect("getrusage").since(&before);
        assert!(spent["wall_ns"] > 0, "{spent:?}");
        for name in ["cpu_ns", "voluntary_switches", "involuntary_switches", "run_delay_ns"] {
            assert!(spent.contains_key(name), "{name}");
        }
    }
}
