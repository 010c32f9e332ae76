//! One hog beside one pair that talks.

use std::sync::atomic::AtomicU64;
use std::time::Duration;

use async_channel::{Receiver, Sender, bounded};
use runtimes::spin::spin_preemptible;
use runtimes::{Join, Runtime, Spawner};

use crate::alarm::monotonic_ns;
use crate::drive::{drive, sum_below};
use crate::histogram::histogram;
use crate::hogs::{ROUND_STEPS, RUNTIMES, rounds};
use crate::spin::Calibration;
use crate::workload::check;
use crate::{Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Go's `PingPongHog` (runtime/proc_test.go): a task that computes and never yields beside two
/// tasks that pass a message to and fro. A fair scheduler gives both about the same time.
///
/// The hog spawns the pair, computes for `hog_ms` in one go, and ends; the pair goes on to its last
/// round trip. `trips_beside_per_ms` counts the round trips that came before the hog's end, for
/// each millisecond until then, and `trips_after_per_ms` those after it, when the pair had the
/// worker for itself: their ratio is the pair's share of it. The trips are enough for some 200 ms
/// of the pair's own time, so that it outlasts the hog where the two share evenly; where it does
/// not, its time beside the hog ends with its last trip, and nothing comes after.
/// `longest_silence_ns` is the longest time without a round trip. `latency` holds every one, the
/// first from the hog's start on.
#[derive(Debug)]
pub struct PingPongHog;

impl Workload for PingPongHog {
    const DEFINITION: Definition = Definition {
        name: "ping_pong_hog",
        summary: "A task computes for 100 ms without yielding, while two others pass a message to \
         and fro.",
        shows: "how the scheduler divides a worker between a task that never lets go and two that \
         always do",
        unit: "round trips",
        kind: Kind::Latency,
        runtimes: RUNTIMES,
        params: &[
            Param {
                name: "trips",
                default: 500_000,
                min: 1,
                max: 10_000_000,
                help: "round trips \
             of the pair",
            },
            Param {
                name: "hog_ms",
                default: 100,
                min: 1,
                max: 60_000,
                help: "milliseconds for which the hog computes",
            },
        ],
        small: &[("trips", 200), ("hog_ms", 10)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let trips = params.get("trips");
        let rounds = rounds(&Calibration::measure(), params.get("hog_ms") as f64 * 1e6);
        let spawner = runtime.spawner().clone();
        let (elapsed_ns, contests) = drive(runtime, async move {
            let start_ns = monotonic_ns();
            let mut contests = Vec::new();
            for _ in 0..iterations {
                let hog = spawner.spawn(hog(spawner.clone(), trips, rounds));
                let Hogged { ping, pong, start_ns, end_ns } = hog.await?;
                let at_ns = ping.await??;
                check("the answers given", pong.await?, sum_below(trips))?;
                contests.push(Contest { start_ns, end_ns, at_ns });
            }
            Ok((monotonic_ns() - start_ns, contests))
        })?;
        let gaps = || contests.iter().flat_map(Contest::gaps_ns);
        let mean =
            |of: fn(&Contest) -> f64| contests.iter().map(of).sum::<f64>() / contests.len() as f64;
        Ok(Sample {
            histograms: vec![("latency", histogram(gaps()))],
            figures: vec![
                ("trips_beside_per_ms", mean(Contest::beside_per_ms)),
                ("trips_after_per_ms", mean(Contest::after_per_ms)),
                ("longest_silence_ns", gaps().max().unwrap_or(0) as f64),
            ],
            ..Sample::work(Duration::from_nanos(elapsed_ns), trips * iterations)
        })
    }
}

/// The times of one iteration.
struct Contest {
    /// When the hog began to compute, and when it had done.
    start_ns: u64,
    end_ns: u64,
    /// When each round trip was over.
    at_ns: Vec<u64>,
}

impl Contest {
    /// Round trips before the hog's end.
    fn beside(&self) -> usize {
        self.at_ns.partition_point(|&at| at < self.end_ns)
    }

    fn beside_per_ms(&self) -> f64 {
        let until_ns = self.last_ns().min(self.end_ns);
        self.beside() as f64 * 1e6 / until_ns.saturating_sub(self.start_ns).max(1) as f64
    }

    /// 0 when none was left.
    fn after_per_ms(&self) -> f64 {
        (self.at_ns.len() - self.beside()) as f64 * 1e6
            / self.last_ns().saturating_sub(self.end_ns).max(1) as f64
    }

    /// When the last round trip was over.
    fn last_ns(&self) -> u64 {
        self.at_ns.last().copied().unwrap_or(self.end_ns)
    }

    /// The time of each round trip. With a second worker the first may be over before the hog
    /// computes.
    fn gaps_ns(&self) -> impl Iterator<Item = u64> {
        let before = std::iter::once(self.start_ns).chain(self.at_ns.iter().copied());
        before.zip(&self.at_ns).map(|(before, at)| at.saturating_sub(before))
    }
}

/// What the hog leaves behind.
struct Hogged<P, Q> {
    ping: P,
    pong: Q,
    start_ns: u64,
    end_ns: u64,
}

async fn hog<S: Spawner>(
    spawner: S,
    trips: u64,
    rounds: u64,
) -> Hogged<impl Join<Result<Vec<u64>, Failure>>, impl Join<u64>> {
    let (to, from) = (bounded(1), bounded(1));
    let pong = spawner.spawn(pong(to.1, from.0));
    let ping = spawner.spawn(ping(trips, to.0, from.1));
    let start_ns = monotonic_ns();
    spin_preemptible(rounds, ROUND_STEPS, &AtomicU64::new(0));
    Hogged { ping, pong, start_ns, end_ns: monotonic_ns() }
}

/// Sends each number and awaits it back. Returns when each came.
async fn ping(trips: u64, to: Sender<u64>, from: Receiver<u64>) -> Result<Vec<u64>, Failure> {
    let lost = || Failure::Lost("the other task of the pair");
    let mut at_ns = Vec::with_capacity(trips as usize);
    for number in 0..trips {
        to.send(number).await.map_err(|_| lost())?;
        check("the number that came back", from.recv().await.map_err(|_| lost())?, number)?;
        at_ns.push(monotonic_ns());
    }
    Ok(at_ns)
}

/// Sends back what comes, and returns the sum.
async fn pong(from: Receiver<u64>, to: Sender<u64>) -> u64 {
    let mut sum = 0;
    while let Ok(number) = from.recv().await {
        sum += number;
        if to.send(number).await.is_err() {
            break;
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rates(at_ms: &[u64]) -> (f64, f64) {
        let ms = 1_000_000;
        let contest = Contest {
            start_ns: 10 * ms,
            end_ns: 20 * ms,
            at_ns: at_ms.iter().map(|at| at * ms).collect(),
        };
        (contest.beside_per_ms(), contest.after_per_ms())
    }

    #[test]
    fn trips_are_counted_beside_the_hog_and_after_it() {
        assert_eq!(rates(&[12, 14, 16, 18, 19, 22, 24, 26]), (0.5, 0.5));
        assert_eq!(rates(&[21, 22]), (0.0, 1.0), "without preemption all come after it");
    }

    #[test]
    fn a_pair_that_ends_first_is_timed_to_its_own_end() {
        assert_eq!(rates(&[11, 12, 13, 14]), (1.0, 0.0));
    }
}
