//! A panic in a task reaches its join handle and nobody else.

use std::future::pending;
use std::panic::{self, AssertUnwindSafe, panic_any};

use futures_lite::future::yield_now;
use runtimes::{Join, JoinError, Runtime};

use crate::support::{Case, Drops, Launch, OnDrop, Run, Signal, finish, panic_text};
use runtimes::Property;

pub(crate) fn payload_reaches_the_handle<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let literal = spawner.launch(async { panic!("a literal") }).await;
        let formatted = spawner.launch(async { panic!("formatted {}", 1) }).await;
        let custom = spawner.launch(async { panic_any(17_u64) }).await;
        let outcomes: [Result<(), JoinError>; 3] = [literal, formatted, custom];
        let [Err(literal), Err(formatted), Err(JoinError::Panicked(custom))] = outcomes else {
            panic!("all three tasks panicked")
        };
        assert_eq!(literal.panic_message(), Some("a literal"));
        assert_eq!(formatted.panic_message(), Some("formatted 1"));
        assert_eq!(custom.downcast_ref::<u64>(), Some(&17));
    });
    finish(runtime);
}

pub(crate) fn others_do_not_notice<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let drops = Drops::default();
    runtime.run(async {
        let mut handles = Vec::new();
        for i in 0..100_u32 {
            let probe = drops.probe();
            handles.push(spawner.launch(async move {
                let _probe = probe;
                yield_now().await;
                assert!(i % 2 == 0, "odd");
                i
            }));
        }
        for (i, handle) in (0..).zip(handles) {
            match handle.await {
                Ok(output) => assert_eq!((output, i % 2), (i, 0)),
                Err(error) => assert_eq!((error.panic_message(), i % 2), (Some("odd"), 1)),
            }
        }
    });
    finish(runtime);
    assert_eq!(drops.count(), 100);
}

pub(crate) fn in_a_detached_task<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let ended = Signal::default();
    runtime.run(async {
        for _ in 0..10 {
            let raise = ended.clone();
            drop(spawner.launch(async move {
                let _on_drop = OnDrop::new(move || raise.raise());
                yield_now().await;
                panic!("nobody listens");
            }));
        }
        ended.reached(10).await;
        assert_eq!(spawner.launch(async { 1 }).await.unwrap(), 1);
    });
    finish(runtime);
}

pub(crate) fn in_the_root_future_leaves_block_on<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let raise = done.clone();
    let task = runtime.spawner().launch(async move {
        yield_now().await;
        raise.raise();
    });
    assert_eq!(
        panic_text(|| runtime.run(async {
            yield_now().await;
            panic!("root");
        })),
        "root"
    );
    // The runtime and its tasks are as before.
    runtime.run(task).unwrap();
    assert_eq!(done.get(), 1);
    finish(runtime);
}

pub(crate) fn in_the_destructor_of_an_aborted_task<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::ContainsDestructorPanics) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        let started = Signal::default();
        let raise = started.clone();
        let mut handle = spawner.launch(async move {
            let _on_drop = OnDrop::new(|| panic!("in a destructor"));
            raise.raise();
            pending::<()>().await;
        });
        started.reached(1).await;
        handle.abort();
        match handle.await {
            Err(JoinError::Panicked(_) | JoinError::Cancelled) => {}
            Ok(()) => panic!("it was aborted"),
        }
        assert_eq!(spawner.launch(async { 1 }).await.unwrap(), 1);
    });
    finish(runtime);
}

pub(crate) fn in_the_destructor_of_an_unwanted_output<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::ContainsDestructorPanics) {
        return;
    }
    let runtime = case.start();
    let spawner = runtime.spawner();
    let dropped = Signal::default();
    runtime.run(async {
        let (go, raise) = (Signal::default(), dropped.clone());
        let go_on = go.clone();
        drop(spawner.launch(async move {
            go_on.reached(1).await;
            OnDrop::new(move || {
                raise.raise();
                panic!("an output nobody wants");
            })
        }));
        go.raise();
        dropped.reached(1).await;
        assert_eq!(spawner.launch(async { 1 }).await.unwrap(), 1);
    });
    finish(runtime);
}

pub(crate) fn in_a_destructor_during_shutdown<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::ContainsDestructorPanics) {
        return;
    }
    let runtime = case.start();
    let drops = Drops::default();
    let started = Signal::default();
    for i in 0..10 {
        let (probe, raise) = (drops.probe(), started.clone());
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            let _on_drop =
                OnDrop::new(move || assert!(i % 2 == 0, "in a destructor, during shutdown"));
            raise.raise();
            pending::<()>().await;
        }));
    }
    runtime.run(started.reached(10));
    // Whether the panic leaves shutdown is the runtime's choice; that the other tasks are dropped
    // is not.
    let _ = panic::catch_unwind(AssertUnwindSafe(|| drop(runtime)));
    assert_eq!(drops.count(), 10);
}
