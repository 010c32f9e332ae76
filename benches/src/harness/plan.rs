//! In which order the cells are run: complete blocks, each shuffled.

use std::time::Duration;

use workloads::Kind;

use super::{Args, Mode};
use crate::cell::{ONCE, Task, Timing};
use crate::matrix::{Cell, shuffle};

/// Measured time of a latency round whose iterations are short.
const ROUND: Duration = Duration::from_millis(500);

/// The same with `--quick`.
const QUICK_ROUND: Duration = Duration::from_millis(200);

/// One child process, or several that take turns.
#[derive(Clone, Debug)]
pub struct Step {
    /// What is run.
    pub cells: Vec<Cell>,
    /// Which round of the cells this is, from 0.
    pub round: usize,
    /// Whether no round of them follows.
    pub last: bool,
    /// How they are run.
    pub how: How,
}

/// How the cells of a step are run.
#[derive(Clone, Debug)]
pub enum How {
    /// There is one cell.
    Alone(Task),
    /// Criterion samples them in turns.
    InTurns(Timing),
}

/// Every cell once per block, shuffled within the block. Throughput has one block, because
/// criterion takes its samples in one go: there the runtimes of a workload take turns. Latency and
/// memory have one per round, so that each round meets the machine of another minute.
pub fn plan(cells: &[Cell], kind: Kind, args: &Args, seed: u64) -> Vec<Step> {
    let mode = args.mode();
    let task = match (mode, kind) {
        (Mode::List | Mode::Test, _) => Task::Verify,
        (Mode::Unrecorded, _) => Task::Unrecorded,
        (Mode::Measure, Kind::Throughput) => return in_turns(cells, args, seed),
        (Mode::Measure, Kind::Memory) => ONCE,
        (Mode::Measure, Kind::Latency) => Task::Round(if args.quick { QUICK_ROUND } else { ROUND }),
    };
    let rounds = if in_rounds(mode, kind) { usize::from(args.rounds()) } else { 1 };
    let mut steps = Vec::with_capacity(cells.len() * rounds);
    for round in 0..rounds {
        let mut block: Vec<_> = cells
            .iter()
            .map(|cell| Step {
                cells: vec![cell.clone()],
                round,
                last: round + 1 == rounds,
                how: How::Alone(task.clone()),
            })
            .collect();
        shuffle(&mut block, seed, round as u64);
        steps.extend(block);
    }
    steps
}

/// A step for each workload and worker count. Criterion's own lines come in one piece only if it
/// measures one benchmark at a time.
fn in_turns(cells: &[Cell], args: &Args, seed: u64) -> Vec<Step> {
    let apart = args.criterion.wants_criterions_lines();
    let mut groups: Vec<Vec<Cell>> = Vec::new();
    for cell in cells {
        let together = |group: &&mut Vec<Cell>| {
            !apart
                && group[0].workload.name == cell.workload.name
                && group[0].workers == cell.workers
        };
        match groups.iter_mut().find(together) {
            Some(group) => group.push(cell.clone()),
            None => groups.push(vec![cell.clone()]),
        }
    }
    shuffle(&mut groups, seed, 0);
    let step = |cells| Step { cells, round: 0, last: true, how: How::InTurns(args.timing()) };
    groups.into_iter().map(step).collect()
}

/// Whether a cell is measured in several processes. Criterion takes its samples in one.
pub(super) fn in_rounds(mode: Mode, kind: Kind) -> bool {
    mode == Mode::Measure && kind != Kind::Throughput
}

/// A first guess of the time of each of a step's cells, processes and verification included.
pub(super) fn expected(how: &How) -> Duration {
    const OVERHEAD: Duration = Duration::from_millis(100);
    OVERHEAD
        + match how {
            How::Alone(Task::Verify | Task::Fixed { .. } | Task::Unrecorded) => Duration::ZERO,
            How::Alone(Task::Round(time)) => *time * 2,
            How::InTurns(timing) => timing.warm_up + timing.measurement + timing.counted,
        }
}
