//! When, where and how often futures are dropped.

use std::future::pending;
use std::thread;

use futures_lite::future::yield_now;
use runtimes::Runtime;

use crate::support::{Case, Count, Drops, Launch, OnDrop, Run, Signal, finish};
use runtimes::Property;

pub(crate) fn a_finished_future_is_dropped_once<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    runtime.run(async {
        let mut handles = Vec::new();
        for _ in 0..200 {
            let probe = drops.probe();
            handles.push(runtime.spawner().launch(async move {
                let _probe = probe;
                yield_now().await;
            }));
        }
        for handle in handles {
            handle.await.unwrap();
        }
    });
    assert_eq!(drops.count(), 200, "an async block's state is gone when its output is there");
    finish(runtime);
    assert_eq!(drops.count(), 200);
}

pub(crate) fn locals_drop_in_reverse_order<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    let runtime = case.start();
    let order = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    let started = Signal::default();
    let (push, raise) = (order.clone(), started.clone());
    drop(runtime.spawner().launch(async move {
        let record = |name| {
            let push = push.clone();
            OnDrop::new(move || push.lock().unwrap().push(name))
        };
        let _first = record("first");
        let _second = record("second");
        raise.raise();
        pending::<()>().await;
    }));
    runtime.run(started.reached(1));
    finish(runtime);
    assert_eq!(*order.lock().unwrap(), ["second", "first"]);
}

pub(crate) fn futures_are_polled_and_dropped_on_the_right_threads<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let polled_on = std::sync::Arc::new(std::sync::Mutex::new(Vec::new()));
    runtime.run(async {
        let mut handles = Vec::new();
        for _ in 0..50 {
            let (probe, polled_on) = (drops.probe(), polled_on.clone());
            handles.push(runtime.spawner().launch(async move {
                let _probe = probe;
                polled_on.lock().unwrap().push(thread::current().id());
                yield_now().await;
                polled_on.lock().unwrap().push(thread::current().id());
            }));
        }
        for handle in handles {
            handle.await.unwrap();
        }
    });
    let here = thread::current().id();
    let mut threads = polled_on.lock().unwrap().clone();
    threads.extend(drops.threads());
    if case.has_threads() {
        assert!(
            threads.iter().all(|&thread| thread != here),
            "tasks run on workers, not on block_on's caller"
        );
        threads.sort_unstable_by_key(|thread| format!("{thread:?}"));
        threads.dedup();
        assert!(
            threads.len() <= case.workers,
            "{} threads for {} workers",
            threads.len(),
            case.workers
        );
    } else {
        assert!(threads.iter().all(|&thread| thread == here), "tasks run on block_on's caller");
    }
    finish(runtime);
}

pub(crate) fn a_future_left_over_is_never_polled_again<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let polls = Count::default();
    let started = Signal::default();
    let go = Signal::default();
    for _ in 0..20 {
        let (count, raise, go_on) = (polls.clone(), started.clone(), go.clone());
        drop(runtime.spawner().launch(async move {
            raise.raise();
            go_on.reached(1).await;
            count.add();
        }));
    }
    runtime.run(started.reached(20));
    finish(runtime);
    go.raise();
    assert_eq!(polls.get(), 0);
}
