//! The shape of a workload: a definition, parameters, and a run whose result is verified.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use hdrhistogram::Histogram;
use runtimes::{Config, JoinError, Runtime};

/// Identity and description of one workload.
#[derive(Clone, Copy, Debug)]
pub struct Definition {
    /// Registered name: lower case and underscores; what filters and results use.
    pub name: &'static str,
    /// One sentence: what the tasks do.
    pub summary: &'static str,
    /// One sentence: which cost of a scheduler it shows.
    pub shows: &'static str,
    /// What one operation is, in the plural: "tasks", "messages", "round trips".
    pub unit: &'static str,
    /// How it is measured.
    pub kind: Kind,
    /// Where it is measured.
    pub runtimes: DefaultRuntimes,
    /// Its parameters, in the order in which they are shown.
    pub params: &'static [Param],
    /// Values with which an iteration takes milliseconds, for tests; what is not here stays as it
    /// is.
    pub small: &'static [(&'static str, u64)],
}

/// How a workload is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Time per iteration of a fixed amount of work.
    Throughput,
    /// A distribution of latencies.
    Latency,
    /// Bytes per operation, in the first iteration of a fresh process.
    Memory,
}

/// On which runtimes a workload is measured when nobody names any.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum DefaultRuntimes {
    /// On all but the [sliced](runtimes::TaskKind::Sliced) and
    /// [unpooled](runtimes::TaskKind::Unpooled) ones: none of its tasks opens a region, and how
    /// stacks are made is not what it is about, so these could only repeat what `stackful` shows.
    All,
    /// On those and on the ones named.
    AllAnd(&'static [&'static str]),
    /// Its tasks compute in regions. It is measured where that makes a difference, and beside it on
    /// one of each kind that cannot be preempted.
    Only {
        /// Registered names.
        runtimes: &'static [&'static str],
        /// The greatest number of workers.
        workers: usize,
    },
}

impl DefaultRuntimes {
    /// The runtimes that are named.
    pub fn names(&self) -> &'static [&'static str] {
        match *self {
            Self::All => &[],
            Self::AllAnd(names) | Self::Only { runtimes: names, .. } => names,
        }
    }
}

/// One parameter of a workload.
#[derive(Clone, Copy, Debug)]
pub struct Param {
    /// Its name on the command line.
    pub name: &'static str,
    /// The value unless overridden.
    pub default: u64,
    /// The least value accepted.
    pub min: u64,
    /// The greatest value accepted.
    pub max: u64,
    /// What it means, with its unit.
    pub help: &'static str,
}

/// The values of a workload's parameters for one run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Params(BTreeMap<&'static str, u64>);

/// Why a parameter was refused.
#[derive(Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ParamError {
    /// The workload has no parameter of that name.
    Unknown {
        /// The workload.
        workload: &'static str,
        /// The name given.
        name: String,
        /// The names it has.
        known: Vec<&'static str>,
    },
    /// The value lies outside the parameter's range.
    OutOfRange {
        /// The workload.
        workload: &'static str,
        /// The parameter.
        range: Range,
        /// The value given.
        value: u64,
    },
}

/// The range of a refused parameter.
#[derive(Debug, PartialEq, Eq)]
pub struct Range {
    /// Its name.
    pub name: &'static str,
    /// The least value accepted.
    pub min: u64,
    /// The greatest value accepted.
    pub max: u64,
}

impl fmt::Display for ParamError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Unknown { workload, name, known } if known.is_empty() => {
                write!(f, "workload {workload} takes no parameters, so not `{name}`")
            }
            Self::Unknown { workload, name, known } => {
                write!(
                    f,
                    "workload {workload} has no parameter `{name}`; it has {}",
                    known.join(", ")
                )
            }
            Self::OutOfRange { workload, range, value } => {
                let Range { name, min, max } = range;
                write!(
                    f,
                    "parameter {name} of workload {workload} is {value}: it must lie in {min} to \
                     {max}"
                )
            }
        }
    }
}

impl std::error::Error for ParamError {}

impl Params {
    /// The defaults of `definition`.
    pub fn defaults(definition: &Definition) -> Self {
        Self(definition.params.iter().map(|p| (p.name, p.default)).collect())
    }

    /// Sets one parameter.
    ///
    /// # Errors
    /// [`ParamError`] for an unknown name or a value out of range.
    pub fn set(
        &mut self,
        definition: &Definition,
        name: &str,
        value: u64,
    ) -> Result<(), ParamError> {
        let Some(param) = definition.params.iter().find(|p| p.name == name) else {
            let known = definition.params.iter().map(|p| p.name).collect();
            return Err(ParamError::Unknown {
                workload: definition.name,
                name: name.to_owned(),
                known,
            });
        };
        let Param { name, min, max, .. } = *param;
        if !(min..=max).contains(&value) {
            let range = Range { name, min, max };
            return Err(ParamError::OutOfRange { workload: definition.name, range, value });
        }
        self.0.insert(name, value);
        Ok(())
    }

    /// The value of `name`.
    ///
    /// # Panics
    /// When the workload's definition has no such parameter: a mistake in the workload's own file.
    pub fn get(&self, name: &str) -> u64 {
        *self.0.get(name).unwrap_or_else(|| panic!("the definition declares no parameter `{name}`"))
    }

    /// The value of `name` as a number of things that are kept in memory.
    ///
    /// # Panics
    /// As [`get`](Self::get), and when the value exceeds the address space.
    pub fn size(&self, name: &str) -> usize {
        usize::try_from(self.get(name)).expect("the definition's `max` fits the address space")
    }

    /// All parameters with their values.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        self.0.iter().map(|(&name, &value)| (name, value))
    }
}

/// What one run measured.
#[derive(Clone, Debug)]
pub struct Sample {
    /// Wall time of all iterations, start-up and verification excluded.
    pub elapsed: Duration,
    /// Operations (the definition's unit) in all iterations together.
    pub operations: u64,
    /// Latency workloads: named distributions in nanoseconds ("latency", "lateness",
    /// "uncorrected").
    pub histograms: Vec<(&'static str, Histogram<u64>)>,
    /// Memory workloads: bytes that an operation holds, over the first iteration.
    pub bytes_per_operation: Option<f64>,
    /// Named figures beside the time: "offered per second", "generator lateness p99.9 (ns)".
    pub figures: Vec<(&'static str, f64)>,
}

impl Sample {
    /// A sample of `operations` done in `elapsed`, with nothing beside the time.
    pub fn work(elapsed: Duration, operations: u64) -> Self {
        Self {
            elapsed,
            operations,
            histograms: Vec::new(),
            bytes_per_operation: None,
            figures: Vec::new(),
        }
    }
}

/// Why a run does not count.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Failure {
    /// The workload's result is not the one it must have.
    #[error("wrong result: {what} is {got}, must be {want}")]
    Wrong {
        /// What was checked.
        what: &'static str,
        /// What came out.
        got: String,
        /// What must come out.
        want: String,
    },
    /// A task panicked or was cancelled.
    #[error("{0}")]
    Join(#[from] JoinErrorText),
    /// A task was dropped before it had done its part: its end of a channel or event is gone.
    #[error("lost: {0} was dropped before its work was done")]
    Lost(&'static str),
    /// The operating system refused something.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// The system's answer.
        source: std::io::Error,
    },
    /// The runtime by its nature lacks what the workload is about: the cell is left out.
    #[error("{0}")]
    NotOffered(&'static str),
    /// The measurement did not meet its own conditions; shown as void, never ranked.
    #[error("void: {0}")]
    Void(String),
}

/// A [`JoinError`] in words: its payload cannot be shared between threads.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub struct JoinErrorText(String);

impl From<JoinError> for Failure {
    fn from(error: JoinError) -> Self {
        Self::Join(JoinErrorText(error.to_string()))
    }
}

/// A load for executors. One file each; generic over the runtime; its result is verified.
pub trait Workload: Send + Sync + 'static {
    /// Its identity, description and parameters.
    const DEFINITION: Definition;

    /// How a runtime is started for it with `workers` workers.
    fn config(workers: usize) -> Config {
        Config::new(workers)
    }

    /// Does the work `iterations` times on a running runtime and verifies each result.
    ///
    /// # Errors
    /// [`Failure`] when the result is wrong, a task died, or the system refused something. Tasks of
    /// the failed run may be left on the runtime then: shut it down instead of measuring on.
    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure>;

    /// Named figures that are measured once beside the samples, on the same runtime after the last
    /// of them: the same in other sizes, too slow to be part of every run. None by default.
    ///
    /// # Errors
    /// As [`run`](Self::run).
    fn figures<R: Runtime>(_: &R, _: &Params) -> Result<Vec<(&'static str, f64)>, Failure> {
        Ok(Vec::new())
    }
}

/// Makes an error of the system a [`Failure`] that says `what` was being done.
pub(crate) fn io(what: &'static str) -> impl Fn(std::io::Error) -> Failure {
    move |source| Failure::Io { what, source }
}

/// Lets tests falsify what a workload checks: whether it checks anything, and whether it then
/// fails. In a module of its own, so that what is measured has no trace of it.
pub mod faults {
    #[cfg(feature = "faults")]
    thread_local! {
        static FALSE: std::cell::Cell<bool> = const { std::cell::Cell::new(false) };
    }

    /// From now on, everything that is checked on this thread is taken for wrong.
    #[cfg(feature = "faults")]
    pub fn falsify() {
        FALSE.set(true);
    }

    #[cfg(feature = "faults")]
    pub(super) fn falsified() -> bool {
        FALSE.get()
    }

    #[cfg(not(feature = "faults"))]
    #[inline]
    pub(super) fn falsified() -> bool {
        false
    }
}

/// `Ok` when `got == want`, else the [`Failure`] that says what differs.
///
/// # Errors
/// [`Failure::Wrong`].
pub fn check<T: PartialEq + fmt::Debug>(
    what: &'static str,
    got: T,
    want: T,
) -> Result<(), Failure> {
    if got == want && !faults::falsified() {
        return Ok(());
    }
    Err(Failure::Wrong { what, got: format!("{got:?}"), want: format!("{want:?}") })
}
