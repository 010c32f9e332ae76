//! Criterion's part of a cell: it decides how many iterations, keeps its files, compares baselines.

use std::cell::RefCell;
use std::fs::File;
use std::io::{self, BufRead, BufReader, IsTerminal, PipeReader, Write};
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::path::PathBuf;
use std::slice;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use contestant::client::{Client, ClientError};
use contestant::protocol::Sample;
use criterion::{BenchmarkFilter, BenchmarkId, Criterion, SamplingMode, Throughput};

use super::Timing;
use super::turns::Seat;
use crate::matrix::Cell;

/// Criterion accepts no fewer samples than this.
const LEAST_SAMPLES: usize = 10;

/// Where criterion works.
#[derive(Clone, Debug, Default)]
pub struct CriterionsPlace {
    /// Where it keeps its files.
    pub home: PathBuf,
    /// Whether its own lines are shown.
    pub visible: bool,
}

/// One call of the routine by criterion.
#[derive(Clone, Copy, Debug)]
struct Call {
    iterations: u64,
    elapsed: Duration,
}

/// Lets criterion sample the workload that each of `clients` has started, a turn of `seat` for each
/// call, in which they alternate, and returns nanoseconds per iteration, one entry per sample. The
/// arguments of this process are criterion's, see `harness::criterions_process`. Its lines go to
/// standard output. `pace` is told the iterations of each call.
///
/// # Errors
/// The contestant's; criterion then has stored nothing.
pub(super) fn sample(
    clients: &[RefCell<Client>],
    cell: &Cell,
    timing: &Timing,
    operations: u64,
    place: &CriterionsPlace,
    seat: &Seat<'_>,
    pace: &AtomicU64,
) -> Result<Vec<f64>, ClientError> {
    let criterion = configured(place)
        .sample_size(timing.samples)
        .warm_up_time(timing.warm_up)
        .measurement_time(timing.measurement)
        .nresamples(timing.resamples);
    let calls = drive(criterion, clients, cell, operations, Some((seat, pace)))?;
    // The warm-up's calls come first.
    let sampled = &calls[calls.len().saturating_sub(timing.samples)..];
    Ok(sampled.iter().map(|call| call.elapsed.as_nanos() as f64 / call.iterations as f64).collect())
}

/// The timing of `count` benchmarks that take turns: each sees the time of all of them pass.
/// `iterations` is what one iteration of each takes, all together.
pub(super) fn for_all(timing: &Timing, count: usize, iterations: Duration) -> Timing {
    let times = u32::try_from(count.max(1)).unwrap_or(u32::MAX);
    let (warm_up, measurement) = (timing.warm_up * times, timing.measurement * times);
    let samples = samples_that_fit(&Timing { measurement, ..*timing }, iterations);
    Timing { samples, warm_up, measurement, ..*timing }
}

/// Lets criterion do what its flags say besides sampling: profile, or compare kept results.
///
/// # Errors
/// The contestant's.
pub(super) fn unrecorded(
    client: &RefCell<Client>,
    cell: &Cell,
    place: &CriterionsPlace,
) -> Result<(), ClientError> {
    let _detour = Detour::begin(place.visible);
    drive(configured(place), slice::from_ref(client), cell, 1, None).map(drop)
}

/// Our filter has chosen already.
fn configured(place: &CriterionsPlace) -> Criterion {
    let criterion = Criterion::default().without_plots().output_directory(&place.home);
    criterion.configure_from_args().with_benchmark_filter(BenchmarkFilter::AcceptAll)
}

/// Fewer samples, if that is allowed, when so many iterations do not fit into the time.
fn samples_that_fit(timing: &Timing, iteration: Duration) -> usize {
    if !timing.adapt {
        return timing.samples.max(LEAST_SAMPLES);
    }
    let fit = timing.measurement.as_nanos() / iteration.as_nanos().max(1);
    usize::try_from(fit).unwrap_or(usize::MAX).min(timing.samples).max(LEAST_SAMPLES)
}

fn drive(
    mut criterion: Criterion,
    clients: &[RefCell<Client>],
    cell: &Cell,
    operations: u64,
    seat: Option<(&Seat<'_>, &AtomicU64)>,
) -> Result<Vec<Call>, ClientError> {
    let calls = RefCell::new(Vec::new());
    let failed = RefCell::new(None);
    let alternate = RefCell::new(clients.iter().cycle());
    let run = |iterations| {
        let client = alternate.borrow_mut().next().unwrap_or(&clients[0]);
        client.borrow_mut().run(iterations, false, "sampling")
    };
    let in_turn = |iterations| match seat {
        Some((seat, pace)) => seat.take_turn(|| {
            // Relaxed: turns come one after the other, under a lock.
            pace.store(iterations, Relaxed);
            run(iterations)
        }),
        None => run(iterations),
    };
    let routine = |iterations| match in_turn(iterations) {
        Ok(Sample { elapsed_ns, .. }) => {
            let elapsed = Duration::from_nanos(elapsed_ns);
            calls.borrow_mut().push(Call { iterations, elapsed });
            elapsed
        }
        Err(error) => {
            *failed.borrow_mut() = Some(error);
            // The only way out of a benchmark of criterion's; it then stores nothing.
            resume_unwind(Box::new(GaveUp))
        }
    };
    let benchmark = AssertUnwindSafe(|| {
        let mut group = criterion.benchmark_group(cell.workload.name);
        // Flat: samples of equal length, each one point of the distribution that the page draws.
        group.sampling_mode(SamplingMode::Flat).throughput(Throughput::Elements(operations));
        let id = BenchmarkId::new(cell.runtime.name(), format_args!("w{}", cell.workers));
        group.bench_function(id, |bencher| bencher.iter_custom(routine));
        group.finish();
    });
    match catch_unwind(benchmark) {
        Err(payload) if !payload.is::<GaveUp>() => resume_unwind(payload),
        _ => failed.into_inner().map_or(Ok(calls.into_inner()), Err),
    }
}

/// Unwinds out of criterion; the error itself waits in [`drive`].
struct GaveUp;

/// While it lives, criterion's lines go elsewhere than to standard output: nowhere, because ours
/// are shown in their place, or through a pipe from which we pass them on. Criterion panics where
/// it cannot print, and that must cost no measurement. From standard error its advice to measure
/// for longer is left out: long iterations are known to be that.
pub(super) struct Detour {
    stdout: OwnedFd,
    stderr: Option<OwnedFd>,
    relays: Vec<JoinHandle<()>>,
}

impl Detour {
    /// `None` when criterion may print as it does: on a terminal, which is never full.
    pub(super) fn begin(visible: bool) -> Option<Self> {
        if visible && io::stdout().is_terminal() {
            return None;
        }
        // What cannot be written now was complained about when it was said.
        let _ = io::stdout().flush();
        Self::redirect(visible).ok()
    }

    fn redirect(visible: bool) -> io::Result<Self> {
        let stdout = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
        if visible {
            let (reader, writer) = io::pipe()?;
            rustix::stdio::dup2_stdout(&writer)?;
            let relay = relay(reader, File::from(stdout.try_clone()?), |_| true);
            return Ok(Self { stdout, stderr: None, relays: vec![relay] });
        }
        let stderr = rustix::io::fcntl_dupfd_cloexec(io::stderr(), 3)?;
        let (reader, writer) = io::pipe()?;
        let place = File::from(stderr.try_clone()?);
        rustix::stdio::dup2_stdout(File::options().write(true).open("/dev/null")?)?;
        rustix::stdio::dup2_stderr(&writer)?;
        let wanted = |line: &[u8]| !line.is_empty() && !line.starts_with(ADVICE);
        Ok(Self { stdout, stderr: Some(stderr), relays: vec![relay(reader, place, wanted)] })
    }
}

/// How criterion's advice begins.
const ADVICE: &[u8] = b"Warning: Unable to complete";

/// Passes on the lines that are `wanted`. All are read, whether or not anybody wants them: criterion
/// must not wait.
fn relay(reader: PipeReader, mut place: File, wanted: fn(&[u8]) -> bool) -> JoinHandle<()> {
    thread::spawn(move || {
        let lines = BufReader::new(reader).split(b'\n').map_while(Result::ok);
        lines.filter(|line| wanted(line)).for_each(|line| {
            let _ = place.write_all(&[&line[..], b"\n"].concat());
        });
    })
}

impl Drop for Detour {
    fn drop(&mut self) {
        let _ = io::stdout().flush();
        // The descriptors are open, so these cannot fail. They close the pipe's last writing end.
        let _ = rustix::stdio::dup2_stdout(&self.stdout);
        if let Some(stderr) = &self.stderr {
            let _ = rustix::stdio::dup2_stderr(stderr);
        }
        self.relays.drain(..).for_each(|relay| _ = relay.join());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn timing(adapt: bool) -> Timing {
        let ms = Duration::from_millis;
        Timing {
            samples: 20,
            adapt,
            warm_up: ms(1),
            measurement: ms(1_000),
            counted: ms(1),
            resamples: 1_000,
        }
    }

    #[test]
    fn who_takes_turns_has_the_time_of_all() {
        let all = for_all(&timing(true), 4, Duration::from_millis(200));
        assert_eq!((all.samples, all.measurement), (20, Duration::from_millis(4_000)));
        let long = for_all(&timing(true), 4, Duration::from_millis(300));
        assert_eq!(long.samples, 13);
    }

    #[test]
    fn long_iterations_lower_the_samples_to_criterions_least() {
        let fit = |ms, adapt| samples_that_fit(&timing(adapt), Duration::from_millis(ms));
        assert_eq!(fit(1, true), 20);
        assert_eq!(fit(75, true), 13);
        assert_eq!(fit(900, true), LEAST_SAMPLES);
        assert_eq!(fit(900, false), 20);
        assert_eq!(samples_that_fit(&timing(true), Duration::ZERO), 20);
    }
}
