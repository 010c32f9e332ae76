//! Open-loop load: requests arrive when they will, however far behind the scheduler is.

use runtimes::{Runtime, Spawner};

use crate::alarm::{Alarm, monotonic_ns};
use crate::arrivals::{Request, Shape, poisson};
use crate::completions::Completions;
use crate::drive::drive;
use crate::queueing::Observed;
use crate::spin::{Calibration, spin};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Poisson arrivals of tasks that compute for a drawn time: response times at a load below
/// saturation.
///
/// Arrivals, service times and their numbers of steps are drawn before the clock starts, from the
/// seed and the load alone, so that every runtime meets the same requests. No thread generates
/// load: one absolute timer of the kernel (timerfd, to which timer slack does not apply) lies in
/// the runtime's own reactor and fires at the next intended arrival; then everything that is due
/// becomes a task. What the reactor is late by is the scheduler's to answer for, and a late request
/// is never skipped.
///
/// - `latency` runs from the *intended* arrival to completion, `uncorrected` from the actual spawn:
///   the difference is what a closed-loop measurement would have left out.
/// - The work is counted in steps, calibrated right before and right after. The speed of a shared
///   virtual machine moves by 1 or 2 % between two calibrations, so the limit stands at 5 % unless
///   `max_drift_percent` says otherwise (1 is right for a quiet machine of one's own); beyond it
///   the run is void, and within it the figure `spin_drift_percent` is shown.
/// - Requests before 20·S̄/(1 − √ρ)² (at most 1 s) only warm the system up. The run drains: it ends
///   when every request is done. Three rounds of 50,000 leave 150 above the 99.9th percentile.
/// - `in_system_last_third` far above `in_system_first_third` marks a run that was not stationary.
#[derive(Debug)]
pub struct Poisson;

impl Workload for Poisson {
    const DEFINITION: Definition = Definition {
        name: "poisson",
        summary: "Requests arrive at random times, each a task that computes for a random time; \
         nothing waits for answers.",
        shows: "response time under load, from the intended arrival on: queueing, wake-up \
         latency, reactor lateness",
        unit: "requests",
        kind: Kind::Latency,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "load_percent",
                default: 70,
                min: 1,
                max: 200,
                help: "offered load, in percent of `workers`",
            },
            Param {
                name: "service_us",
                default: 20,
                min: 1,
                max: 100_000,
                help: "mean service \
             time in microseconds",
            },
            Param {
                name: "shape",
                default: 1,
                min: 0,
                max: 2,
                help: "service times: 0 all equal, 1 exponential, 2 bimodal",
            },
            Param {
                name: "requests",
                default: 50_000,
                min: 100,
                max: 10_000_000,
                help: "requests per iteration",
            },
            Param {
                name: "workers",
                default: 1,
                min: 1,
                max: 1_024,
                help: "workers whose \
             capacity is 100 percent",
            },
            Param {
                name: "seed",
                default: 1,
                min: 0,
                max: u64::MAX,
                help: "seed of arrivals and \
             service times",
            },
            Param {
                name: "max_drift_percent",
                default: 5,
                min: 1,
                max: 100,
                help: "change of the processor's speed above which the run is void; its \
                 calibration may misfit by twice as much",
            },
        ],
        // At 20 %, so that the run is short of overload even when all tests share two cores.
        small: &[("requests", 1_000), ("load_percent", 20), ("max_drift_percent", 100)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let load = Load {
            service_ns: params.get("service_us") as f64 * 1e3,
            percent: params.get("load_percent") as f64,
            workers: params.get("workers") as f64,
            shape: [Shape::Fixed, Shape::Exponential, Shape::Bimodal][params.size("shape")],
            requests: params.size("requests") * iterations as usize,
            seed: params.get("seed"),
            max_drift_percent: params.get("max_drift_percent") as f64,
        };
        let (observed, drift_percent) = open_loop(runtime, &load, compute)?;
        let mut sample = observed.evaluate()?;
        sample.figures.push(("spin_drift_percent", drift_percent));
        Ok(sample)
    }
}

/// What an open-loop run offers.
pub(crate) struct Load {
    /// Mean service time.
    pub(crate) service_ns: f64,
    /// Offered load, in percent of `workers`.
    pub(crate) percent: f64,
    pub(crate) workers: f64,
    pub(crate) shape: Shape,
    /// Requests after those that only warm the system up.
    pub(crate) requests: usize,
    /// Seed of arrivals and service times.
    pub(crate) seed: u64,
    /// Change of the processor's speed above which the run is void.
    pub(crate) max_drift_percent: f64,
}

/// Offers `load`, each request a task that does `work` for so many steps. Returns what happened,
/// and by how much the processor's speed changed, in percent.
pub(crate) fn open_loop<R: Runtime>(
    runtime: &R,
    load: &Load,
    work: fn(u64),
) -> Result<(Observed, f64), Failure> {
    let &Load { service_ns, percent, workers, shape, requests, seed, max_drift_percent: limit } =
        load;
    let utilisation = percent / 100.0;
    let gap_ns = service_ns / (utilisation * workers);
    let warm_up = (warm_up_ns(service_ns, utilisation) / gap_ns).ceil() as usize;
    let requests = poisson(seed, warm_up + requests, gap_ns, service_ns, shape);

    let before = calibrate(limit)?;
    let spawner = runtime.spawner().clone();
    let observed =
        drive(runtime, async move { serve(&spawner, requests, warm_up, before, work).await })?;
    let after = calibrate(limit)?;

    let drift_percent = before.drift(&after) * 100.0;
    if drift_percent > limit {
        return Err(Failure::Void(format!(
            "the processor's speed changed by {drift_percent:.1} % during the run; the limit is \
             {limit} %"
        )));
    }
    Ok((observed, drift_percent))
}

/// What a request does: so many steps, which nothing interrupts.
pub(crate) fn compute(steps: u64) {
    spin(steps);
}

/// How long the queue takes to forget that it began empty: 20·S̄/(1 − √ρ)², at most a second (which
/// a load of 96 % reaches; above it no warm-up would do).
fn warm_up_ns(service_ns: f64, load: f64) -> f64 {
    const MOST_NS: f64 = 1e9;
    if load >= 1.0 {
        return MOST_NS;
    }
    (20.0 * service_ns / (1.0 - load.sqrt()).powi(2)).min(MOST_NS)
}

/// A block's time may be further from the straight line than two calibrations are from each other,
/// by this factor: it is one block, they are fits to many.
const MISFIT_PER_DRIFT: f64 = 2.0;

/// Calibrates the work. Blocks further from the straight line than the limit allows say that their
/// times are not those of the steps.
fn calibrate(max_drift_percent: f64) -> Result<Calibration, Failure> {
    let calibration = Calibration::measure();
    if calibration.misfit * 100.0 > max_drift_percent * MISFIT_PER_DRIFT {
        let percent = calibration.misfit * 100.0;
        return Err(Failure::Void(format!(
            "the calibration of the work is off its straight line by \
         {percent:.1} %"
        )));
    }
    Ok(calibration)
}

/// The generator: makes every request a task when it is due, and waits until all are done.
pub(crate) async fn serve<S: Spawner>(
    spawner: &S,
    requests: Vec<Request>,
    warm_up: usize,
    calibration: Calibration,
    work: fn(u64),
) -> Result<Observed, Failure> {
    /// Time to get from here to the first wait for the alarm.
    const LEAD_NS: u64 = 1_000_000;

    let steps: Vec<u64> =
        requests.iter().map(|request| calibration.steps(request.service_ns)).collect();
    let (completions, closed) = Completions::new(requests.len());
    let mut spawned_ns = Vec::with_capacity(requests.len());
    let alarm = Alarm::new(spawner.reactor())?;
    let start_ns = monotonic_ns() + LEAD_NS;
    while let Some(next) = requests.get(spawned_ns.len()) {
        alarm.wait_until(start_ns + next.at_ns).await?;
        // Only what is due now: under overload the tasks must get their turn between two batches.
        let now_ns = monotonic_ns();
        let due = requests[spawned_ns.len()..]
            .iter()
            .take_while(|request| start_ns + request.at_ns <= now_ns)
            .count();
        for _ in 0..due {
            let slot = spawned_ns.len();
            let (entry, steps) = (completions.entry(slot), steps[slot]);
            spawned_ns.push(monotonic_ns());
            drop(spawner.spawn(async move {
                work(steps);
                entry.fill(monotonic_ns());
            }));
        }
    }
    drop(completions);
    let done_ns = closed.wait().await?;
    Ok(Observed { requests, warm_up, start_ns, spawned_ns, done_ns })
}
