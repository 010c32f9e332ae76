//! Tasks that compute for long: what time slices, and budgets, are for.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;

use runtimes::spin::spin_preemptible;
use runtimes::{Runtime, Spawner, reactor, time};

use crate::alarm::{Alarm, monotonic_ns};
use crate::arrivals::{Shape, poisson};
use crate::drive::drive;
use crate::poisson::{compute, serve};
use crate::spin::Calibration;
use crate::workload::check;
use crate::{DefaultRuntimes, Failure, Params, Sample};

/// Where hogs are measured: on one runtime of each kind, and with one worker, where only the
/// scheduler can step in. With a second worker that is idle, that one should:
/// `hog_latency_spare` looks whether it does.
pub(crate) const RUNTIMES: DefaultRuntimes = DefaultRuntimes::Only {
    runtimes: &[
        "work-stealing",
        "stackful",
        "stackful-10ms",
        "stackful-1ms",
        "stackful-200us",
        "go",
        "tokio-mt",
        "may",
    ],
    workers: 1,
};

/// Steps between two additions to a hog's progress, some 30 µs. A constant and not a calibrated
/// time, so that the progress of hogs in two processes can be compared to better than two
/// calibrations can.
pub(crate) const ROUND_STEPS: u64 = 16_000;

/// The rounds that take `service_ns`, at least one.
pub(crate) fn rounds(calibration: &Calibration, service_ns: f64) -> u64 {
    (calibration.steps(service_ns) / ROUND_STEPS).max(1)
}

/// How long a hog waits between two turns, as a server does for its next request. Through the
/// reactor, so that the runtime looks at its sockets and timers, too: a mere yield would keep a
/// runtime that looks at them every 64 polls, at 50 ms each, from seeing anything for seconds, and
/// that is another matter than the one shown here.
const PAUSE: Duration = Duration::from_micros(20);

/// How the hogs of a run compute.
#[derive(Clone, Copy, Debug)]
struct Turn {
    /// Rounds of one turn.
    rounds: u64,
    /// Rounds after which the hog pauses within its turn.
    budget: u64,
}

/// What the hogs and their owner share.
#[derive(Debug)]
struct Hogs {
    stop: AtomicBool,
    /// Rounds done by each.
    progress: Vec<AtomicU64>,
}

impl Hogs {
    /// The time, and the rounds done by then.
    fn reading(&self) -> (u64, u64) {
        let rounds = self.progress.iter().map(|rounds| rounds.load(Ordering::Relaxed)).sum();
        (monotonic_ns(), rounds)
    }

    /// Computes in turns until it is told to stop. Returns the rounds done.
    async fn hog(self: Arc<Self>, index: usize, turn: Turn, reactor: reactor::Handle) -> u64 {
        let mut done = 0;
        while !self.stop.load(Ordering::Relaxed) {
            let mut left = turn.rounds;
            while left > 0 {
                let rounds = left.min(turn.budget);
                spin_preemptible(rounds, ROUND_STEPS, &self.progress[index]);
                left -= rounds;
                done += rounds;
                time::sleep(&reactor, PAUSE).await;
            }
        }
        done
    }
}

/// Short requests that arrive by their own schedule, beside hogs: response times, and what is left
/// for the hogs.
pub(crate) fn beside_hogs<R: Runtime>(
    runtime: &R,
    params: &Params,
    iterations: u64,
    budget_us: Option<u64>,
) -> Result<Sample, Failure> {
    let gap_ns = 1e9 / params.get("rate_per_s") as f64;
    let warm_up = WARM_UP.as_nanos() as f64 / gap_ns;
    let count = warm_up as usize + params.size("requests") * iterations as usize;
    let service_ns = params.get("service_us") as f64 * 1e3;
    let requests = poisson(params.get("seed"), count, gap_ns, service_ns, Shape::Exponential);

    let calibration = Calibration::measure();
    let turn = Turn {
        rounds: rounds(&calibration, params.get("hog_ms") as f64 * 1e6),
        budget: budget_us.map_or(u64::MAX, |us| rounds(&calibration, us as f64 * 1e3)),
    };
    let hogs = params.size("hogs");
    let spawner = runtime.spawner().clone();
    let (observed, hogging_ns, rounds) = drive(runtime, async move {
        let shared = Arc::new(Hogs {
            stop: AtomicBool::new(false),
            progress: (0..hogs).map(|_| AtomicU64::new(0)).collect(),
        });
        let hog =
            |index| spawner.spawn(Arc::clone(&shared).hog(index, turn, spawner.reactor().clone()));
        let hogs: Vec<_> = (0..hogs).map(hog).collect();
        // Until then every hog has had a turn: what is read from here on is their steady state.
        Alarm::new(spawner.reactor())?
            .wait_until(monotonic_ns() + SETTLE.as_nanos() as u64)
            .await?;
        let before = shared.reading();
        let observed = serve(&spawner, requests, warm_up as usize, calibration, compute).await;
        let after = shared.reading();
        shared.stop.store(true, Ordering::Relaxed);
        let mut done = 0;
        for hog in hogs {
            done += hog.await?;
        }
        check("the rounds that the hogs say they did", done, shared.reading().1)?;
        Ok((observed?, after.0 - before.0, after.1 - before.1))
    })?;
    let mut sample = observed.evaluate()?;
    let steps = (rounds * ROUND_STEPS) as f64;
    sample.figures.extend([
        ("hog_steps_per_us", steps * 1e3 / hogging_ns as f64),
        ("hog_percent_of_worker", steps * calibration.step_ns / hogging_ns as f64 * 100.0),
    ]);
    Ok(sample)
}

/// Requests of this long only warm the system up.
const WARM_UP: Duration = Duration::from_millis(100);

/// Before the first request.
const SETTLE: Duration = Duration::from_millis(20);
