//! Direct style, on the runtimes whose tasks have a stack: yielding, waiting, abort.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::task::Poll;

use futures_channel::oneshot;
use runtimes::{Join, JoinError, Runtime, Spawner};

use crate::support::{Case, Drops, Run, Signal, finish};
use runtimes::Property;

pub(crate) fn code_suspends_at_any_depth<R: Runtime>(case: &Case<R>) {
    fn deep(depth: u64, suspend: &dyn runtimes::Suspend) -> u64 {
        if depth > 0 {
            return 1 + deep(depth - 1, suspend);
        }
        (0..100).for_each(|_| suspend.yield_now());
        0
    }
    let runtime = case.start();
    let Some(first) = runtime.spawner().go(|suspend| deep(20, suspend)) else {
        let may_refuse = !case.has_stacks() || case.deviates(Property::KeepsStacksOnTheirThreads);
        assert!(
            may_refuse,
            "{} has stacks and does not run direct-style code",
            case.descriptor.name
        );
        return;
    };
    assert!(case.has_stacks(), "{} runs direct-style code without stacks", case.descriptor.name);
    let rest: Vec<_> = (0..20)
        .map(|n| runtime.spawner().go(move |suspend| deep(n, suspend)).expect("as before"))
        .collect();
    runtime.run(async {
        assert_eq!(first.await.unwrap(), 20);
        for (n, task) in (0..).zip(rest) {
            assert_eq!(task.await.unwrap(), n);
        }
    });
    finish(runtime);
}

pub(crate) fn code_waits_until_another_task_sends<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let spawner = runtime.spawner();
    for _ in 0..50 {
        let (send, receive) = oneshot::channel();
        let Some(waiter) = spawner.go(move |suspend| {
            let mut got = 0;
            // The block lives in this frame while the stack is suspended.
            suspend.wait(pin!(async { got = receive.await.unwrap() }));
            suspend.yield_now();
            got
        }) else {
            return;
        };
        let sender = spawner.spawn(async move { send.send(7).is_ok() });
        runtime.run(async {
            assert_eq!(waiter.await.unwrap(), 7);
            assert!(sender.await.unwrap());
        });
    }
    finish(runtime);
}

pub(crate) fn aborted_code_unwinds<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    for yields in [true, false] {
        let (drops, started) = (Drops::default(), Signal::default());
        let (probe, raise) = (drops.probe(), started.clone());
        let Some(mut task) = runtime.spawner().go(move |suspend| {
            let _probe = probe;
            raise.raise();
            loop {
                if yields {
                    suspend.yield_now();
                } else {
                    suspend.wait(pin!(pending()));
                }
            }
        }) else {
            return;
        };
        runtime.run(async {
            started.reached(1).await;
            task.abort();
            assert!(matches!(task.await, Err(JoinError::Cancelled)));
        });
        assert_eq!(drops.count(), 1);
    }
    finish(runtime);
}

/// Suspends the code that unwinds over it.
struct Suspends<'a>(&'a dyn runtimes::Suspend);

impl Drop for Suspends<'_> {
    fn drop(&mut self) {
        self.0.yield_now();
        self.0.wait(pin!(pending()));
        self.0.yield_now();
    }
}

pub(crate) fn destructors_that_suspend_do_not_keep_code_from_unwinding<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    for panics in [true, false] {
        let (drops, started) = (Drops::default(), Signal::default());
        let (probe, raise) = (drops.probe(), started.clone());
        let Some(mut task) = runtime.spawner().go(move |suspend| {
            let _probe = probe;
            let (_outer, _inner) = (Suspends(suspend), Suspends(suspend));
            raise.raise();
            assert!(!panics, "unwinds");
            suspend.wait(pin!(pending()));
        }) else {
            return;
        };
        runtime.run(async {
            started.reached(1).await;
            task.abort();
            assert!(task.await.is_err());
        });
        assert_eq!(drops.count(), 1);
    }
    finish(runtime);
}

pub(crate) fn a_panic_of_what_is_waited_for_reaches_the_handle<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let Some(task) = runtime.spawner().go(|suspend| {
        suspend.yield_now();
        suspend.wait(pin!(poll_fn(|_| -> Poll<()> { panic!("waited for") })));
    }) else {
        return;
    };
    let Err(JoinError::Panicked(payload)) = runtime.run(task) else { panic!("no panic arrived") };
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"waited for"));
    finish(runtime);
}
