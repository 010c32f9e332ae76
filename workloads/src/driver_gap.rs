//! An event becomes due while a task computes that the reactor has just woken.

use std::time::{Duration, Instant};

use runtimes::reactor::Handle;
use runtimes::time::sleep_until;
use runtimes::{Runtime, Spawner};

use crate::alarm::{Alarm, monotonic_ns};
use crate::drive::drive;
use crate::histogram::histogram;
use crate::pair_compute::compute;
use crate::spin::{Calibration, spin};
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// tokio#4730 in small: one worker waits for the reactor, on behalf of all. An event comes, the
/// worker runs the task that it woke, and that task computes. Unless somebody else waits for the
/// reactor meanwhile, the next event is noticed only when the task is done.
///
/// In each round task A sleeps for a millisecond and then computes for `compute_us`; B waits for an
/// event that comes `gap_us` after A's. In even rounds that is a timer of the reactor's, in odd
/// ones a descriptor that becomes readable (a timerfd, which goes off in the kernel whatever the
/// executor does). `lateness` runs from the time at which B's event is due to the moment at which B
/// goes on. An early one fails the run.
///
/// With two workers the second is idle all the time. With one there is none to step in: B is late
/// by what A computes beyond the gap, unless the runtime can interrupt A.
#[derive(Debug)]
pub struct DriverGap;

impl Workload for DriverGap {
    const DEFINITION: Definition = Definition {
        name: "driver_gap",
        summary: "A timer wakes a task that computes for 5 ms; another task's event becomes due 1 \
         ms later.",
        shows: "how late an event is noticed when the worker that waited for it has gone to work, \
         although another is idle",
        unit: "events",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "compute_us",
                default: 5_000,
                min: 1,
                max: 10_000_000,
                help: "microseconds for which the task computes that was woken first",
            },
            Param {
                name: "gap_us",
                default: 1_000,
                min: 0,
                max: 10_000_000,
                help: "microseconds from the first event to the second",
            },
            Param {
                name: "rounds",
                default: 80,
                min: 1,
                max: 1_000_000,
                help: "pairs of events \
             in one iteration",
            },
        ],
        small: &[("rounds", 6), ("compute_us", 500), ("gap_us", 100)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let rounds = params.get("rounds") * iterations;
        let gap = Duration::from_micros(params.get("gap_us"));
        let steps = Calibration::measure().steps(params.get("compute_us") as f64 * 1e3);
        let spawner = runtime.spawner().clone();
        let (elapsed, events) = drive(runtime, async move {
            let want = spin(steps);
            let reactor = spawner.reactor();
            let mut events = Vec::with_capacity(rounds as usize);
            let start = Instant::now();
            for round in 0..rounds {
                let first = Instant::now() + LEAD;
                let by = if round % 2 == 0 { Means::Timer } else { Means::Descriptor };
                let second = spawner.spawn(late_by(reactor.clone(), by, first + gap));
                let first = spawner.spawn(sleep_and_compute(reactor.clone(), first, steps));
                check("the result of the work", first.await?, want)?;
                events.push((by, second.await??));
            }
            Ok((start.elapsed(), events))
        })?;
        let late_ns =
            |by| events.iter().filter(move |(b, _)| *b == by).map(|(_, late_ns)| *late_ns);
        let worst_ns = |by| late_ns(by).max().unwrap_or(0) as f64;
        Ok(Sample {
            histograms: vec![("lateness", histogram(events.iter().map(|(_, late_ns)| *late_ns)))],
            figures: vec![
                ("timer_worst_ns", worst_ns(Means::Timer)),
                ("descriptor_worst_ns", worst_ns(Means::Descriptor)),
            ],
            ..Sample::work(elapsed, rounds)
        })
    }
}

/// From the spawns to the first event: time for every worker to find that there is nothing to do.
const LEAD: Duration = Duration::from_millis(1);

/// What the second event is.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Means {
    /// A timer of the reactor's.
    Timer,
    /// A descriptor that becomes readable.
    Descriptor,
}

/// A. Returns the result of its work.
async fn sleep_and_compute(reactor: Handle, until: Instant, steps: u64) -> u64 {
    sleep_until(&reactor, until).await;
    compute(steps).await
}

/// B: waits for the event that is due at `due`, and returns by how much it was late.
async fn late_by(reactor: Handle, by: Means, due: Instant) -> Result<u64, Failure> {
    match by {
        Means::Timer => sleep_until(&reactor, due).await,
        Means::Descriptor => {
            let left = due.saturating_duration_since(Instant::now());
            // Up to the time between two readings of the clock after `due`, never before it.
            let due_ns = monotonic_ns() + left.as_nanos() as u64;
            Alarm::new(&reactor)?.wait_until(due_ns).await?;
        }
    }
    let late = Instant::now().checked_duration_since(due);
    check("an event that came early", late.is_none(), false)?;
    Ok(late.map_or(0, |late| late.as_nanos() as u64))
}
