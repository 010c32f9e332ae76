//! Tasks that are preempted by signals: nothing they compute changes, and everything around them
//! goes on.
//!
//! | what may go wrong | tested by |
//! |---|---|
//! | a malloc loop is interrupted in the C library | `stackful::preempt::tests`: clean, and not without the rule |
//! | a lock is held in a region | `rules::a_lock_*`: the worker hangs, unless a guard is held |
//! | one bit of a register changes | `registers`, with `hogs` for each kind |
//! | errno, signal mask or alternate stack change | `thread_state` |
//! | the stack is too short for the signal | `rules::low_stack_*` |
//! | a signal comes late, from elsewhere, or in a guard | `rules::a_signal_*`, `stackful::preempt::slot::refusals`, the models |
//! | a preempted task is aborted | `lifecycle::an_abort_waits_*` |
//! | a region panics | `rules::a_panic_*` |
//! | a system call is interrupted | `thread_state::interrupted_*`, `a_coroutine_can_*` |
//! | the runtime is dropped while tasks are preempted | `lifecycle::a_runtime_is_dropped_*`, `preempted_tasks_that_*` |
//! | two runtimes slice in one process | `lifecycle::two_runtimes_*`, `handler::the_default_*` |
//! | guards, claims, runtimes or blocked signals stop slicing | `soundness` |
//! | another library has a SIGURG handler | `handler::another_*`, `a_handler_installed_above_*` |
#![cfg(target_arch = "x86_64")]

mod handler;
mod hogs;
mod lifecycle;
mod migration;
mod registers;
mod rules;
mod soundness;
mod thread_state;

use std::env;
use std::hint::spin_loop;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use runtimes::metrics::{Counter, Snapshot};
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::preemptible;
use runtimes::{Config, Runtime};

/// A slice for tests that want many preemptions.
const SHORT: Duration = Duration::from_micros(50);

/// How long a test waits for something that must come, before it fails.
const LIMIT: Duration = Duration::from_secs(60);

/// A runtime that slices.
fn start(workers: usize, slice: Duration) -> StackfulExecutor {
    start_as(workers, slice)
}

fn start_as<R: Runtime>(workers: usize, slice: Duration) -> R {
    let mut config = Config::new(workers);
    config.slice = Some(slice);
    R::start(&config).unwrap()
}

fn preemptions(metrics: &Snapshot) -> u64 {
    metrics.get(Counter::Preemptions).unwrap()
}

/// Looks until the runtime's counter has reached so much.
fn wait_for<R: Runtime>(runtime: &R, counter: Counter, at_least: u64) {
    let begin = Instant::now();
    while runtime.metrics().get(counter).unwrap() < at_least {
        assert!(
            begin.elapsed() < LIMIT,
            "{} is {:?}",
            counter.name(),
            runtime.metrics().get(counter)
        );
        // Not on the runtime's timers: its only worker may be blocked.
        thread::sleep(Duration::from_millis(1));
    }
}

/// Computes, preemptible, until it is told to stop.
fn spin_until(stop: &AtomicBool) {
    // SAFETY: it reads one atomic.
    unsafe {
        preemptible(|| {
            while !stop.load(Relaxed) {
                spin_loop();
            }
        });
    }
}

/// Computes, preemptible, for so long at least.
fn spin_for(time: Duration) {
    // SAFETY: it reads the clock.
    unsafe {
        preemptible(|| {
            let begin = Instant::now();
            while begin.elapsed() < time {
                (0..200).for_each(|_| spin_loop());
            }
        });
    }
}

const CASE: &str = "STAMPEDE_PREEMPTION_CHILD";

/// Runs a case of [`in_the_child`] in a process of its own.
fn child(case: &str) -> Output {
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "in_the_child"])
        .env(CASE, case)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap()
}

/// Runs the case and expects that it says this at its end.
fn child_says(case: &str, expected: &str) {
    let output = child(case);
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains(expected), "{case}: {output:?}");
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = env::var(CASE) else { return };
    match case.as_str() {
        "lock" => rules::hold_a_lock_in_a_region(),
        "chained" => handler::between_another_librarys(),
        "buried" => handler::under_another_librarys(),
        "default" => handler::restores_the_default(),
        "off" => handler::off_by_default(),
        other => panic!("no case {other}"),
    }
}
