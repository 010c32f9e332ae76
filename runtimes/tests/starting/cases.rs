//! A start that the system refuses is an error and leaves nothing open, whatever was refused;
//! threads have names of their own. Also for the peers: `main` and the peers' test bring a list of
//! runtimes.
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
use runtimes::{Config, Runtime, Spawner, StartError};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use crate::SUBJECTS;

/// Longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(60);

/// The most workers that any runtime accepts.
const MOST_WORKERS: usize = 4_096;

const CASE: &str = "STAMPEDE_START_CHILD";

/// A runtime to start.
pub(crate) struct Subject {
    pub(crate) name: &'static str,
    /// Whether it has worker threads, and takes any number of them.
    threads: bool,
    /// Whether nothing but its caller's thread runs it.
    drives_itself: bool,
    check: fn(&Self, &str),
}

impl Subject {
    /// A runtime with worker threads.
    pub(crate) const fn with_threads<R: Runtime>(name: &'static str) -> Self {
        Self { name, threads: true, drives_itself: false, check: check::<R> }
    }

    /// A runtime on its caller's thread, with a thread for the reactor.
    #[allow(dead_code, reason = "ours have none")]
    pub(crate) const fn on_caller<R: Runtime>(name: &'static str) -> Self {
        Self { name, threads: false, drives_itself: false, check: check::<R> }
    }

    /// A runtime on its caller's thread, without any other.
    pub(crate) const fn alone<R: Runtime>(name: &'static str) -> Self {
        Self { name, threads: false, drives_itself: true, check: check::<R> }
    }

    fn config(&self, workers: usize) -> Config {
        let mut config = Config::new(workers);
        config.name = self.name;
        config
    }
}

/// Runs `case` of [`in_the_child`] in a process for each runtime that `concerns` it.
fn for_each_runtime(case: &str, concerns: impl Fn(&Subject) -> bool) {
    let exe = std::env::current_exe().expect("this binary");
    for subject in SUBJECTS.iter().filter(|subject| concerns(subject)) {
        let output = Command::new(&exe)
            .args(["--exact", "--ignored", "--nocapture", "cases::in_the_child"])
            .env(CASE, format!("{case} {}", subject.name))
            .output()
            .expect("a child process");
        let text = String::from_utf8_lossy(&output.stdout);
        let errors = String::from_utf8_lossy(&output.stderr);
        assert!(
            text.contains("1 passed"),
            "{case}, {}: {}\n{text}{errors}",
            subject.name,
            output.status
        );
        // A panic that was caught is not enough: nothing should have to panic.
        assert!(!errors.contains("panicked"), "{case}, {}: {errors}", subject.name);
    }
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = std::env::var(CASE) else { return };
    let (case, runtime) = case.split_once(' ').expect("a case and a runtime");
    let subject = SUBJECTS.iter().find(|subject| subject.name == runtime);
    let subject = subject.expect("the parent names one of them");
    (subject.check)(subject, case);
}

fn check<R: Runtime>(subject: &Subject, case: &str) {
    match case {
        "descriptors" => descriptors::<R>(subject),
        "threads" => threads::<R>(subject),
        "memory" => memory::<R>(subject),
        "workers" => too_many_workers::<R>(subject),
        "names" => names::<R>(subject),
        other => panic!("no case {other}"),
    }
}

fn config(subject: &Subject, own_sockets: bool) -> Config {
    let mut config = subject.config(if subject.threads { 3 } else { 1 });
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

fn descriptors<R: Runtime>(subject: &Subject) {
    // The kernel's limit is on their numbers, of which the lowest free one is given next.
    let lowest = fs::File::open("/dev/null").expect("a descriptor").as_raw_fd() as u64;
    until_it_starts::<R>(&config(subject, true), Resource::Nofile, (lowest..).take(64));
}

#[test]
fn a_start_without_descriptors_is_an_error() {
    for_each_runtime("descriptors", |_| true);
}

fn threads<R: Runtime>(subject: &Subject) {
    let config = config(subject, false);
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
    for_each_runtime("threads", |subject| !subject.drives_itself);
}

fn memory<R: Runtime>(subject: &Subject) {
    let pages = fs::read_to_string("/proc/self/statm").expect("Linux has /proc");
    let pages: u64 =
        pages.split(' ').next().and_then(|pages| pages.parse().ok()).expect("a number of pages");
    let used = pages * rustix::param::page_size() as u64;
    // Threads that would fit one by one, but not all of them.
    let many = subject.config(MOST_WORKERS);
    assert!(!starts::<R>(&many, Resource::As, used + (1 << 30)));
    until_it_starts::<R>(
        &config(subject, false),
        Resource::As,
        (0..1_024).map(|n| used + (n << 20)),
    );
}

#[test]
fn a_start_without_memory_for_its_threads_is_an_error() {
    for_each_runtime("memory", |subject| subject.threads);
}

fn too_many_workers<R: Runtime>(subject: &Subject) {
    for workers in [0, MOST_WORKERS + 1, 100_000, usize::MAX] {
        match R::start(&subject.config(workers)) {
            Err(StartError::Workers { runtime, requested, limit }) => {
                assert_eq!((runtime, requested, limit), (subject.name, workers, MOST_WORKERS));
            }
            Err(other) => panic!("{other}"),
            Ok(_) => panic!("it started with {workers} workers"),
        }
    }
}

#[test]
fn more_workers_than_any_system_has_room_for_are_refused() {
    for_each_runtime("workers", |subject| subject.threads);
}

fn names<R: Runtime>(subject: &Subject) {
    const WORKERS: usize = 12;
    let runtime = R::start(&subject.config(WORKERS)).expect("it starts");
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
    for_each_runtime("names", |subject| subject.threads);
}
