//! Tasks that move between workers.

use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_lite::future::yield_now;
use runtimes::time::sleep;
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Run, Signal, WakerTrap, finish};
use runtimes::Property;

pub(crate) fn a_task_moves_away_from_a_blocked_worker<R: Runtime>(case: &Case<R>) {
    if case.workers < 2 || case.deviates(Property::FreeWorkerRunsWokenTask) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner();
    let trap = WakerTrap::default();
    let (caught, (first, at_first)) = (trap.once(), mpsc::channel());
    let moved = spawner.spawn(async move {
        // Self-referential on purpose: the borrow crosses from one worker to the other.
        let data = [1_u8, 2, 3];
        let view = &data[1..];
        first.send(thread::current().id()).unwrap();
        caught.await;
        (thread::current().id(), view.to_vec())
    });
    runtime.run(trap.stored(1));
    // Every worker gets blocked; then one that has not polled the task yet is freed.
    let (report, reports) = mpsc::channel::<(ThreadId, mpsc::Sender<()>)>();
    for _ in 0..case.workers {
        let report = report.clone();
        drop(spawner.spawn(async move {
            let (release, released) = mpsc::channel();
            report.send((thread::current().id(), release)).unwrap();
            let _ = released.recv();
        }));
    }
    let mut blocked: Vec<_> = (0..case.workers).map(|_| reports.recv().unwrap()).collect();
    let first = at_first.recv().unwrap();
    let other =
        blocked.iter().position(|&(thread, _)| thread != first).expect("at least two workers");
    let (freed, release) = blocked.swap_remove(other);
    drop(release);
    trap.wake();
    let (second, view) = runtime.run(moved).unwrap();
    assert_eq!(second, freed, "only one worker was free to run it");
    assert_eq!(view, [2, 3]);
    drop(blocked);
    finish(runtime);
}

pub(crate) fn a_blocked_worker_does_not_strand_the_rest<R: Runtime>(case: &Case<R>) {
    if case.workers < 2 || case.deviates(Property::BlockedWorkerStrandsNobody) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    for _ in 0..50 {
        let (release, released) = mpsc::channel::<()>();
        let blocked = Signal::default();
        let (raise, inner) = (blocked.clone(), spawner.clone());
        let done = Signal::default();
        let raise_done = done.clone();
        // What a task spawns before it blocks its worker is run by the others.
        let blocker = spawner.spawn(async move {
            for _ in 0..10 {
                let raise = raise_done.clone();
                drop(inner.spawn(async move { raise.raise() }));
            }
            raise.raise();
            let _ = released.recv();
        });
        runtime.run(async {
            blocked.reached(1).await;
            done.reached(10).await;
            drop(release);
            blocker.await.unwrap();
        });
    }
    finish(runtime);
}

pub(crate) fn a_woken_task_does_not_wait_for_its_waker<R: Runtime>(case: &Case<R>) {
    if case.workers < 2 || case.deviates(Property::BlockedWorkerStrandsNobody) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    for round in 1..=20 {
        let (go, ready, done) = (Signal::default(), Signal::default(), Signal::default());
        let woken = spawner.spawn({
            let (go, ready, done) = (go.clone(), ready.clone(), done.clone());
            async move {
                ready.raise();
                go.reached(1).await;
                done.raise();
            }
        });
        let waker = spawner.spawn(async move {
            ready.reached(1).await;
            // Every other time the waker's worker has done something else before.
            for _ in 0..round % 2 {
                yield_now().await;
            }
            go.raise();
            done.wait_for(1);
        });
        runtime.run(async {
            waker.await.unwrap();
            woken.await.unwrap();
        });
    }
    finish(runtime);
}

pub(crate) fn a_timer_does_not_wait_for_a_blocked_worker<R: Runtime>(case: &Case<R>) {
    if case.workers < 2 || case.deviates(Property::BlockedWorkerStrandsNobody) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    let handle = spawner.reactor().clone();
    for _ in 0..5 {
        let done = Signal::default();
        let (first, second) = (Duration::from_millis(2), Duration::from_millis(5));
        let late = spawner.spawn({
            let (sleep, done) = (sleep(&handle, second), done.clone());
            async move {
                sleep.await;
                done.raise();
            }
        });
        // The worker that fires the first timer runs this, and so blocks.
        let blocker = spawner.spawn({
            let sleep = sleep(&handle, first);
            async move {
                sleep.await;
                done.wait_for(1);
            }
        });
        runtime.run(async {
            blocker.await.unwrap();
            late.await.unwrap();
        });
    }
    finish(runtime);
}
