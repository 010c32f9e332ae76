//! Where tasks may be spawned from, and what may be a task.

use std::future::{Future, pending, ready};
use std::pin::Pin;
use std::sync::mpsc;
use std::thread;

use futures_lite::future::yield_now;
use runtimes::{JoinError, Runtime, Spawner};

use crate::support::{Case, Drops, OnDrop, Run, Signal, finish};

pub(crate) fn from_outside_before_block_on<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let handle = runtime.spawner().spawn(async { 6 * 7 });
    assert_eq!(runtime.run(handle).unwrap(), 42);
    finish(runtime);
}

pub(crate) fn from_block_on<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    assert_eq!(runtime.run(async { spawner.spawn(async { "done" }).await.unwrap() }), "done");
    finish(runtime);
}

pub(crate) fn nested<R: Runtime>(case: &Case<R>) {
    fn descend<S: Spawner>(spawner: S, depth: u32) -> Pin<Box<dyn Future<Output = u32> + Send>> {
        Box::pin(async move {
            if depth == 0 {
                return 0;
            }
            let inner = descend(spawner.clone(), depth - 1);
            spawner.spawn(inner).await.unwrap() + 1
        })
    }
    let runtime = case.start();
    let root = descend(runtime.spawner().clone(), 100);
    assert_eq!(runtime.run(runtime.spawner().spawn(root)).unwrap(), 100);
    finish(runtime);
}

pub(crate) fn from_another_thread_while_idle<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let from_outside = {
        let (spawner, done) = (runtime.spawner().clone(), done.clone());
        thread::spawn(move || {
            // One after another: every spawn finds the runtime idle or about to be.
            for round in 1..=100 {
                let raise = done.clone();
                drop(spawner.spawn(async move { raise.raise() }));
                done.wait_for(round);
            }
        })
    };
    runtime.run(done.reached(100));
    from_outside.join().unwrap();
    finish(runtime);
}

pub(crate) fn from_several_threads_at_once<R: Runtime>(case: &Case<R>) {
    const THREADS: usize = 4;
    const TASKS: usize = 500;
    let runtime = case.start();
    let done = Signal::default();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (spawner, done) = (runtime.spawner().clone(), done.clone());
            thread::spawn(move || {
                for _ in 0..TASKS {
                    let done = done.clone();
                    drop(spawner.spawn(async move { done.raise() }));
                }
            })
        })
        .collect();
    runtime.run(done.reached(THREADS * TASKS));
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    finish(runtime);
    assert_eq!(done.get(), THREADS * TASKS, "each task runs once");
}

pub(crate) fn from_the_destructor_of_a_finished_task<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let (spawner, raise) = (runtime.spawner().clone(), done.clone());
    let on_drop = OnDrop::new(move || drop(spawner.spawn(async move { raise.raise() })));
    drop(runtime.spawner().spawn(async move { drop(on_drop) }));
    runtime.run(done.reached(1));
    finish(runtime);
}

pub(crate) fn from_the_destructor_of_an_aborted_task<R: Runtime>(case: &Case<R>) {
    use runtimes::Join;
    let runtime = case.start();
    let (started, done) = (Signal::default(), Signal::default());
    let (spawner, raise) = (runtime.spawner().clone(), done.clone());
    let on_drop = OnDrop::new(move || drop(spawner.spawn(async move { raise.raise() })));
    let start = started.clone();
    let mut handle = runtime.spawner().spawn(async move {
        let _on_drop = on_drop;
        start.raise();
        pending::<()>().await;
    });
    runtime.run(async {
        started.reached(1).await;
        handle.abort();
        done.reached(1).await;
    });
    finish(runtime);
}

pub(crate) fn after_shutdown_is_cancelled<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    finish(runtime);
    let drops = Drops::default();
    let probe = drops.probe();
    let handle = spawner.spawn(async move {
        let _probe = probe;
    });
    assert_eq!(drops.count(), 1, "the future is dropped at once");
    assert!(matches!(futures_lite::future::block_on(handle), Err(JoinError::Cancelled)));
    // Again from a destructor of such a future: no lock may be held while it is dropped.
    let inner = spawner.clone();
    let on_drop = OnDrop::new(move || drop(inner.spawn(ready(()))));
    drop(spawner.spawn(async move { drop(on_drop) }));
}

pub(crate) fn a_spawner_goes_everywhere<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (send, receive) = mpsc::channel();
    let spawner = runtime.spawner().clone();
    runtime
        .run(runtime.spawner().spawn(async move {
            // Out of a task into a thread, and from there back into a task.
            let thread =
                thread::spawn(move || {
                    let again = spawner.clone();
                    drop(spawner.spawn(async move {
                        drop(again.spawn(async move { send.send(1).unwrap() }))
                    }));
                });
            thread.join().unwrap();
        }))
        .unwrap();
    // A runtime without threads of its own needs another turn for the two tasks.
    runtime.run(async {
        while receive.try_recv().is_err() {
            yield_now().await;
        }
    });
    finish(runtime);
}
