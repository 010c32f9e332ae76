//! Wakers: from anywhere, at any time, as often as one likes, for as long as one keeps them.

use std::future::{Future, pending, poll_fn};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Poll, Waker};
use std::thread;

use futures_lite::future::yield_now;
use runtimes::Runtime;

use crate::support::{Case, Count, Drops, Launch, OnDrop, Run, Signal, WakerTrap, finish};
use runtimes::Property;

pub(crate) fn from_another_thread<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let trap = WakerTrap::default();
    let task = runtime.spawner().launch(trap.once());
    let waker_thread = {
        let trap = trap.clone();
        thread::spawn(move || {
            futures_lite::future::block_on(trap.stored(1));
            trap.take().wake();
        })
    };
    runtime.run(task).unwrap();
    waker_thread.join().unwrap();
    finish(runtime);
}

pub(crate) fn ping_pong_with_a_thread<R: Runtime>(case: &Case<R>) {
    // A wake-up lost once in a thousand leaves both sides waiting.
    const ROUNDS: usize = 2_000;
    let runtime = case.start();
    let (ping, pong) = (Signal::default(), Signal::default());
    let thread = {
        let (ping, pong) = (ping.clone(), pong.clone());
        thread::spawn(move || {
            for round in 1..=ROUNDS {
                ping.raise();
                pong.wait_for(round);
            }
        })
    };
    let task = runtime.spawner().launch(async move {
        for round in 1..=ROUNDS {
            ping.reached(round).await;
            pong.raise();
        }
    });
    runtime.run(task).unwrap();
    thread.join().unwrap();
    finish(runtime);
}

pub(crate) fn during_the_poll<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let wakes: [fn(&Waker); 3] = [
        |waker| waker.wake_by_ref(),
        |waker| {
            let clone = waker.clone();
            waker.wake_by_ref();
            clone.wake();
        },
        |waker| {
            waker.wake_by_ref();
            waker.wake_by_ref();
        },
    ];
    for wake in wakes {
        let mut polls = 0;
        let task = runtime.spawner().launch(poll_fn(move |cx| {
            polls += 1;
            if polls == 50 {
                return Poll::Ready(polls);
            }
            wake(cx.waker());
            Poll::Pending
        }));
        assert_eq!(runtime.run(task).unwrap(), 50);
    }
    finish(runtime);
}

pub(crate) fn by_a_thread_during_the_poll<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (send, receive) = mpsc::channel::<Waker>();
    let (answer, answered) = mpsc::channel::<()>();
    let thread = thread::spawn(move || {
        for waker in receive {
            waker.wake();
            answer.send(()).unwrap();
        }
    });
    let mut polls = 0;
    let task = runtime.spawner().launch(poll_fn(move |cx| {
        polls += 1;
        if polls > 200 {
            return Poll::Ready(());
        }
        // The wake-up is complete before the poll returns: it must not be forgotten.
        send.send(cx.waker().clone()).unwrap();
        answered.recv().unwrap();
        Poll::Pending
    }));
    runtime.run(task).unwrap();
    finish(runtime);
    thread.join().unwrap();
}

pub(crate) fn between_two_wakes_at_least_one_poll<R: Runtime>(case: &Case<R>) {
    const THREADS: usize = 4;
    const WAKES: usize = 2_000;
    let runtime = case.start();
    let published = Arc::new(AtomicUsize::new(0));
    let trap = WakerTrap::default();
    let task = {
        let (published, trap) = (published.clone(), trap.clone());
        let mut caught = trap.forever();
        runtime.spawner().launch(poll_fn(move |cx| {
            let _ = Pin::new(&mut caught).poll(cx);
            // What was published before a wake-up is seen by the poll that follows it.
            if published.load(SeqCst) == THREADS * WAKES { Poll::Ready(()) } else { Poll::Pending }
        }))
    };
    runtime.run(trap.stored(1));
    let waker = trap.take();
    let threads: Vec<_> = (0..THREADS)
        .map(|_| {
            let (published, waker) = (published.clone(), waker.clone());
            thread::spawn(move || {
                for _ in 0..WAKES {
                    published.fetch_add(1, SeqCst);
                    waker.wake_by_ref();
                }
            })
        })
        .collect();
    runtime.run(task).unwrap();
    threads.into_iter().for_each(|thread| thread.join().unwrap());
    finish(runtime);
}

pub(crate) fn after_completion<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let polls = Count::default();
    let (count, trap) = (polls.clone(), WakerTrap::default());
    let caught = trap.once();
    let task = runtime.spawner().launch(async move {
        count.add();
        caught.await;
        count.add();
    });
    runtime.run(async {
        trap.stored(1).await;
        let waker = trap.take();
        waker.wake_by_ref();
        task.await.unwrap();
        for _ in 0..10 {
            waker.wake_by_ref();
            let clone = waker.clone();
            yield_now().await;
            clone.wake();
        }
        waker.wake();
    });
    finish(runtime);
    assert_eq!(polls.get(), 2);
}

pub(crate) fn outlives_the_runtime<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let (pending_task, finished_task) = (WakerTrap::default(), WakerTrap::default());
    drop(runtime.spawner().launch(pending_task.forever()));
    let finished = runtime.spawner().launch(finished_task.once());
    let wakers = runtime.run(async {
        pending_task.stored(1).await;
        finished_task.stored(1).await;
        let wakers = [pending_task.take(), finished_task.take()];
        wakers[1].wake_by_ref();
        finished.await.unwrap();
        wakers
    });
    finish(runtime);
    for waker in wakers {
        let clone = waker.clone();
        assert!(clone.will_wake(&waker));
        clone.wake_by_ref();
        thread::spawn(move || clone.wake()).join().unwrap();
        drop(waker);
    }
}

pub(crate) fn of_the_root_outlives_block_on<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let trap = WakerTrap::default();
    let caught = trap.once();
    runtime.run(async {
        let wake = async {
            trap.stored(1).await;
            trap.take().wake();
        };
        futures_lite::future::zip(caught, wake).await;
    });
    let mut old = None;
    runtime.run(poll_fn(|cx| {
        old = Some(cx.waker().clone());
        Poll::Ready(())
    }));
    let old = old.unwrap();
    old.wake_by_ref();
    // A wake-up of a root that has ended must not end or disturb the next one.
    let done = Signal::default();
    let raise = done.clone();
    drop(runtime.spawner().launch(async move { raise.raise() }));
    runtime.run(done.reached(1));
    finish(runtime);
    old.wake();
}

pub(crate) fn while_nobody_is_in_block_on<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let trap = WakerTrap::default();
    let task = runtime.spawner().launch(trap.once());
    runtime.run(trap.stored(1));
    trap.take().wake();
    runtime.run(task).unwrap();
    finish(runtime);
}

pub(crate) fn dropped_unused_leaves_the_task_pending<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let drops = Drops::default();
    let trap = WakerTrap::default();
    let (probe, caught) = (drops.probe(), trap.forever());
    drop(runtime.spawner().launch(async move {
        let _probe = probe;
        caught.await;
    }));
    runtime.run(async {
        trap.stored(1).await;
        drop(trap.take());
        runtime.spawner().launch(yield_now()).await.unwrap();
    });
    // Unreachable now. Some runtimes drop it at once, the others at shutdown.
    assert!(drops.count() <= 1);
    finish(runtime);
    if !case.deviates(Property::DropsUnwokenTasks) {
        assert_eq!(drops.count(), 1);
    }
}

pub(crate) fn from_the_destructor_of_another_task<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::DropsUnwokenTasks) {
        return;
    }
    // At shutdown every task's destructor wakes every other task: queues are being emptied at that
    // moment.
    let runtime = case.start();
    let drops = Drops::default();
    let traps: Vec<_> = (0..20).map(|_| WakerTrap::default()).collect();
    for trap in &traps {
        let (probe, caught, all) = (drops.probe(), trap.once(), traps.clone());
        drop(runtime.spawner().launch(async move {
            let _probe = probe;
            let _on_drop = OnDrop::new(move || all.iter().for_each(WakerTrap::wake));
            caught.await;
            pending::<()>().await;
        }));
    }
    runtime.run(async {
        for trap in &traps {
            trap.stored(1).await;
        }
    });
    finish(runtime);
    assert_eq!(drops.count(), 20);
}
