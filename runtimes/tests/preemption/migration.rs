//! Preempted, a task stays on its worker; suspended by itself, it may move.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::Duration;

use futures_lite::future::yield_now;
use runtimes::schedulers::global_queue::{GlobalQueue, WakeOne};
use runtimes::stackful::{Stackful, preemptible};
use runtimes::{Executor, Runtime, Spawner};

use super::{SHORT, preemptions, start_as};

#[test]
fn a_task_moves_between_its_polls_and_never_within_one() {
    // With one queue for all, both workers take whatever is next.
    let runtime: Executor<GlobalQueue<WakeOne>, Stackful> = start_as(2, SHORT);
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let done = done.clone();
            runtime.spawner().spawn(async move {
                let mut seen = BTreeSet::new();
                while !done.load(Relaxed) {
                    let here = thread::current().id();
                    // SAFETY: it asks the kernel which thread this is.
                    unsafe {
                        preemptible(|| {
                            let thread = libc::gettid();
                            for _ in 0..2_000 {
                                assert_eq!(libc::gettid(), thread);
                                std::hint::black_box([0u8; 64]);
                            }
                        });
                    }
                    assert_eq!(thread::current().id(), here);
                    seen.insert(format!("{here:?}"));
                    yield_now().await;
                }
                seen
            })
        })
        .collect();
    super::wait_for(&runtime, runtimes::metrics::Counter::Preemptions, 2_000);
    runtime.block_on(runtimes::time::sleep(runtime.spawner().reactor(), Duration::from_millis(1)));
    done.store(true, Relaxed);
    let moved = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).filter(|seen| seen.len() == 2).count();
    assert!(moved > 0, "some task ran on both workers");
    let metrics = runtime.shutdown();
    metrics.check_final().unwrap();
    assert!(preemptions(&metrics) >= 2_000);
}
