//! Two classes of tasks that want all the time they can get.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;
use std::time::{Duration, Instant};

use futures_lite::future::yield_now;
use runtimes::spin::spin_from_pot;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::hogs::{ROUND_STEPS, RUNTIMES};
use crate::workload::check;
use crate::{Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Tasks of two classes take rounds of work out of one pot until it is empty: one class yields
/// after every round (some 30 µs), the other after `turn` rounds (some 20 ms). Who gets how much is
/// up to the scheduler.
///
/// `jain_index` is Jain's fairness index of the two classes' work: (a + b)² / 2(a² + b²), 1 when
/// both get the same, 0.5 when one gets all. `polite_percent` is the part of the class that yields
/// after every round. What is ranked is the time of a round: what taking turns costs.
#[derive(Debug)]
pub struct GreedyClasses;

impl Workload for GreedyClasses {
    const DEFINITION: Definition = Definition {
        name: "greedy_classes",
        summary: "Tasks that yield every 30 µs and tasks that compute for 20 ms at a time draw on \
         one pot of work.",
        shows: "how evenly the scheduler divides a worker between those who give way and those \
         who do not, and what that costs",
        unit: "rounds",
        kind: Kind::Throughput,
        runtimes: RUNTIMES,
        params: &[
            Param {
                name: "rounds",
                default: 5_000,
                min: 1,
                max: 10_000_000,
                help: "rounds of \
             work in the pot",
            },
            Param { name: "tasks", default: 2, min: 1, max: 1_000, help: "tasks of each class" },
            Param {
                name: "turn",
                default: 640,
                min: 1,
                max: 1_000_000,
                help: "rounds after which the second class yields",
            },
        ],
        small: &[("rounds", 200), ("turn", 40)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (rounds, tasks, turn) =
            (params.get("rounds"), params.size("tasks"), params.get("turn"));
        let spawner = runtime.spawner().clone();
        let (elapsed, shares) = drive(runtime, async move {
            let mut elapsed = Duration::ZERO;
            let mut shares = Vec::with_capacity(iterations as usize);
            for _ in 0..iterations {
                let pot = Arc::new(AtomicU64::new(rounds));
                let start = Instant::now();
                let classes = [1, turn];
                // In turn, so that neither class begins before the other.
                let greedy = (0..2 * tasks)
                    .map(|task| spawner.spawn(draw(Arc::clone(&pot), classes[task % 2])));
                let handles: Vec<_> = greedy.collect();
                let mut had = [0; 2];
                for (task, handle) in handles.into_iter().enumerate() {
                    had[task % 2] += handle.await?;
                }
                elapsed += start.elapsed();
                check("the rounds that the tasks had", had[0] + had[1], rounds)?;
                shares.push(had.map(|had| had as f64 / rounds as f64));
            }
            Ok((elapsed, shares))
        })?;
        let mean =
            |of: fn(&[f64; 2]) -> f64| shares.iter().map(of).sum::<f64>() / shares.len() as f64;
        Ok(Sample {
            figures: vec![
                ("jain_index", mean(jain)),
                ("polite_percent", mean(|shares| shares[0] * 100.0)),
            ],
            ..Sample::work(elapsed, rounds * iterations)
        })
    }
}

/// Takes rounds out of the pot, yielding after every `turn` of them, until it is empty. Returns how
/// many it had.
async fn draw(pot: Arc<AtomicU64>, turn: u64) -> u64 {
    let mut had = 0;
    loop {
        let now = spin_from_pot(&pot, turn, ROUND_STEPS);
        had += now;
        if now < turn {
            return had;
        }
        yield_now().await;
    }
}

/// Jain's index of two shares.
fn jain(shares: &[f64; 2]) -> f64 {
    let [a, b] = *shares;
    (a + b) * (a + b) / (2.0 * (a * a + b * b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_index_is_1_for_equal_shares_and_a_half_when_one_has_all() {
        assert_eq!(jain(&[0.5, 0.5]), 1.0);
        assert_eq!(jain(&[0.0, 1.0]), 0.5);
        assert!((jain(&[1.0, 3.0]) - 0.8).abs() < 1e-9);
    }
}
