//! One cell, run in a process of its own: `launch` is the parent's side, `serve` the child's.
//!
//! A fresh process gives every cell clean counters and a cold allocator, and turns a crash or a hang
//! of an executor into one failed cell. The two sides speak JSON: one [`Request`] on the child's
//! standard input, then [`Message`]s, one a line, on its standard output.

mod bed;
mod launch;
mod measure;
mod process;
mod sampling;
mod serve;

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use results::schema::Outcome;
use serde::{Deserialize, Serialize};

use crate::matrix;
use crate::params::{self, Overrides};

pub use bed::{Bed, prepare};
pub use launch::{Finished, LaunchError, Launcher};
pub use measure::execute;
pub use serve::{SUBCOMMAND, serve};

/// What a child process is to do.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Request {
    /// Registered name of the workload.
    pub workload: String,
    /// Registered name of the runtime.
    pub runtime: String,
    /// Threads that run tasks.
    pub workers: usize,
    /// Every parameter of the workload.
    pub params: BTreeMap<String, u64>,
    /// How much of it.
    pub task: Task,
}

impl Request {
    /// `task` on a cell of the matrix.
    pub fn new(cell: &matrix::Cell, overrides: &Overrides, task: Task) -> Self {
        Self {
            workload: cell.workload.name.to_owned(),
            runtime: cell.runtime.name.to_owned(),
            workers: cell.workers,
            params: params::to_map(&overrides.of(cell.workload)),
            task,
        }
    }
}

/// How a cell is run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Task {
    /// One iteration, to verify the result and the counters.
    Verify,
    /// Criterion samples it; its own flags are the child's arguments.
    Sample(Timing),
    /// One round of a latency workload. An iteration that fills half of this time is the round, and
    /// brings a warm-up of its own; a shorter one is the warm-up of as many as fit.
    Round(Duration),
    /// So many iterations under the clock, counted from beginning to end. [`ONCE`] is a round of a memory workload.
    Fixed {
        /// Iterations before the clock starts.
        warm_up_iterations: u64,
        /// Iterations under the clock, at least 1.
        iterations: u64,
    },
    /// Criterion profiles (`--profile-time`) or compares kept results (`--load-baseline`).
    Unrecorded,
}

/// A single iteration in a process in which nothing has run before, so that no freed memory is used again.
pub const ONCE: Task = Task::Fixed { warm_up_iterations: 0, iterations: 1 };

/// How long criterion measures unless its flags say otherwise.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Timing {
    /// Samples; each is the mean of as many iterations as fit.
    pub samples: usize,
    /// Whether `samples` may be lowered to criterion's least, 10, for a cell whose iterations are long.
    pub adapt: bool,
    /// Unrecorded iterations before the first sample.
    pub warm_up: Duration,
    /// All samples together.
    pub measurement: Duration,
    /// The counted run after the samples.
    pub counted: Duration,
    /// Bootstrap resamples of criterion's intervals.
    pub resamples: usize,
}

/// What a child process says.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Message {
    /// It has begun this.
    Phase(Phase),
    /// It still makes progress: another run of the workload has ended.
    Alive,
    /// It is done; nothing follows.
    Done(Box<Outcome>),
}

/// What a child process is at, so that a hang can be placed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Before anything ran.
    Start,
    /// The first iteration.
    Verification,
    /// Warm-up and samples.
    Sampling,
    /// The run that the counters cover.
    Counting,
    /// Stopping the runtime.
    Shutdown,
}

impl fmt::Display for Phase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Start => "start-up",
            Self::Verification => "verification",
            Self::Sampling => "sampling",
            Self::Counting => "the counted run",
            Self::Shutdown => "shutdown",
        })
    }
}
