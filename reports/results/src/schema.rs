//! The stored form of a result: one versioned JSON file per cell of the matrix.
//!
//! Files lie in `target/stampede/results/`, named `<workload>.<runtime>.w<workers>.json`, and are
//! complete in themselves: a run that is killed leaves every cell that it finished.
//! [`crate::store`] writes and reads them, [`crate::histogram`] turns distributions into text and
//! back.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::format;
use crate::noise::Noise;
use crate::noise::percent;
use crate::stats::{self, Location, between_processes, middle_and_most};
use crate::text::visible;

/// The version that this build writes, and the only one that it reads.
pub const VERSION: u32 = 3;

/// One cell: one workload on one runtime with one worker count.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// Schema version, [`VERSION`].
    pub version: u32,
    /// The run that measured the cell.
    pub run: Run,
    /// What was run.
    pub workload: WorkloadInfo,
    /// What ran it.
    pub runtime: RuntimeInfo,
    /// Worker threads.
    pub workers: usize,
    /// What came of it.
    pub outcome: Outcome,
}

/// Facts shared by all cells of one `cargo bench`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Unique name of the run.
    pub id: String,
    /// When the run started: seconds since the Unix epoch.
    pub started_unix_s: u64,
    /// When this cell was finished: seconds since the Unix epoch.
    pub finished_unix_s: u64,
    /// The command that reproduces the run.
    pub command: String,
    /// The seed of everything random in the run.
    pub seed: u64,
    /// Whether `--quick` shortened it.
    pub quick: bool,
    /// Machine and toolchain.
    pub machine: Machine,
}

/// The machine and toolchain that measured.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    /// Processor model as the kernel names it.
    pub cpu: String,
    /// Logical processors usable by the process.
    pub cores: usize,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// Kernel release.
    pub kernel: String,
    /// `rustc --version` of the build.
    pub rustc: String,
    /// Revision of this repository, when known.
    pub revision: Option<String>,
    /// Versions of the packages that matter, from the lock file.
    pub packages: BTreeMap<String, String>,
}

/// A workload as the page needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WorkloadInfo {
    /// Registered name.
    pub name: String,
    /// Place in the registry: the order in which pages show workloads.
    pub position: usize,
    /// What the tasks do.
    pub summary: String,
    /// Which cost it shows.
    pub shows: String,
    /// What one operation is, plural.
    pub unit: String,
    /// How it is measured.
    pub kind: Kind,
    /// The parameters of this run.
    pub params: BTreeMap<String, u64>,
}

/// How a workload is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// Time per iteration.
    Throughput,
    /// A distribution of latencies.
    Latency,
    /// Bytes per operation.
    Memory,
}

/// A runtime as the page needs it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuntimeInfo {
    /// Registered name.
    pub name: String,
    /// Place in the registry: the order in which pages show runtimes.
    pub position: usize,
    /// The policy in one sentence.
    pub summary: String,
    /// What comparing it isolates.
    pub isolates: String,
    /// The peer's package and version ("tokio 1.54.1"), or `None` for one of ours.
    pub peer: Option<String>,
    /// What it does not share with the others ("language", "reactor"): where there is anything, it
    /// is shown beside them and no ranking takes it in.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// Whether the page is about this one: it stands first and is marked.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub newcomer: bool,
}

impl RuntimeInfo {
    /// Whether it is somebody else's: a peer, or one that differs in more than its executor.
    pub fn is_peer(&self) -> bool {
        self.peer.is_some() || self.is_foreign()
    }

    /// Whether more than the executor differs, so that a ranking would mix causes.
    pub fn is_foreign(&self) -> bool {
        !self.own.is_empty()
    }
}

/// What came of a cell.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "snake_case")]
#[expect(clippy::large_enum_variant, reason = "nearly all are measured")]
pub enum Outcome {
    /// It was measured and its results verified.
    Measured(Measurement),
    /// It ran and gave a wrong result, broke a counter law, or died.
    Failed {
        /// What went wrong.
        reason: String,
    },
    /// It ran and its results were right, but the measurement missed its own conditions.
    Void {
        /// Which, and by how much.
        reason: String,
    },
    /// It was not run.
    Skipped {
        /// Why.
        reason: String,
    },
}

impl Outcome {
    /// The figures of a measured cell.
    pub fn measured(&self) -> Option<&Measurement> {
        match self {
            Self::Measured(measurement) => Some(measurement),
            Self::Failed { .. } | Self::Void { .. } | Self::Skipped { .. } => None,
        }
    }

    /// The same with a reason that can be shown and stored: it may quote a panic, which may hold
    /// anything.
    #[must_use]
    pub fn readable(self) -> Self {
        match self {
            Self::Measured(_) => self,
            Self::Failed { reason } => Self::Failed { reason: visible(&reason) },
            Self::Void { reason } => Self::Void { reason: visible(&reason) },
            Self::Skipped { reason } => Self::Skipped { reason: visible(&reason) },
        }
    }

    /// Notes what else went on in the machine, if there are figures. How long its own threads
    /// waited for a processor a measurement knows best itself.
    pub fn beside(&mut self, noise: Noise) {
        if let Self::Measured(measurement) = self {
            let of = |name| measurement.process.get(name).map(|&value| value as f64);
            let waiting = match (of("run_delay_ns"), of("wall_ns")) {
                (Some(delay), Some(wall)) if wall > 0.0 => delay / wall,
                _ => noise.waiting,
            };
            measurement.noise = Some(Noise { waiting, ..noise });
        }
    }

    /// Why there are no figures, `None` when there are.
    pub fn reason(&self) -> Option<&str> {
        match self {
            Self::Measured(_) => None,
            Self::Failed { reason } | Self::Void { reason } | Self::Skipped { reason } => {
                Some(reason)
            }
        }
    }
}

impl Measurement {
    /// What the cell came to against itself, as the logarithm of a ratio, if it was measured twice.
    pub fn control(&self) -> Option<Location> {
        stats::paired(&self.samples_ns, &self.control_ns)
    }
}

/// What all controls of a run amount to.
#[derive(Clone, Debug, PartialEq)]
pub struct Controls {
    /// In words.
    pub words: String,
    /// Whether they leave the run's other differences in doubt: more than one in twenty was taken
    /// for a difference.
    pub doubtful: bool,
}

impl Controls {
    /// What `controls` amount to; nothing without any.
    pub fn of(controls: &[Location]) -> Option<Self> {
        let apart: Vec<f64> =
            controls.iter().map(|control| control.middle.abs().exp() - 1.0).collect();
        let (middle, most) = middle_and_most(&apart)?;
        let between = between_processes(controls);
        let clear = |control: &&Location| control.of_programs(between).is_clear(controls.len());
        let differing = controls.iter().filter(clear).count();
        let words = format!(
            "the same program twice, {}: {} apart in the middle and {} at most, {differing} \
             clearly different",
            format::count(controls.len(), "time"),
            percent(middle),
            percent(most),
        );
        Some(Self { words, doubtful: 20 * differing > controls.len().max(20) })
    }
}

/// The figures of a measured cell.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Measurement {
    /// Nanoseconds per iteration, one entry per sample; empty for pure latency cells. Finite: JSON
    /// has no other numbers, so the store refuses them.
    pub samples_ns: Vec<f64>,
    /// The same from a second process of the same program that took turns with the first, where
    /// there was one: what the two are apart is no difference. Empty elsewhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub control_ns: Vec<f64>,
    /// What else went on in the machine meanwhile, the worst of the cell's rounds; absent where
    /// nobody looked.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub noise: Option<Noise>,
    /// Memory cells: bytes per operation, one entry per round. Finite, as the samples.
    pub bytes_per_operation: Vec<f64>,
    /// Operations (the workload's unit) per iteration.
    pub operations_per_iteration: f64,
    /// Iterations that the counters below cover.
    pub counted_iterations: u64,
    /// Scheduler counters over `counted_iterations`; a counter that the runtime does not keep is
    /// absent.
    pub counters: BTreeMap<String, u64>,
    /// The same counters by worker; threads that are not workers come last.
    pub counters_per_worker: BTreeMap<String, Vec<u64>>,
    /// What the operating system counted over `counted_iterations`: `cpu_ns`, `voluntary_switches`,
    /// `involuntary_switches`, `wall_ns`.
    pub process: BTreeMap<String, u64>,
    /// Named distributions in nanoseconds (`latency`, `uncorrected`, `lateness`): HdrHistogram V2
    /// deflate-free serialisation, base64. See [`crate::histogram`].
    pub histograms: BTreeMap<String, String>,
    /// Named figures beside the time. Finite, as the samples.
    pub figures: BTreeMap<String, f64>,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn twice(factor: f64) -> Measurement {
        let around = |middle: f64| (0..8).map(|i| middle + f64::from(i * 5 % 7)).collect();
        Measurement {
            samples_ns: around(1000.0 * factor),
            control_ns: around(1000.0),
            ..Measurement::default()
        }
    }

    #[test]
    fn a_cell_against_itself_has_a_ratio() {
        assert_eq!(Measurement { control_ns: Vec::new(), ..twice(1.0) }.control(), None);
        let far = twice(1.3).control().expect("it was measured twice");
        assert!((far.middle.exp() - 1.3).abs() < 1e-3, "{far:?}");
    }

    #[test]
    fn more_than_one_in_twenty_told_apart_leaves_a_run_in_doubt() {
        let of = |near: usize, far: usize| {
            let control = |factor| twice(factor).control().expect("it was measured twice");
            Controls::of(&[vec![control(1.01); near], vec![control(1.5); far]].concat())
        };
        assert_eq!(of(0, 0), None);
        let Controls { words, doubtful } = of(48, 2).expect("fifty");
        let said = "the same program twice, 50 times: 1.0 % apart in the middle and 49.9 % at \
                    most, 2 clearly different";
        assert_eq!((words.as_str(), doubtful), (said, false));
        assert!(of(47, 3).expect("fifty").doubtful);
        assert!(!of(2, 1).expect("three").doubtful, "one of a few is chance");
        // Where half of them are far apart, nothing of this run is taken for a difference.
        let Controls { words, doubtful } = of(2, 2).expect("four");
        assert!(words.ends_with("0 clearly different") && !doubtful, "{words}");
    }
}
