//! Join handles: outputs, detaching, handles that move and outlive.

use std::future::{Future, pending};
use std::pin::Pin;
use std::thread;

use futures_lite::future::{block_on, poll_once, yield_now};
use futures_util::future::join_all;
use futures_util::stream::{FuturesUnordered, StreamExt};
use runtimes::{JoinError, Runtime};

use crate::support::{Case, Drops, Launch, Run, Signal, finish};
use runtimes::Property;

pub(crate) fn output_arrives<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    runtime.run(async {
        // Before and after the task has finished, small and large outputs.
        assert_eq!(spawner.launch(async { vec![1, 2, 3] }).await.unwrap(), [1, 2, 3]);
        let done = Signal::default();
        let raise = done.clone();
        let handle = spawner.launch(async move {
            raise.raise();
            [5_u64; 100]
        });
        done.reached(1).await;
        assert_eq!(handle.await.unwrap(), [5; 100]);
    });
    finish(runtime);
}

pub(crate) fn dropping_detaches<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    for _ in 0..10 {
        let raise = done.clone();
        drop(runtime.spawner().launch(async move {
            yield_now().await;
            raise.raise();
        }));
    }
    runtime.run(done.reached(10));
    finish(runtime);
}

pub(crate) fn dropping_after_a_poll_detaches<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (go, done) = (Signal::default(), Signal::default());
    runtime.run(async {
        let (go_on, raise) = (go.clone(), done.clone());
        let mut handle = runtime.spawner().launch(async move {
            go_on.reached(1).await;
            raise.raise();
        });
        assert!(poll_once(&mut handle).await.is_none());
        drop(handle);
        go.raise();
        done.reached(1).await;
    });
    finish(runtime);
}

pub(crate) fn output_is_dropped_once<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    runtime.run(async {
        let spawner = runtime.spawner();
        // Taken by the handle.
        let probe = drops.probe();
        let output = spawner.launch(async move { probe }).await.unwrap();
        assert_eq!(drops.count(), 0);
        drop(output);
        assert_eq!(drops.count(), 1);
        // Left in the task by a handle that is dropped later.
        let (probe, done) = (drops.probe(), Signal::default());
        let raise = done.clone();
        let handle = spawner.launch(async move {
            raise.raise();
            probe
        });
        done.reached(1).await;
        drop(handle);
        // Never wanted.
        let probe = drops.probe();
        drop(spawner.launch(async move { probe }));
    });
    finish(runtime);
    assert_eq!(drops.count(), 3);
}

pub(crate) fn future_is_gone_when_the_handle_is_ready<R: Runtime>(case: &Case<R>) {
    /// Ready at its second poll, and dropped with its probe by whoever owns it.
    struct Second(
        Signal,
        bool,
        #[expect(dead_code, reason = "dropped with the future")] crate::support::Probe,
    );
    impl Future for Second {
        type Output = ();
        fn poll(mut self: Pin<&mut Self>, cx: &mut std::task::Context<'_>) -> std::task::Poll<()> {
            if std::mem::replace(&mut self.1, true) {
                return std::task::Poll::Ready(());
            }
            self.0.raise();
            cx.waker().wake_by_ref();
            std::task::Poll::Pending
        }
    }
    if case.deviates(Property::DropsBeforeJoin) {
        return;
    }
    let runtime = case.start();
    let drops = Drops::default();
    for round in 1..=100 {
        let future = Second(Signal::default(), false, drops.probe());
        runtime.run(runtime.spawner().launch(future)).unwrap();
        assert_eq!(drops.count(), round, "the output is there only when the future is gone");
    }
    finish(runtime);
}

pub(crate) fn handle_moves_between_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    let go = Signal::default();
    let result = runtime.run(async {
        let go_on = go.clone();
        let mut handle = spawner.launch(async move {
            go_on.reached(1).await;
            77
        });
        // Polled here first; the waker of the task that polled last counts.
        assert!(poll_once(&mut handle).await.is_none());
        let polled = Signal::default();
        let raise = polled.clone();
        let second = spawner.launch(async move {
            assert!(poll_once(&mut handle).await.is_none());
            raise.raise();
            handle.await.unwrap()
        });
        polled.reached(1).await;
        go.raise();
        second.await.unwrap()
    });
    assert_eq!(result, 77);
    finish(runtime);
}

pub(crate) fn a_plain_thread_awaits<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let handle = runtime.spawner().launch(async {
        yield_now().await;
        "from the runtime"
    });
    let raise = done.clone();
    let thread = thread::spawn(move || {
        let output = block_on(handle).unwrap();
        raise.raise();
        output
    });
    runtime.run(done.reached(1));
    assert_eq!(thread.join().unwrap(), "from the runtime");
    finish(runtime);
}

pub(crate) fn handle_outlives_the_runtime<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let started = Signal::default();
    let raise = started.clone();
    let finished = runtime.spawner().launch(async move {
        raise.raise();
        String::from("kept")
    });
    let unfinished = runtime.spawner().launch(pending::<()>());
    // From here on the task is in its last poll, which shutdown lets finish.
    runtime.run(started.reached(1));
    finish(runtime);
    assert_eq!(block_on(finished).unwrap(), "kept");
    if !case.deviates(Property::DropsUnwokenTasks) {
        assert!(matches!(block_on(unfinished), Err(JoinError::Cancelled)));
    }
}

pub(crate) fn a_task_holds_many_futures<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner().clone();
    let total = runtime.run(runtime.spawner().launch(async move {
        let joined: u32 = join_all((0..200).map(|i| {
            let handle = spawner.launch(async move {
                yield_now().await;
                i
            });
            async move { handle.await.unwrap() }
        }))
        .await
        .into_iter()
        .sum();
        // The same again, in the order of completion, with futures that are not tasks in between.
        let mut unordered: FuturesUnordered<Pin<Box<dyn Future<Output = u32> + Send>>> =
            FuturesUnordered::new();
        for i in 0..200 {
            let handle = spawner.launch(async move { i });
            unordered.push(Box::pin(async move { handle.await.unwrap() }));
            unordered.push(Box::pin(async move {
                yield_now().await;
                i
            }));
        }
        let mut total = joined;
        while let Some(i) = unordered.next().await {
            total += i;
        }
        total
    }));
    assert_eq!(total.unwrap(), 3 * (200 * 199 / 2));
    finish(runtime);
}

pub(crate) fn a_task_may_own_its_handle<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let started = Signal::default();
    runtime.run(async {
        // The handle goes into the task itself: a cycle that only shutdown breaks.
        let (send, receive) = futures_channel::oneshot::channel();
        let (probe, start) = (drops.probe(), started.clone());
        let handle = runtime.spawner().launch(async move {
            let _probe = probe;
            let _own = receive.await;
            start.raise();
            pending::<()>().await;
        });
        send.send(handle).ok().expect("the task waits for its handle");
        started.reached(1).await;
    });
    finish(runtime);
    if !case.deviates(Property::DropsUnwokenTasks) {
        assert_eq!(drops.count(), 1);
    }
}
