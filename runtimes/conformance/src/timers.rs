//! Sleeps, timeouts and intervals on the runtime's reactor.

use std::future::{Future, pending};
use std::panic::resume_unwind;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, poll_once, yield_now};
use futures_util::future::join_all;
use runtimes::time::{interval, sleep, sleep_until, timeout};
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Drops, Launch, Run, Signal, finish};
use runtimes::Property;

/// Long enough to tell a sleep from none, short enough for many of them.
const SHORT: Duration = Duration::from_millis(5);
/// Longer than any test may last.
const NEVER: Duration = Duration::from_secs(3_600);

pub(crate) fn a_sleep_lasts_long_enough<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    let start = Instant::now();
    runtime.run(sleep(&handle, SHORT));
    assert!(start.elapsed() >= SHORT, "in block_on");
    let start = Instant::now();
    runtime.run(runtime.spawner().launch(sleep(&handle, SHORT))).unwrap();
    assert!(start.elapsed() >= SHORT, "in a task");
    runtime.run(async {
        sleep(&handle, Duration::ZERO).await;
        sleep_until(&handle, Instant::now() - SHORT).await;
    });
    finish(runtime);
}

pub(crate) fn many_sleep_at_once<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let sleepers = (0..500_u32).map(|i| {
            let delay = SHORT + Duration::from_micros(u64::from(i * 7 % 100) * 50);
            let start = Instant::now();
            let nap = sleep(spawner.reactor(), delay);
            spawner.launch(async move {
                nap.await;
                assert!(start.elapsed() >= delay);
            })
        });
        for result in join_all(sleepers).await {
            result.unwrap();
        }
    });
    finish(runtime);
}

pub(crate) fn a_timeout_ends_what_does_not_end<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    let task = runtime.spawner().launch(async move {
        let start = Instant::now();
        assert!(timeout(&handle, SHORT, pending::<()>()).await.is_err());
        assert!(start.elapsed() >= SHORT);
        assert_eq!(timeout(&handle, NEVER, async { 3 }).await.unwrap(), 3);
        assert_eq!(timeout(&handle, NEVER, sleep(&handle, SHORT)).await, Ok(()));
    });
    runtime.run(task).unwrap();
    finish(runtime);
}

pub(crate) fn an_interval_keeps_its_rate<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    let task = runtime.spawner().launch(async move {
        let start = Instant::now();
        let mut ticks = interval(&handle, SHORT);
        for _ in 0..4 {
            ticks.tick().await;
        }
        start.elapsed()
    });
    assert!(runtime.run(task).unwrap() >= 4 * SHORT);
    finish(runtime);
}

pub(crate) fn a_sleep_moves_between_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let start = Instant::now();
    runtime.run(async {
        let mut nap = Box::pin(sleep(spawner.reactor(), SHORT));
        assert!(poll_once(nap.as_mut()).await.is_none() || start.elapsed() >= SHORT);
        // The waker of the task that polls last counts.
        spawner.launch(nap).await.unwrap();
    });
    assert!(start.elapsed() >= SHORT);
    finish(runtime);
}

pub(crate) fn a_dropped_sleep_is_forgotten<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    runtime.run(async {
        for _ in 0..100 {
            let mut nap = Box::pin(sleep(&handle, NEVER));
            assert!(poll_once(nap.as_mut()).await.is_none());
        }
        assert_eq!(handle.timers(), 0);
        sleep(&handle, SHORT).await;
    });
    finish(runtime);
}

pub(crate) fn a_plain_thread_sleeps<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let thread = {
        let (handle, done) = (runtime.spawner().reactor().clone(), done.clone());
        thread::spawn(move || {
            // Whoever waits in epoll is waiting without a deadline, and must be told of this one.
            let start = Instant::now();
            block_on(sleep(&handle, SHORT));
            done.raise();
            start.elapsed()
        })
    };
    runtime.run(done.reached(1));
    assert!(thread.join().unwrap() >= SHORT);
    finish(runtime);
}

pub(crate) fn a_foreign_waker_that_panics_costs_nobody_else<R: Runtime>(case: &Case<R>) {
    #[derive(Default)]
    struct Panics(AtomicBool);
    impl Wake for Panics {
        fn wake(self: Arc<Self>) {
            self.0.store(true, SeqCst);
            // Without the panic hook, whose message would be printed for every runtime.
            resume_unwind(Box::new("on purpose"));
        }
    }
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    for _ in 0..case.workers + 1 {
        let panics = Arc::new(Panics::default());
        let mut foreign = pin!(sleep(&handle, Duration::from_micros(100)));
        // Again, if this thread did not run for so long that the sleep was over at once.
        while foreign.as_mut().poll(&mut Context::from_waker(&panics.clone().into())).is_ready() {
            foreign.set(sleep(&handle, Duration::from_micros(100)));
        }
        // Whoever drives the reactor calls that waker, and goes on: also when each of the workers
        // has.
        while !panics.0.load(SeqCst) {
            runtime
                .run(runtime.spawner().launch(sleep(&handle, Duration::from_micros(100))))
                .unwrap();
        }
    }
    finish(runtime);
}

pub(crate) fn hogs_do_not_starve_timers<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::YieldLetsOthersRun)
        || case.deviates(Property::BusyWorkerTakesNewTasks)
    {
        return;
    }
    let runtime = case.start();
    let stop = Arc::new(AtomicBool::new(false));
    let running = Signal::default();
    for _ in 0..2 * case.workers {
        let (stop, raise) = (stop.clone(), running.clone());
        drop(runtime.spawner().launch(async move {
            raise.raise();
            while !stop.load(SeqCst) {
                yield_now().await;
            }
        }));
    }
    runtime.run(async {
        running.reached(2 * case.workers).await;
        runtime.spawner().launch(sleep(runtime.spawner().reactor(), SHORT)).await.unwrap();
    });
    stop.store(true, SeqCst);
    finish(runtime);
}

pub(crate) fn sleeping_tasks_are_dropped_by_shutdown<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let started = Signal::default();
    for _ in 0..50 {
        let (probe, raise, nap) =
            (drops.probe(), started.clone(), sleep(runtime.spawner().reactor(), NEVER));
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            raise.raise();
            nap.await;
        }));
    }
    runtime.run(started.reached(50));
    finish(runtime);
    assert_eq!(drops.count(), 50);
}
