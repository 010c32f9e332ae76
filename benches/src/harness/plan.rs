//! In which order the cells are run: complete blocks, each shuffled.

use std::time::Duration;

use workloads::Kind;

use super::{Args, Mode};
use crate::cell::{ONCE, Task};
use crate::matrix::{Cell, shuffle};

/// Measured time of a latency round whose iterations are short.
const ROUND: Duration = Duration::from_millis(600);

/// The same with `--quick`.
const QUICK_ROUND: Duration = Duration::from_millis(200);

/// One child process.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is run.
    pub cell: Cell,
    /// Which round of the cell this is, from 0.
    pub round: usize,
    /// Whether no round of the cell follows.
    pub last: bool,
    /// How it is run.
    pub task: Task,
}

/// Every cell once per block, shuffled within the block. Throughput has one block, because
/// criterion takes its samples in one go; latency and memory have one per round, so that each round
/// meets the machine of another minute.
pub fn plan(cells: &[Cell], kind: Kind, args: &Args, seed: u64) -> Vec<Step> {
    let mode = args.mode();
    let task = match (mode, kind) {
        (Mode::List | Mode::Test, _) => Task::Verify,
        (Mode::Unrecorded, _) => Task::Unrecorded,
        (Mode::Measure, Kind::Throughput) => Task::Sample(args.timing()),
        (Mode::Measure, Kind::Memory) => ONCE,
        (Mode::Measure, Kind::Latency) => Task::Round(if args.quick { QUICK_ROUND } else { ROUND }),
    };
    let rounds = if in_rounds(mode, kind) { usize::from(args.rounds()) } else { 1 };
    let mut steps = Vec::with_capacity(cells.len() * rounds);
    for round in 0..rounds {
        let mut block: Vec<_> = cells
            .iter()
            .map(|cell| Step {
                cell: cell.clone(),
                round,
                last: round + 1 == rounds,
                task: task.clone(),
            })
            .collect();
        shuffle(&mut block, seed, round as u64);
        steps.extend(block);
    }
    steps
}

/// Whether a cell is measured in several processes. Criterion takes its samples in one.
pub(super) fn in_rounds(mode: Mode, kind: Kind) -> bool {
    mode == Mode::Measure && kind != Kind::Throughput
}

/// A first guess of a step's time, processes and verification included.
pub(super) fn expected(task: &Task) -> Duration {
    const OVERHEAD: Duration = Duration::from_millis(100);
    OVERHEAD
        + match task {
            Task::Verify | Task::Fixed { .. } | Task::Unrecorded => Duration::ZERO,
            Task::Sample(timing) => timing.warm_up + timing.measurement + timing.counted,
            Task::Round(time) => *time * 2,
        }
}
