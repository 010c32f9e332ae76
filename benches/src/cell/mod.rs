//! One cell, run by a contestant in processes of its own.
//!
//! A fresh process gives every cell clean counters and a cold allocator, and turns a crash or a
//! hang of an executor into one failed cell. `execute` asks the contestant step by step; in
//! `live` several take turns in short slices, and in `together` in samples of criterion's
//! (`sampling`, `turns`).

mod execute;
mod live;
mod sampling;
mod together;
mod turns;

use std::time::Duration;

pub use execute::{Finished, Launcher, outcome_of};
pub use live::Live;
pub use sampling::CriterionsPlace;

/// How a cell is run.
#[derive(Clone, Debug, PartialEq)]
pub enum Task {
    /// One iteration, to verify the result and the counters.
    Verify,
    /// One round of a latency workload. An iteration that fills half of this time is the round, and
    /// brings a warm-up of its own; a shorter one is the warm-up of as many as fit.
    Round(Duration),
    /// So many iterations under the clock, counted from beginning to end. [`ONCE`] is a round of a
    /// memory workload.
    Fixed {
        /// Iterations before the clock starts.
        warm_up_iterations: u64,
        /// Iterations under the clock, at least 1.
        iterations: u64,
    },
    /// Criterion profiles (`--profile-time`) or compares kept results (`--load-baseline`).
    Unrecorded,
}

/// A single iteration in a process in which nothing has run before, so that no freed memory is used
/// again.
pub const ONCE: Task = Task::Fixed { warm_up_iterations: 0, iterations: 1 };

/// How long criterion measures unless its flags say otherwise.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Timing {
    /// Samples; each is the mean of as many iterations as fit.
    pub samples: usize,
    /// Whether `samples` may be lowered to criterion's least, 10, for a cell whose iterations are
    /// long.
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
