//! Many timers are armed and expire; each notes how late it was.

use std::time::{Duration, Instant};

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use runtimes::time::sleep_until;
use runtimes::{Runtime, Spawner};

use crate::drive::drive;
use crate::histogram::histogram;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// 10,000 timers that really fire (a known peer's benchmark drops its timers unexpired). Deadlines
/// are spread evenly and armed in shuffled order, so that neither a heap nor a wheel meets its best
/// case. A timer that fires before its deadline fails the run.
///
/// `lateness` runs from the deadline to the moment at which the task runs again. `armed_late`
/// counts timers that were armed only after their deadline, because spawning them took longer than
/// `lead_ms`.
#[derive(Debug)]
pub struct Timers;

impl Workload for Timers {
    const DEFINITION: Definition = Definition {
        name: "timers",
        summary: "Each task sleeps until a deadline of its own; deadlines lie close together.",
        shows: "how late a runtime resumes a task whose time has come, and what arming and firing \
         cost",
        unit: "expiries",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "timers",
                default: 10_000,
                min: 1,
                max: 1_000_000,
                help: "timers armed \
             in one iteration",
            },
            Param {
                name: "lead_ms",
                default: 50,
                min: 0,
                max: 60_000,
                help: "milliseconds before \
             the first deadline",
            },
            Param {
                name: "spread_ms",
                default: 100,
                min: 1,
                max: 60_000,
                help: "milliseconds from first to last deadline",
            },
        ],
        small: &[("timers", 500), ("lead_ms", 5), ("spread_ms", 20)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let timers = params.get("timers");
        let lead = Duration::from_millis(params.get("lead_ms"));
        let mut offsets = spread(timers, Duration::from_millis(params.get("spread_ms")));
        offsets.shuffle(&mut Xoshiro256PlusPlus::seed_from_u64(1));
        let spawner = runtime.spawner().clone();
        let (elapsed, expiries) = drive(runtime, async move {
            let mut expiries = Vec::with_capacity(offsets.len() * iterations as usize);
            let mut handles = Vec::with_capacity(offsets.len());
            let start = Instant::now();
            for _ in 0..iterations {
                let first = Instant::now() + lead;
                handles.extend(offsets.iter().map(|&offset| {
                    let reactor = spawner.reactor().clone();
                    spawner.spawn(expire(reactor, first + offset))
                }));
                for handle in handles.drain(..) {
                    expiries.push(handle.await?);
                }
            }
            Ok((start.elapsed(), expiries))
        })?;
        let early = expiries.iter().filter(|expiry| expiry.lateness.is_none()).count();
        check("the timers that fired early", early, 0)?;
        let armed_late = expiries.iter().filter(|expiry| expiry.armed_late).count();
        let lateness = histogram(
            expiries.iter().filter_map(|expiry| expiry.lateness).map(|l| l.as_nanos() as u64),
        );
        Ok(Sample {
            histograms: vec![("lateness", lateness)],
            figures: vec![("armed_late", armed_late as f64)],
            ..Sample::work(elapsed, timers * iterations)
        })
    }
}

/// `count` offsets from zero to just below `width`, at equal distances.
fn spread(count: u64, width: Duration) -> Vec<Duration> {
    (0..count)
        .map(|i| {
            Duration::from_nanos((width.as_nanos() * u128::from(i) / u128::from(count)) as u64)
        })
        .collect()
}

/// How one timer went.
struct Expiry {
    /// From the deadline to the resumption; `None` when it came early.
    lateness: Option<Duration>,
    /// Whether the deadline had passed before the timer was armed.
    armed_late: bool,
}

async fn expire(reactor: runtimes::reactor::Handle, deadline: Instant) -> Expiry {
    let armed_late = Instant::now() > deadline;
    sleep_until(&reactor, deadline).await;
    Expiry { lateness: Instant::now().checked_duration_since(deadline), armed_late }
}
