//! The end of a runtime: every future dropped once, every thread joined.

use std::cell::RefCell;
use std::future::pending;
use std::panic::{self, AssertUnwindSafe};
use std::sync::mpsc;
use std::thread;

use futures_lite::future::{block_on, yield_now};
use runtimes::{Join, JoinError, Runtime};

use crate::support::{Case, Drops, Launch, OnDrop, Probe, Run, Signal, WakerTrap, finish};
use runtimes::Property;

pub(crate) fn without_use<R: Runtime>(case: &Case<R>) {
    for _ in 0..20 {
        finish(case.start());
        drop(case.start());
    }
}

pub(crate) fn drops_tasks_that_never_ran<R: Runtime>(case: &Case<R>) {
    let drops = Drops::default();
    for end in [finish as fn(R), drop] {
        let runtime = case.start();
        for _ in 0..100 {
            let probe = drops.probe();
            drop(runtime.spawner().launch(async move { drop(probe) }));
        }
        end(runtime);
    }
    assert_eq!(drops.count(), 200);
}

pub(crate) fn drops_pending_tasks<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    for end in [finish as fn(R), drop] {
        let runtime = case.start();
        let (drops, started) = (Drops::default(), Signal::default());
        let trap = WakerTrap::default();
        let mut handles = Vec::new();
        for _ in 0..50 {
            // Some whose waker is gone, some whose waker is held elsewhere, half of them detached.
            let (unreachable, held) = (drops.probe(), drops.probe());
            let (raise, caught) = (started.clone(), trap.forever());
            drop(runtime.spawner().launch(async move {
                let _probe = unreachable;
                raise.raise();
                pending::<()>().await;
            }));
            handles.push(runtime.spawner().launch(async move {
                let _probe = held;
                caught.await;
            }));
        }
        runtime.run(async {
            started.reached(50).await;
            trap.stored(50).await;
        });
        end(runtime);
        assert_eq!(drops.count(), 100);
        for handle in handles {
            assert!(matches!(block_on(handle), Err(JoinError::Cancelled)));
        }
    }
}

pub(crate) fn drops_tasks_woken_just_before<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let traps: Vec<_> = (0..50).map(|_| WakerTrap::default()).collect();
    for trap in &traps {
        let (probe, caught) = (drops.probe(), trap.once());
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            caught.await;
        }));
    }
    runtime.run(async {
        for trap in &traps {
            trap.stored(1).await;
        }
    });
    traps.iter().for_each(WakerTrap::wake);
    finish(runtime);
    assert_eq!(drops.count(), 50);
}

pub(crate) fn ends_tasks_that_yield_for_ever<R: Runtime>(case: &Case<R>) {
    if !case.has_threads() && case.deviates(Property::YieldLetsOthersRun) {
        return; // block_on never gets its turn back
    }
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    // One per worker: more would starve each other where yielding does not let others run.
    for _ in 0..case.workers {
        let (probe, raise) = (drops.probe(), started.clone());
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            raise.raise();
            loop {
                yield_now().await;
            }
        }));
    }
    runtime.run(started.reached(case.workers));
    finish(runtime);
    assert_eq!(drops.count(), case.workers);
}

pub(crate) fn joins_its_threads<R: Runtime>(case: &Case<R>) {
    thread_local! {
        static LAST_WORD: RefCell<Option<Probe>> = const { RefCell::new(None) };
    }
    if !case.has_threads() || case.deviates(Property::OwnsItsThreads) {
        return;
    }
    let runtime = case.start();
    let (marked, ended) = (Signal::default(), Drops::default());
    // Each worker is held until all are marked, so that each takes one of the tasks.
    for _ in 0..case.workers {
        let (marked, probe, workers) = (marked.clone(), ended.probe(), case.workers);
        drop(runtime.spawner().launch(async move {
            LAST_WORD.set(Some(probe));
            marked.raise();
            marked.wait_for(workers);
        }));
    }
    runtime.run(marked.reached(case.workers));
    finish(runtime);
    assert_eq!(
        ended.count(),
        case.workers,
        "a thread's own storage is gone when the thread has been joined"
    );
}

pub(crate) fn with_spawns_from_destructors<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    for _ in 0..20 {
        let (spawner, raise) = (runtime.spawner().clone(), started.clone());
        let (probe, late) = (drops.probe(), drops.probe());
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            let _on_drop = OnDrop::new(move || {
                drop(spawner.launch(async move {
                    let _late = late;
                    pending::<()>().await;
                }));
            });
            raise.raise();
            pending::<()>().await;
        }));
    }
    runtime.run(started.reached(20));
    finish(runtime);
    assert_eq!(drops.count(), 40, "what a destructor spawns during shutdown is dropped as well");
}

pub(crate) fn with_handles_inside_tasks<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    // Tasks that own other tasks' handles, and abort them while they are dropped themselves.
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    let mut inner = None;
    for _ in 0..20 {
        let (probe, raise, mut owned) = (drops.probe(), started.clone(), inner.take());
        inner = Some(runtime.spawner().launch(async move {
            let _probe = probe;
            let _on_drop = OnDrop::new(move || {
                if let Some(handle) = &mut owned {
                    Join::<()>::abort(handle);
                }
            });
            raise.raise();
            pending::<()>().await;
        }));
    }
    runtime.run(started.reached(20));
    finish(runtime);
    assert_eq!(drops.count(), 20);
}

pub(crate) fn while_other_threads_spawn<R: Runtime>(case: &Case<R>) {
    const THREADS: usize = 3;
    for _ in 0..10 {
        let runtime = case.start();
        let (spawned, ended, drops) = (Signal::default(), Signal::default(), Drops::default());
        let threads: Vec<_> = (0..THREADS)
            .map(|_| {
                let (spawner, spawned, ended, drops) =
                    (runtime.spawner().clone(), spawned.clone(), ended.clone(), drops.clone());
                thread::spawn(move || {
                    let mut handles = Vec::new();
                    let mut spawn = || {
                        let probe = drops.probe();
                        handles.push(spawner.launch(async move { drop(probe) }));
                        spawned.raise();
                    };
                    // Some before, some during, some after the end.
                    for _ in 0..1_000 {
                        if ended.get() > 0 {
                            break;
                        }
                        spawn();
                    }
                    ended.wait_for(1);
                    (0..10).for_each(|_| spawn());
                    handles
                })
            })
            .collect();
        runtime.run(spawned.reached(10 * THREADS));
        finish(runtime);
        ended.raise();
        let handles: Vec<_> =
            threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
        let made = handles.len();
        for handle in handles {
            assert!(
                matches!(block_on(handle), Ok(()) | Err(JoinError::Cancelled)),
                "no handle waits for ever"
            );
        }
        assert_eq!(drops.count(), made);
    }
}

pub(crate) fn reaches_whoever_awaits_a_handle<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    let runtime = case.start();
    let started = Signal::default();
    let raise = started.clone();
    let handle = runtime.spawner().launch(async move {
        raise.raise();
        pending::<()>().await;
    });
    let (about_to_wait, waiting) = mpsc::channel();
    let thread = thread::spawn(move || {
        about_to_wait.send(()).unwrap();
        block_on(handle)
    });
    runtime.run(started.reached(1));
    waiting.recv().unwrap();
    finish(runtime);
    assert!(matches!(thread.join().unwrap(), Err(JoinError::Cancelled)));
}

pub(crate) fn while_a_panic_unwinds<R: Runtime>(case: &Case<R>) {
    let (drops, started) = (Drops::default(), Signal::default());
    let result = panic::catch_unwind(AssertUnwindSafe(|| {
        let runtime = case.start();
        let (probe, raise, trap) = (drops.probe(), started.clone(), WakerTrap::default());
        let caught = trap.once();
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            raise.raise();
            caught.await;
        }));
        runtime.run(trap.stored(1));
        trap.wake();
        panic!("with a runtime on the stack");
    }));
    assert!(result.is_err());
    assert_eq!(drops.count(), 1);
}

pub(crate) fn two_at_once<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    // A task of each holds the other's spawner and uses it while it is dropped.
    let (left, right) = (case.start(), case.start());
    let drops = Drops::default();
    let started = Signal::default();
    for (at, other) in [(&left, &right), (&right, &left)] {
        let (spawner, probe, late, raise) =
            (other.spawner().clone(), drops.probe(), drops.probe(), started.clone());
        drop(at.spawner().launch(async move {
            let _probe = probe;
            let _on_drop = OnDrop::new(move || drop(spawner.launch(async move { drop(late) })));
            raise.raise();
            pending::<()>().await;
        }));
    }
    left.run(async {
        while started.get() == 0 {
            yield_now().await;
        }
    });
    right.run(started.reached(2));
    finish(left);
    finish(right);
    assert_eq!(drops.count(), 4);
}
