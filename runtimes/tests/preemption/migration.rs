//! Preempted, a task stays on its worker; suspended by itself, it may move.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::yield_now;
use runtimes::policies::global_queue::{GlobalQueue, WakeOne};
use runtimes::stackful::{Stackful, preemptible};
use runtimes::{Executor, Runtime, Spawner};

use super::{LIMIT, SHORT, preemptions, start_as};

#[test]
fn a_task_moves_between_its_polls_and_never_within_one() {
    // With one queue for all, both workers take whatever is next.
    let runtime: Executor<GlobalQueue<WakeOne>, Stackful> = start_as(2, SHORT);
    let (done, moved) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let tasks: Vec<_> = (0..6)
        .map(|_| {
            let (done, moved) = (done.clone(), moved.clone());
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
                    moved.fetch_or(seen.len() == 2, Relaxed);
                    yield_now().await;
                }
                seen
            })
        })
        .collect();
    super::wait_for(&runtime, runtimes::metrics::Counter::Preemptions, 2_000);
    let begin = Instant::now();
    while !moved.load(Relaxed) {
        assert!(begin.elapsed() < LIMIT, "no task ran on both workers");
        thread::sleep(Duration::from_millis(1));
    }
    done.store(true, Relaxed);
    tasks.into_iter().for_each(|task| drop(runtime.block_on(task).unwrap()));
    let metrics = runtime.shutdown();
    metrics.check_final().unwrap();
    assert!(preemptions(&metrics) >= 2_000);
}
