//! What else went on in the machine during a measurement, and which do not count for it.

use std::fs;
use std::io;
use std::time::Instant;

pub use results::noise::{Noise, percent};
use workloads::usage::Usage;

/// A reading of the machine's and our own processor time.
#[derive(Clone, Copy, Debug)]
pub struct Reading {
    machine: Ticks,
    ours_s: f64,
    at: Instant,
}

/// The machine's processor time since boot, all processors together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ticks {
    busy: u64,
    idle: u64,
    steal: u64,
}

/// Why the machine's account cannot be read.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum NoiseError {
    /// The system refused.
    #[error("cannot read /proc/stat")]
    Read(#[source] io::Error),
    /// Not the format of Linux 2.6.11 and later.
    #[error("/proc/stat has no line `cpu` with the time of each state")]
    Format,
}

impl Reading {
    /// Reads both accounts. Our own holds this process and its children that have ended.
    ///
    /// # Errors
    /// [`NoiseError`].
    pub fn now() -> Result<Self, NoiseError> {
        let text = fs::read_to_string("/proc/stat").map_err(NoiseError::Read)?;
        let machine = Ticks::parse(&text).ok_or(NoiseError::Format)?;
        let mut ours_ns = 0;
        for usage in [Usage::of_process(), Usage::of_children()] {
            ours_ns += usage.map_err(NoiseError::Read)?.cpu_ns;
        }
        Ok(Self { machine, ours_s: ours_ns as f64 / 1e9, at: Instant::now() })
    }

    /// What happened since `earlier`, in which threads of ours waited for `delay_ns` nanoseconds;
    /// quiet when no tick has passed.
    pub fn since(&self, earlier: &Self, delay_ns: u64) -> Noise {
        let passed_ns = self.at.duration_since(earlier.at).as_nanos().max(1) as f64;
        let waiting = delay_ns as f64 / passed_ns;
        let spent =
            |of: fn(&Ticks) -> u64| of(&self.machine).saturating_sub(of(&earlier.machine)) as f64;
        let (busy, idle, steal) = (spent(|t| t.busy), spent(|t| t.idle), spent(|t| t.steal));
        let total = busy + idle + steal;
        if total == 0.0 {
            return Noise { steal: 0.0, others: 0.0, waiting };
        }
        let ours = (self.ours_s - earlier.ours_s) * rustix::param::clock_ticks_per_second() as f64;
        Noise { steal: steal / total, others: (busy - ours).max(0.0) / total, waiting }
    }
}

impl Ticks {
    /// The first line: `cpu user nice system idle iowait irq softirq steal guest guest_nice`, of
    /// which the guests' time is also in `user` and `nice`.
    fn parse(stat: &str) -> Option<Self> {
        let line = stat.lines().find_map(|line| line.strip_prefix("cpu "))?;
        let fields: Option<Vec<u64>> =
            line.split_whitespace().map(|field| field.parse().ok()).collect();
        match fields?.as_slice() {
            &[user, nice, system, idle, iowait, irq, softirq, steal, ..] => Some(Self {
                busy: user + nice + system + irq + softirq,
                idle: idle + iowait,
                steal,
            }),
            _ => None,
        }
    }
}

/// The criterion under which a round is rejected, declared before the first one.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Gate {
    /// The greatest share of steal time (0 to 1) that a round may have.
    pub steal: f64,
    /// The greatest share of the machine that other processes may take meanwhile.
    pub others: f64,
}

impl Gate {
    /// Why a round does not count, if it does not.
    pub fn rejects(&self, noise: &Noise) -> Option<String> {
        if noise.steal > self.steal {
            return Some(format!("steal time {}", percent(noise.steal)));
        }
        let busy = noise.others > self.others;
        busy.then(|| format!("other processes took {}", percent(noise.others)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const QUIET: Noise = Noise { steal: 0.0, others: 0.0, waiting: 0.0 };

    fn reading(busy: u64, idle: u64, steal: u64, ours_s: f64) -> Reading {
        Reading { machine: Ticks { busy, idle, steal }, ours_s, at: Instant::now() }
    }

    #[test]
    fn the_first_line_is_summed_without_counting_guests_twice() {
        let stat = "cpu  100 20 30 400 50 6 7 8 90 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n";
        assert_eq!(Ticks::parse(stat), Some(Ticks { busy: 163, idle: 450, steal: 8 }));
        assert_eq!(Ticks::parse("cpu  1 2 3 4\n"), None);
        assert_eq!(Ticks::parse("intr 1 2\n"), None);
        assert_eq!(Ticks::parse("cpu  1 2 3 4 x 6 7 8\n"), None);
    }

    #[test]
    fn shares_are_of_all_processors() {
        let per_second = rustix::param::clock_ticks_per_second();
        let before = reading(1_000, 500, 10, 3.0);
        let now = reading(
            1_000 + 2 * per_second,
            500 + 2 * per_second - per_second / 10,
            10 + per_second / 10,
            4.5,
        );
        let noise = now.since(&before, 0);
        assert!((noise.steal - 0.025).abs() < 1e-9, "{noise:?}");
        assert!((noise.others - 0.125).abs() < 1e-9, "{noise:?}");
        assert_eq!(now.since(&now, 0), QUIET);
    }

    #[test]
    fn the_gate_rejects_beyond_its_limit_only() {
        let gate = Gate { steal: 0.02, others: 0.3 };
        assert_eq!(gate.rejects(&Noise { steal: 0.02, others: 0.3, ..QUIET }), None);
        assert_eq!(
            gate.rejects(&Noise { steal: 0.031, ..QUIET }),
            Some("steal time 3.1 %".to_owned())
        );
        assert_eq!(
            gate.rejects(&Noise { others: 0.74, ..QUIET }),
            Some("other processes took 74.0 %".to_owned())
        );
    }

    #[test]
    fn this_machine_can_be_read() {
        let before = Reading::now().expect("Linux");
        let noise = Reading::now().expect("Linux").since(&before, 0);
        assert!(
            (0.0..=1.0).contains(&noise.steal) && (0.0..=1.0).contains(&noise.others),
            "{noise:?}"
        );
    }
}
