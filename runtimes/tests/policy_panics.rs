//! A policy that panics is noticed: no runtime goes on with a worker missing, and none waits for
//! ever.

use std::env;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::process::{Command, Output};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};

use futures_lite::future::yield_now;
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Placement, Scheduler, TaskSource};
use runtimes::{Config, Executor, JoinError, Runnable, Runtime, Spawner};

/// Which of the policy's methods panic.
static IN_NEXT: AtomicBool = AtomicBool::new(false);
static IN_SCHEDULE: AtomicBool = AtomicBool::new(false);

/// One stack for all, with a mistake in it.
struct Faulty<const CALLER: bool>(Mutex<Vec<Runnable>>);

impl<const CALLER: bool> Scheduler for Faulty<CALLER> {
    const PLACEMENT: Placement = if CALLER { Placement::Caller } else { Placement::Threads };
    type Local = ();

    fn new(workers: usize) -> (Self, Vec<()>) {
        (Self(Mutex::new(Vec::new())), vec![(); workers])
    }

    fn schedule(&self, _: Caller<'_, ()>, task: Runnable, _: Cause) -> Notify {
        assert!(!IN_SCHEDULE.swap(false, SeqCst), "the mistake");
        self.0.lock().unwrap().push(task);
        if CALLER { Notify::Worker(0) } else { Notify::One }
    }

    fn next(&self, (): &mut (), _: u32) -> Option<NextTask> {
        assert!(!IN_NEXT.swap(false, SeqCst), "the mistake");
        Some(NextTask::new(self.0.lock().unwrap().pop()?, TaskSource::Shared))
    }

    fn has_work(&self, (): &()) -> bool {
        !self.0.lock().unwrap().is_empty()
    }
}

const CASE: &str = "STAMPEDE_FAULTY_POLICY";

/// Runs a case of [`in_the_child`] in a process of its own.
fn child(case: &str) -> (Output, String) {
    let output = Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", "in_the_child"])
        .env(CASE, case)
        .env("RUST_BACKTRACE", "0")
        .output()
        .unwrap();
    let text = String::from_utf8_lossy(&output.stderr).into_owned();
    (output, text)
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = env::var(CASE) else { return };
    let no_core = rustix::process::Rlimit { current: Some(0), maximum: Some(0) };
    rustix::process::setrlimit(rustix::process::Resource::Core, no_core).unwrap();
    let mut config = Config::new(2);
    config.name = "faulty";
    let runtime = Executor::<Faulty<false>>::start(&config).unwrap();
    match case.as_str() {
        "next" => {
            IN_NEXT.store(true, SeqCst);
            let _ = runtime.block_on(runtime.spawner().spawn(yield_now()));
        }
        "yield" => {
            // After the poll, when the engine queues the task again.
            let task = runtime.spawner().spawn(async {
                IN_SCHEDULE.store(true, SeqCst);
                yield_now().await;
            });
            let _ = runtime.block_on(task);
        }
        other => panic!("no case {other}"),
    }
}

#[test]
fn a_panic_on_a_workers_thread_ends_the_process_and_names_the_runtime() {
    for case in ["next", "yield"] {
        let (output, text) = child(case);
        assert!(!output.status.success(), "{case}: {output:?}");
        assert!(
            text.contains("the mistake") && text.contains("of runtime `faulty` panicked"),
            "{case}: {text}"
        );
    }
}

#[test]
fn on_its_callers_thread_it_panics_out_of_block_on() {
    let mut config = Config::new(1);
    config.name = "faulty";
    let runtime = Executor::<Faulty<true>>::start(&config).unwrap();
    let task = runtime.spawner().spawn(async { 7 });
    // The other tests of this process start no runtime, so this one finds the mistake.
    IN_NEXT.store(true, SeqCst);
    let caught = catch_unwind(AssertUnwindSafe(|| runtime.block_on(task)));
    assert_eq!(caught.map(|_| ()).unwrap_err().downcast_ref(), Some(&"the mistake"));
    // The runtime itself is as it was.
    assert_eq!(runtime.block_on(runtime.spawner().spawn(async { 8 })).unwrap(), 8);

    // In a task it is that task's, as is every panic that its code meets; and the one it could not
    // queue is cancelled.
    let spawner = runtime.spawner().clone();
    let unlucky = runtime.spawner().spawn(async move {
        IN_SCHEDULE.store(true, SeqCst);
        drop(spawner.spawn(async {}));
    });
    match runtime.block_on(unlucky) {
        Err(error @ JoinError::Panicked(_)) => {
            assert_eq!(error.panic_message(), Some("the mistake"))
        }
        other => panic!("{other:?}"),
    }
    runtime.shutdown().check_final().unwrap();
}
