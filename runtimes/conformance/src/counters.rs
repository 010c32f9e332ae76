//! What the counters say, for the runtimes that keep them.

use std::future::pending;

use futures_lite::future::yield_now;
use runtimes::metrics::Counter;
use runtimes::{Join, Runtime};

use crate::support::{Case, Launch, Run, Signal};

pub(crate) fn conserve_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let handles: Vec<_> = (0..100).map(|_| spawner.launch(yield_now())).collect();
        for handle in handles {
            handle.await.unwrap();
        }
        let started = Signal::default();
        for round in 1..=10 {
            let raise = started.clone();
            let mut handle = spawner.launch(async move {
                raise.raise();
                pending::<()>().await;
            });
            started.reached(round).await;
            handle.abort();
            drop(handle.await);
            drop(spawner.launch(pending::<()>()));
        }
        spawner.launch(async { panic!("counted as completed") }).await.expect_err("it panicked");
    });
    let end = runtime.shutdown();
    end.check_final().unwrap();
    let expected = [(Counter::Spawned, 121), (Counter::Completed, 101), (Counter::Cancelled, 20)];
    for (counter, value) in expected {
        if let Some(counted) = end.get(counter) {
            assert_eq!(counted, value, "{}", counter.describe());
        }
    }
    if let Some(polls) = end.get(Counter::Polls) {
        // Two for each that yields, one for each that panicked or was seen pending. The turns in
        // which tasks are dropped unfinished may count as well.
        assert!((211..=241).contains(&polls), "{polls} polls");
    }
}

pub(crate) fn only_grow<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let mut before = runtime.metrics();
    for _ in 0..10 {
        runtime.run(runtime.spawner().launch(yield_now())).unwrap();
        let now = runtime.metrics();
        for &counter in Counter::ALL {
            assert!(now.get(counter) >= before.get(counter), "{} went back", counter.name());
        }
        before = now;
    }
    let end = runtime.shutdown();
    for &counter in Counter::ALL {
        assert!(
            end.get(counter) >= before.get(counter),
            "{} went back at shutdown",
            counter.name()
        );
    }
}
