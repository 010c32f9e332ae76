//! Abort: before the first poll, while pending, while running, after the end, by oneself.

use std::future::{pending, poll_fn};
use std::sync::mpsc;
use std::task::Poll;
use std::thread;

use futures_lite::future::yield_now;
use runtimes::{Join, JoinError, Runtime, Spawner};

use crate::support::{Case, Drops, Launch, Run, Signal, WakerTrap, finish};
use runtimes::Property;

pub(crate) fn before_the_first_poll<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    for _ in 0..100 {
        let probe = drops.probe();
        let mut handle = runtime.spawner().launch(async move {
            let _probe = probe;
            pending::<()>().await;
        });
        handle.abort();
        assert!(matches!(runtime.run(handle), Err(JoinError::Cancelled)));
    }
    finish(runtime);
    assert_eq!(drops.count(), 100);
}

pub(crate) fn while_pending<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    let (probe, raise) = (drops.probe(), started.clone());
    let mut handle = runtime.spawner().launch(async move {
        let _probe = probe;
        raise.raise();
        pending::<()>().await;
    });
    runtime.run(async {
        started.reached(1).await;
        handle.abort();
        handle.abort(); // twice is once
        assert!(matches!((&mut handle).await, Err(JoinError::Cancelled)));
    });
    if !case.deviates(Property::AbortWaitsForDrop) {
        assert_eq!(drops.count(), 1, "the handle reports the cancellation when the future is gone");
    }
    drop(handle);
    finish(runtime);
    assert_eq!(drops.count(), 1);
}

pub(crate) fn after_the_end_keeps_the_output<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let mut handle = spawner.launch(async { 5 });
        // Whatever else is queued runs in the meantime; only the handle can tell that the task has
        // finished.
        let output = futures_lite::future::or(async { Some((&mut handle).await) }, async {
            pending::<()>().await;
            None
        });
        assert_eq!(output.await.unwrap().unwrap(), 5);
        handle.abort();
    });
    // Finished for certain, awaited for the first time afterwards.
    let started = Signal::default();
    let raise = started.clone();
    let mut handle = spawner.launch(async move {
        raise.raise();
        vec![6]
    });
    runtime.run(started.reached(1));
    finish(runtime);
    handle.abort();
    assert_eq!(futures_lite::future::block_on(handle).unwrap(), [6]);
}

pub(crate) fn a_panic_before_the_abort_is_kept<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let started = Signal::default();
    let raise = started.clone();
    let mut handle = runtime.spawner().launch(async move {
        raise.raise();
        panic!("first");
    });
    runtime.run(started.reached(1));
    finish(runtime);
    handle.abort();
    let error = futures_lite::future::block_on(handle).expect_err("it panicked");
    assert_eq!(error.panic_message(), Some("first"));
}

pub(crate) fn by_itself<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (drops, ended) = (Drops::default(), Signal::default());
    runtime.run(async {
        let (send, receive) = futures_channel::oneshot::channel();
        let (probe, raise) = (drops.probe(), ended.clone());
        let handle = runtime.spawner().launch(async move {
            let _probe = probe;
            let mut own: <R::Spawner as Spawner>::Join<()> = receive.await.expect("its own handle");
            own.abort();
            raise.raise();
            // Still running: an abort takes effect at the next suspension.
            drop(own);
            raise.raise();
            pending::<()>().await;
            unreachable!("the task was aborted");
        });
        send.send(handle).ok().expect("the task waits");
        ended.reached(2).await;
    });
    finish(runtime);
    assert_eq!(drops.count(), 1);
}

pub(crate) fn of_a_task_that_yields_for_ever<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::YieldLetsOthersRun) {
        return;
    }
    let runtime = case.start();
    let (drops, started) = (Drops::default(), Signal::default());
    runtime.run(async {
        let (probe, raise) = (drops.probe(), started.clone());
        let mut handle = runtime.spawner().launch(async move {
            let _probe = probe;
            raise.raise();
            loop {
                yield_now().await;
            }
        });
        started.reached(1).await;
        handle.abort();
        let outcome: Result<(), _> = handle.await;
        assert!(matches!(outcome, Err(JoinError::Cancelled)));
    });
    finish(runtime);
    assert_eq!(drops.count(), 1);
}

pub(crate) fn of_a_task_that_is_running<R: Runtime>(case: &Case<R>) {
    if !case.has_threads() {
        return; // on one thread nobody else runs while a task does
    }
    let runtime = case.start();
    let drops = Drops::default();
    let started = Signal::default();
    let (resume, resumed) = mpsc::channel::<()>();
    let (probe, raise) = (drops.probe(), started.clone());
    let mut polls = 0;
    let mut handle = runtime.spawner().launch(async move {
        let _probe = probe;
        poll_fn(move |cx| {
            polls += 1;
            assert_eq!(polls, 1, "no poll follows an abort");
            cx.waker().wake_by_ref();
            raise.raise();
            let _ = resumed.recv();
            Poll::<()>::Pending
        })
        .await;
    });
    runtime.run(started.reached(1));
    handle.abort();
    drop(resume);
    let outcome = runtime.run(&mut handle);
    assert!(matches!(outcome, Err(JoinError::Cancelled)), "{outcome:?}");
    finish(runtime);
    assert_eq!(drops.count(), 1);
}

pub(crate) fn from_a_plain_thread<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let started = Signal::default();
    let raise = started.clone();
    let mut handle = runtime.spawner().launch(async move {
        raise.raise();
        pending::<()>().await;
    });
    let aborter = thread::spawn(move || {
        started.wait_for(1);
        handle.abort();
        handle
    });
    let outcome = runtime.run(async {
        // The thread cannot be awaited; a yielding root keeps a runtime without threads of its own
        // turning.
        while !aborter.is_finished() {
            yield_now().await;
        }
        aborter.join().unwrap().await
    });
    assert!(matches!(outcome, Err(JoinError::Cancelled)));
    finish(runtime);
}

pub(crate) fn then_dropping_the_handle<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (drops, trap) = (Drops::default(), WakerTrap::default());
    let (probe, caught) = (drops.probe(), trap.forever());
    let mut handle = runtime.spawner().launch(async move {
        let _probe = probe;
        caught.await;
    });
    runtime.run(async {
        trap.stored(1).await;
        handle.abort();
        drop(handle);
        // Waking a task that is being dropped, or is gone, does nothing.
        let waker = trap.take();
        waker.wake_by_ref();
        while drops.count() == 0 {
            yield_now().await;
        }
        waker.wake();
    });
    finish(runtime);
    assert_eq!(drops.count(), 1);
}

pub(crate) fn races_with_completion<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let (mut finished, mut cancelled) = (0, 0);
    for round in 0..300 {
        let probe = drops.probe();
        let outcome = runtime.run(async {
            let mut handle = runtime.spawner().launch(async move {
                yield_now().await;
                probe
            });
            for _ in 0..round % 4 {
                yield_now().await;
            }
            handle.abort();
            handle.await
        });
        match outcome {
            Ok(_probe) => finished += 1,
            Err(JoinError::Cancelled) => cancelled += 1,
            Err(error) => panic!("{error}"),
        }
    }
    finish(runtime);
    assert_eq!(finished + cancelled, 300);
    assert_eq!(drops.count(), 300, "each future or output is dropped once, whoever wins");
}
