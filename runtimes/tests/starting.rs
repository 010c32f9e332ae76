//! A start that the system refuses is an error and leaves nothing open, whatever was refused;
//! threads have names of their own.
//!
//! Each case has a process of its own: limits are the process's, and so are may's and async-io's
//! threads.

use std::collections::HashSet;
use std::fs;
use std::os::fd::AsRawFd;
use std::process::Command;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::yield_now;
use runtimes::{Config, Descriptor, Origin, Runtime, Spawner, StartError, Visitor, Workers};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most workers that any runtime accepts.
const MOST_WORKERS: usize = 4_096;

const CASE: &str = "STAMPEDE_START_CHILD";

/// Runs `case` of [`in_the_child`] in a process for each runtime that `concerns` it.
fn for_each_runtime(case: &str, concerns: impl Fn(&Descriptor) -> bool) {
    let exe = std::env::current_exe().expect("this binary");
    for descriptor in runtimes::descriptors().into_iter().filter(|descriptor| concerns(descriptor))
    {
        let output = Command::new(&exe)
            .args(["--exact", "--ignored", "--nocapture", "in_the_child"])
            .env(CASE, format!("{case} {}", descriptor.name))
            .output()
            .expect("a child process");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("1 passed"),
            "{case}, {}: {}\n{text}{errors}",
            descriptor.name,
            output.status
        );
        // A panic that was caught is not enough: nothing should have to panic.
        assert!(!errors.contains("panicked"), "{case}, {}: {errors}", descriptor.name);
    }
}

fn has_threads(descriptor: &Descriptor) -> bool {
    descriptor.workers == Workers::Many
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let (case, runtime) = case.split_once(' ').expect("a case and a runtime");
    let case = match case {
        "descriptors" => Case::Descriptors,
        "threads" => Case::Threads,
        "memory" => Case::Memory,
        "workers" => Case::TooManyWorkers,
        "names" => Case::Names,
        other => panic!("no case {other}"),
    };
    let Ok(()) = runtimes::visit(runtime, case) else { panic!("no runtime {runtime}") };
}

enum Case {
    Descriptors,
    Threads,
    Memory,
    TooManyWorkers,
    Names,
}

impl Visitor for Case {
    type Output = ();

    fn visit<R: Runtime>(self, descriptor: &'static Descriptor) {
        match self {
            Self::Descriptors => descriptors::<R>(descriptor),
            Self::Threads => threads::<R>(descriptor),
            Self::Memory => memory::<R>(descriptor),
            Self::TooManyWorkers => too_many_workers::<R>(descriptor),
            Self::Names => names::<R>(descriptor),
        }
    }
}

fn config(descriptor: &Descriptor, own_sockets: bool) -> Config {
    let mut config = Config::new(if has_threads(descriptor) { 3 } else { 1 });
    config.own_sockets = own_sockets;
    config
}

fn entries(path: &str) -> usize {
    fs::read_dir(path).expect("Linux has /proc").count()
}

/// Starts the runtime under a limit and says whether it started and then ran a task. If not, it
/// must be for want of something from the system, and nothing may be left of it.
fn starts<R: Runtime>(config: &Config, resource: Resource, limit: u64) -> bool {
    // To count descriptors takes one.
    let held = || (entries("/proc/self/fd"), entries("/proc/self/task"));
    let (before, old) = (held(), getrlimit(resource));
    setrlimit(resource, Rlimit { current: Some(limit), maximum: old.maximum })
        .expect("lower the limit");
    let started = R::start(config);
    setrlimit(resource, old).expect("raise the limit");
    match started {
        Ok(runtime) => {
            assert_eq!(runtime.block_on(runtime.spawner().spawn(async { 7 })).expect("it runs"), 7);
            true
        }
        Err(StartError::Os { .. }) => {
            // The kernel may list a thread for a while after it was joined.
            let start = Instant::now();
            while held() != before {
                assert!(
                    start.elapsed() < PATIENCE,
                    "{before:?} descriptors and threads before, {:?} after",
                    held()
                );
                thread::yield_now();
            }
            false
        }
        Err(other) => panic!("{other}"),
    }
}

/// Raises the limit until the runtime starts, which must take several steps.
fn until_it_starts<R: Runtime>(
    config: &Config,
    resource: Resource,
    limits: impl Iterator<Item = u64>,
) {
    let refusals = limits.take_while(|&limit| !starts::<R>(config, resource, limit)).count();
    println!("{refusals} limits were too low");
    assert!(refusals > 0, "nothing was refused");
    assert!(
        starts::<R>(config, resource, getrlimit(resource).current.unwrap_or(u64::MAX)),
        "it starts without a limit"
    );
}

fn descriptors<R: Runtime>(descriptor: &Descriptor) {
    // The kernel's limit is on their numbers, of which the lowest free one is given next.
    let lowest = fs::File::open("/dev/null").expect("a descriptor").as_raw_fd() as u64;
    until_it_starts::<R>(&config(descriptor, true), Resource::Nofile, (lowest..).take(64));
}

#[test]
fn a_start_without_descriptors_is_an_error() {
    for_each_runtime("descriptors", |_| true);
}

fn threads<R: Runtime>(descriptor: &Descriptor) {
    let config = config(descriptor, false);
    if !rustix::process::getuid().is_root() {
        // Nobody knows how many threads this user has already.
        assert!(!starts::<R>(&config, Resource::Nproc, 0));
        return;
    }
    // The limit does not bind root. Any other user has only this thread; the other threads of this
    // process stay root's.
    let user = rustix::process::Uid::from_raw(
        1 << 30 | rustix::process::getpid().as_raw_nonzero().get() as u32,
    );
    rustix::thread::set_thread_res_uid(user, user, user).expect("root may become anybody");
    until_it_starts::<R>(&config, Resource::Nproc, 0..64);
}

#[test]
fn a_start_without_threads_is_an_error() {
    let drives_itself =
        |descriptor: &Descriptor| descriptor.origin == Origin::Ours && !has_threads(descriptor);
    for_each_runtime("threads", |descriptor| !drives_itself(descriptor));
}

fn memory<R: Runtime>(descriptor: &Descriptor) {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: u64 =
        pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number of pages");
    let used = pages * rustix::param::page_size() as u64;
    // Threads that would fit one by one, but not all of them.
    let many = Config::new(MOST_WORKERS);
    assert!(!starts::<R>(&many, Resource::As, used + (1 << 30)));
    until_it_starts::<R>(
        &config(descriptor, false),
        Resource::As,
        (0..1_024).map(|n| used + (n << 20)),
    );
}

#[test]
fn a_start_without_memory_for_its_threads_is_an_error() {
    for_each_runtime("memory", has_threads);
}

fn too_many_workers<R: Runtime>(descriptor: &Descriptor) {
    for workers in [0, MOST_WORKERS + 1, 100_000, usize::MAX] {
        match R::start(&Config::new(workers)) {
            Err(StartError::Workers { runtime, requested, limit }) => {
                assert_eq!((runtime, requested, limit), (descriptor.name, workers, MOST_WORKERS));
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it started with {workers} workers"),
        }
    }
}

#[test]
fn more_workers_than_any_system_has_room_for_are_refused() {
    for_each_runtime("workers", has_threads);
}

fn names<R: Runtime>(_: &Descriptor) {
    const WORKERS: usize = 12;
    let runtime = R::start(&Config::new(WORKERS)).expect("it starts");
    let start = Instant::now();
    loop {
        // A thread may be named only when it runs its first task.
        let tasks: Vec<_> = (0..WORKERS).map(|_| runtime.spawner().spawn(yield_now())).collect();
        tasks.into_iter().for_each(|task| runtime.block_on(task).expect("it runs"));
        let threads = fs::read_dir("/proc/self/task").expect("Linux has /proc").flatten();
        let names =
            threads.filter_map(|thread| fs::read_to_string(thread.path().join("comm")).ok());
        let names: HashSet<_> = names.map(|name| name.trim_end().to_owned()).collect();
        let numbered =
            |prefix: &str| (0..WORKERS).all(|index| names.contains(&format!("{prefix}-{index}")));
        if names.iter().filter_map(|name| name.strip_suffix("-0")).any(numbered) {
            return;
        }
        assert!(start.elapsed() < PATIENCE, "no {WORKERS} numbered threads: {names:?}");
    }
}

#[test]
fn the_kernel_shows_each_workers_number() {
    for_each_runtime("names", has_threads);
}
