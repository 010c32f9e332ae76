//! A task that yields, however often, does not keep others from running.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;

use futures_lite::future::yield_now;
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Launch, Run, Signal, finish};
use runtimes::Property;

/// Keeps every worker busy with tasks that only yield, until `stop` is set.
fn hog<R: Runtime>(runtime: &R, hogs: usize, stop: &Arc<AtomicBool>) -> Signal {
    let running = Signal::default();
    for _ in 0..hogs {
        let (stop, raise) = (stop.clone(), running.clone());
        drop(runtime.spawner().launch(async move {
            raise.raise();
            while !stop.load(SeqCst) {
                yield_now().await;
            }
        }));
    }
    running
}

/// Runs `body` beside twice as many hogs as there are workers.
fn beside_hogs<R: Runtime>(case: &Case<R>, body: impl AsyncFnOnce(&R)) {
    if case.deviates(Property::YieldLetsOthersRun)
        || case.deviates(Property::BusyWorkerTakesNewTasks)
    {
        return;
    }
    let runtime = case.start();
    let stop = Arc::new(AtomicBool::new(false));
    let hogs = 2 * case.workers;
    let running = hog(&runtime, hogs, &stop);
    runtime.run(async {
        running.reached(hogs).await;
        body(&runtime).await;
    });
    stop.store(true, SeqCst);
    finish(runtime);
}

pub(crate) fn hogs_do_not_starve_a_new_task<R: Runtime>(case: &Case<R>) {
    beside_hogs(case, async |runtime| {
        for _ in 0..10 {
            runtime.spawner().launch(yield_now()).await.unwrap();
        }
    });
}

pub(crate) fn hogs_do_not_starve_a_task_from_outside<R: Runtime>(case: &Case<R>) {
    beside_hogs(case, async |runtime| {
        let done = Signal::default();
        let (spawner, raise) = (runtime.spawner().clone(), done.clone());
        let thread = thread::spawn(move || {
            for round in 1..=10 {
                let raise_it = raise.clone();
                drop(spawner.launch(async move { raise_it.raise() }));
                raise.wait_for(round);
            }
        });
        done.reached(10).await;
        thread.join().unwrap();
    });
}

pub(crate) fn hogs_do_not_starve_a_woken_task<R: Runtime>(case: &Case<R>) {
    beside_hogs(case, async |runtime| {
        let (ping, pong) = (Signal::default(), Signal::default());
        let (ping_in, pong_in) = (ping.clone(), pong.clone());
        let task = runtime.spawner().launch(async move {
            for round in 1..=10 {
                ping_in.reached(round).await;
                pong_in.raise();
            }
        });
        let thread = thread::spawn(move || {
            for round in 1..=10 {
                ping.raise();
                pong.wait_for(round);
            }
        });
        task.await.unwrap();
        thread.join().unwrap();
    });
}

pub(crate) fn a_pair_that_wakes_each_other_starves_nobody<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::BusyWorkerTakesNewTasks) {
        return;
    }
    // Where the task woken last runs next, a pair can pass the worker to and fro for ever.
    let runtime = case.start();
    let spawner = runtime.spawner();
    let stop = Arc::new(AtomicBool::new(false));
    let running = Signal::default();
    for _ in 0..case.workers {
        let (left, right) = (Signal::default(), Signal::default());
        for (mine, theirs) in [(left.clone(), right.clone()), (right, left)] {
            let (stop, raise) = (stop.clone(), running.clone());
            drop(spawner.launch(async move {
                raise.raise();
                for round in 1.. {
                    theirs.raise();
                    if stop.load(SeqCst) {
                        break;
                    }
                    mine.reached(round).await;
                }
            }));
        }
    }
    runtime.run(async {
        running.reached(2 * case.workers).await;
        for _ in 0..10 {
            spawner.launch(yield_now()).await.unwrap();
        }
    });
    stop.store(true, SeqCst);
    finish(runtime);
}

pub(crate) fn endless_offspring_starves_nobody<R: Runtime>(case: &Case<R>) {
    fn beget<S: Spawner>(spawner: S, stop: Arc<AtomicBool>, generations: Signal) {
        if stop.load(SeqCst) {
            return;
        }
        let inner = spawner.clone();
        drop(spawner.launch(async move {
            generations.raise();
            beget(inner, stop, generations);
        }));
    }
    if case.deviates(Property::OffspringLetsOthersRun) {
        return;
    }
    // Where new tasks run first, an endless line of them can keep older ones waiting for ever.
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    let stop = Arc::new(AtomicBool::new(false));
    let generations = Signal::default();
    let family = {
        let (stop, generations, workers) = (stop.clone(), generations.clone(), case.workers);
        runtime.spawner().launch(async move {
            // The victims come first: at the bottom of a stack, at the head of a queue.
            let victims: Vec<_> = (0..10).map(|_| spawner.launch(yield_now())).collect();
            for _ in 0..2 * workers {
                beget(spawner.clone(), stop.clone(), generations.clone());
            }
            generations.reached(2 * workers).await;
            let late: Vec<_> = (0..10).map(|_| spawner.launch(yield_now())).collect();
            for handle in victims.into_iter().chain(late) {
                handle.await.unwrap();
            }
        })
    };
    runtime.run(family).unwrap();
    stop.store(true, SeqCst);
    finish(runtime);
}

pub(crate) fn hogs_share<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::YieldLetsOthersRun)
        || case.deviates(Property::BusyWorkerTakesNewTasks)
    {
        return;
    }
    // Everybody advances while the others yield: nobody needs the others' end.
    let runtime = case.start();
    let spawner = runtime.spawner();
    let all = Signal::default();
    runtime.run(async {
        let handles: Vec<_> = (0..8)
            .map(|_| {
                let all = all.clone();
                spawner.launch(async move {
                    for _ in 0..100 {
                        yield_now().await;
                    }
                    all.raise();
                    while all.get() < 8 {
                        yield_now().await;
                    }
                })
            })
            .collect();
        for handle in handles {
            handle.await.unwrap();
        }
    });
    finish(runtime);
}
