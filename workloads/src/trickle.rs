//! An idle runtime, and then a wake now and then.

use std::thread;
use std::time::Duration;

use futures_lite::future::block_on;
use runtimes::Runtime;

use crate::alarm::monotonic_ns;
use crate::drive::drive_from_outside;
use crate::histogram::histogram;
use crate::metronome::Metronome;
use crate::sleepers::{self, Sleepers};
use crate::usage::Usage;
use crate::workload::{check, io};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// What an idle runtime costs, and what it takes to rouse it.
///
/// The tasks also sleep on a timer that never fires, as connections with a timeout do. First
/// nothing happens for `idle_ms`: whatever processor time and context switches the runtime is
/// charged then, it wastes. Then a thread outside wakes one task every `interval_us`, by a schedule
/// that does not wait for answers.
///
/// - `latency` runs from the wake to the task's poll. It counts from the moment at which the wake
///   was *due* when the thread was awake then, held up by a waker that had not returned. What the
///   kernel's timer makes the thread late by (some 50 µs on a virtual machine, five times a wake)
///   happens before the runtime hears of anything and is not charged to it; `waker_late_p99_ns`
///   shows it. `uncorrected` counts from the call.
/// - `idle_cpu_percent` (of one processor) and `idle_switches_per_s` cover the idle time,
///   `cpu_per_wake_ns` and `switches_per_wake` the trickle; all without the thread that wakes.
///   `wake_call_ns` is the mean time which that thread spends in the waker.
/// - `bunched` counts wakes sent while the one before was unanswered: they found no idle runtime.
#[derive(Debug)]
pub struct Trickle;

impl Workload for Trickle {
    const DEFINITION: Definition = Definition {
        name: "trickle",
        summary: "A thread outside the runtime wakes one of many sleeping tasks every \
         millisecond; in between there is nothing to do.",
        shows: "how long an idle runtime takes to run a task that is woken, and what being idle \
         and waking up cost the machine",
        unit: "wakes",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "tasks",
                default: 1_000,
                min: 1,
                max: 1_000_000,
                help: "sleeping tasks, \
             woken in turn",
            },
            Param {
                name: "wakes",
                default: 500,
                min: 1,
                max: 1_000_000,
                help: "wakes in one \
             iteration",
            },
            Param {
                name: "interval_us",
                default: 1_000,
                min: 10,
                max: 1_000_000,
                help: "microseconds from one wake to the next",
            },
            Param {
                name: "idle_ms",
                default: 200,
                min: 1,
                max: 60_000,
                help: "milliseconds of \
             idleness before",
            },
        ],
        small: &[("tasks", 10), ("wakes", 25), ("interval_us", 200), ("idle_ms", 2)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let tasks = params.size("tasks");
        let wakes = params.size("wakes") * iterations as usize;
        let interval_ns = params.get("interval_us") * 1_000;
        let idle = Duration::from_millis(params.get("idle_ms"));
        let spawner = runtime.spawner().clone();
        let (idle, busy, times) = drive_from_outside(runtime, move || {
            let (sleepers, handles) = sleepers::spawn(&spawner, tasks, wakes);
            block_on(sleepers.settle())?;
            let (idle, ()) = Costs::of(|| {
                thread::sleep(idle);
                Ok(())
            })?;
            let (busy, times) = Costs::of(|| trickle(&sleepers, wakes, interval_ns))?;
            sleepers.release();
            let mut answered = 0;
            for handle in handles {
                answered += block_on(handle)?;
            }
            check("the wakes counted by the tasks", answered, wakes as u64)?;
            Ok((idle, busy, times))
        })?;
        let hasty = times.iter().filter(|t| t.polled_ns < t.woken_ns).count();
        check("the wakes answered before they were sent", hasty, 0)?;
        let late = histogram(times.iter().map(|t| t.woken_ns - t.intended_ns));
        let bunched = times.windows(2).filter(|pair| pair[1].woken_ns < pair[0].polled_ns).count();
        let per_wake = |total: u64| total as f64 / wakes as f64;
        Ok(Sample {
            histograms: vec![
                ("latency", histogram(times.iter().map(|t| t.polled_ns - t.counted_from_ns))),
                ("uncorrected", histogram(times.iter().map(|t| t.polled_ns - t.woken_ns))),
            ],
            figures: vec![
                ("idle_cpu_percent", idle.charged.cpu_ns as f64 / idle.wall_ns as f64 * 100.0),
                ("idle_switches_per_s", idle.charged.switches() as f64 / idle.wall_ns as f64 * 1e9),
                ("cpu_per_wake_ns", per_wake(busy.charged.cpu_ns)),
                ("switches_per_wake", per_wake(busy.charged.switches())),
                ("wake_call_ns", per_wake(times.iter().map(|t| t.returned_ns - t.woken_ns).sum())),
                ("waker_late_p99_ns", late.value_at_quantile(0.99) as f64),
                ("bunched", bunched as f64),
            ],
            ..Sample::work(Duration::from_nanos(busy.wall_ns), wakes as u64)
        })
    }
}

/// What a phase of a run cost.
struct Costs {
    wall_ns: u64,
    /// Charged to the process, but not to the thread that wakes.
    charged: Usage,
}

impl Costs {
    fn of<T>(phase: impl FnOnce() -> Result<T, Failure>) -> Result<(Self, T), Failure> {
        let unreadable = io("reading the process's account");
        let process = Usage::of_process().map_err(&unreadable)?;
        let own = Usage::of_thread().map_err(&unreadable)?;
        let start_ns = monotonic_ns();
        let result = phase()?;
        let wall_ns = monotonic_ns() - start_ns;
        let own = Usage::of_thread().map_err(&unreadable)? - own;
        let process = Usage::of_process().map_err(&unreadable)? - process;
        Ok((Self { wall_ns, charged: process - own }, result))
    }
}

/// The life of one wake, in nanoseconds on the monotonic clock.
struct Times {
    /// When it was due.
    intended_ns: u64,
    /// Since when it could have been sent: when it was due, or when the thread, asleep at that
    /// time, woke up.
    counted_from_ns: u64,
    /// Before the call of the waker.
    woken_ns: u64,
    /// After that call.
    returned_ns: u64,
    /// When the task was polled.
    polled_ns: u64,
}

/// Wakes the tasks in turn, each at its time or as soon after it as this thread gets there; none is
/// skipped.
fn trickle(sleepers: &Sleepers, wakes: usize, interval_ns: u64) -> Result<Vec<Times>, Failure> {
    let mut times = Vec::with_capacity(wakes);
    let first_ns = monotonic_ns() + interval_ns;
    let metronome = Metronome::new(first_ns, interval_ns)?;
    let mut awake_since_ns = 0;
    for wake in 0..wakes {
        let intended_ns = first_ns + wake as u64 * interval_ns;
        awake_since_ns = metronome.sleep_until(intended_ns)?.unwrap_or(awake_since_ns);
        let woken_ns = monotonic_ns();
        sleepers.wake(wake);
        let returned_ns = monotonic_ns();
        let counted_from_ns = intended_ns.max(awake_since_ns);
        times.push(Times { intended_ns, counted_from_ns, woken_ns, returned_ns, polled_ns: 0 });
    }
    block_on(sleepers.all_answered())?;
    for (times, polled_ns) in times.iter_mut().zip(sleepers.polled_ns()) {
        times.polled_ns = polled_ns;
    }
    Ok(times)
}
