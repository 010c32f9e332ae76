//! Policies in safe code that treat their tasks in every way but the proper one. None may do harm
//! beyond its own tasks: what a `Runnable` needs lives as long as it does, wherever it is.
//! `.ci/run` repeats these tests under AddressSanitizer, which sees what an assertion cannot.

#![forbid(unsafe_code)]

use std::cell::RefCell;
use std::collections::VecDeque;
use std::future::{Future, pending, poll_fn};
use std::marker::PhantomData;
use std::pin::Pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Waker};
use std::thread;

use futures_lite::future::{poll_once, yield_now};
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Placement, Scheduler, TaskSource};
use runtimes::stackful::Stackful;
use runtimes::{
    Config, Executor, JoinError, JoinHandle, Runnable, Runtime, Spawner, Stackless, TaskBody,
};

/// What a policy does with a task; one static for each test, so that tests do not meet.
struct Evil {
    /// Whether it does it now.
    on: AtomicBool,
    kept: Mutex<Vec<Runnable>>,
    /// How many tasks it got since it was switched on.
    seen: AtomicUsize,
}

impl Evil {
    const fn new() -> Self {
        Self { on: AtomicBool::new(false), kept: Mutex::new(Vec::new()), seen: AtomicUsize::new(0) }
    }

    fn keep(&self, task: Runnable) {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(task);
        self.seen.fetch_add(1, SeqCst);
    }

    fn take(&self) -> Vec<Runnable> {
        std::mem::take(&mut *self.kept.lock().unwrap())
    }

    fn wait_for(&self, tasks: usize) {
        while self.seen.load(SeqCst) < tasks {
            thread::yield_now();
        }
    }
}

/// The kind of evil, and its static.
trait Kind: Send + Sync + 'static {
    const PLACEMENT: Placement = Placement::Threads;

    fn evil() -> &'static Evil;

    /// The evil deed. What it returns is queued as is proper.
    fn meddle(task: Runnable) -> Option<Runnable> {
        Self::evil().keep(task);
        None
    }

    /// What a worker is given in place of a task of its own.
    fn foist() -> Option<Runnable> {
        None
    }
}

/// A queue under a lock, and the evil deed in front of it.
struct Policy<K>(Mutex<VecDeque<Runnable>>, PhantomData<K>);

impl<K: Kind> Scheduler for Policy<K> {
    const PLACEMENT: Placement = K::PLACEMENT;
    type Local = ();

    fn new(workers: usize) -> (Self, Vec<()>) {
        (Self(Mutex::default(), PhantomData), vec![(); workers])
    }

    fn schedule(&self, _: Caller<'_, ()>, task: Runnable, _: Cause) -> Notify {
        let proper = if K::evil().on.load(SeqCst) { K::meddle(task) } else { Some(task) };
        self.0.lock().unwrap().extend(proper);
        Notify::All
    }

    fn next(&self, (): &mut (), _: u32) -> Option<NextTask> {
        let task = K::foist().or_else(|| self.0.lock().unwrap().pop_front())?;
        Some(NextTask::new(task, TaskSource::Shared))
    }

    fn has_work(&self, (): &()) -> bool {
        !self.0.lock().unwrap().is_empty()
    }
}

/// Makes a kind with a static of its own.
macro_rules! kind {
    ($name:ident $($rest:tt)*) => {
        struct $name;
        impl Kind for $name {
            fn evil() -> &'static Evil {
                static EVIL: Evil = Evil::new();
                &EVIL
            }
            $($rest)*
        }
    };
}

fn start<K: Kind, B: TaskBody>() -> Executor<Policy<K>, B> {
    Executor::start(&Config::new(1)).unwrap()
}

/// Something on the heap that is written to when it is dropped, so that AddressSanitizer sees a
/// second time, and a time after the memory was freed.
struct Probe(Box<u64>, Arc<AtomicUsize>);

impl Probe {
    fn new(drops: &Arc<AtomicUsize>) -> Self {
        Self(Box::new(7), drops.clone())
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        *self.0 += 1;
        self.1.fetch_add(1, SeqCst);
    }
}

/// A task that waits for its waker, which it sends, and then for ever; its drops are counted.
fn waiting<S: Spawner>(
    spawner: &S,
    drops: &Arc<AtomicUsize>,
) -> (S::Join<()>, mpsc::Receiver<Waker>) {
    let (probe, (give, wakers)) = (Probe::new(drops), mpsc::channel());
    let task = spawner.spawn(async move {
        let _probe = probe;
        poll_fn(|cx| {
            let _ = give.send(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
    });
    (task, wakers)
}

/// The same, started: it has been polled and is idle.
fn idle<K: Kind, B: TaskBody>(
    runtime: &Executor<Policy<K>, B>,
    drops: &Arc<AtomicUsize>,
) -> (JoinHandle<()>, Waker) {
    let (task, wakers) = waiting(runtime.spawner(), drops);
    // The one worker runs tasks in their order.
    runtime.block_on(runtime.spawner().spawn(async {})).unwrap();
    (task, wakers.recv().unwrap())
}

/// What a handle says at the end.
fn outcome(mut task: JoinHandle<()>) -> Poll<Result<(), JoinError>> {
    Pin::new(&mut task).poll(&mut Context::from_waker(Waker::noop()))
}

/// A policy keeps one task of each kind (new, woken by reference, woken by value, aborted, without
/// any reference left) until its runtime has ended.
fn keep_beyond_the_end<K: Kind, B: TaskBody>(drop_kept: impl FnOnce(Vec<Runnable>)) {
    let (evil, drops) = (K::evil(), Arc::new(AtomicUsize::new(0)));
    let runtime = start::<K, B>();
    let shared = Arc::downgrade(runtime.spawner().body());
    let by_ref = idle(&runtime, &drops);
    let by_value = idle(&runtime, &drops);
    let mut aborted = idle(&runtime, &drops);
    let detached = idle(&runtime, &drops);
    let unreachable = idle(&runtime, &drops);
    evil.on.store(true, SeqCst);
    let new = waiting(runtime.spawner(), &drops);
    by_ref.1.wake_by_ref();
    by_value.1.wake();
    runtimes::Join::abort(&mut aborted.0);
    detached.1.wake_by_ref();
    drop(detached);
    drop(unreachable);
    evil.wait_for(6);
    // More wakes and the like, which find the tasks due already.
    by_ref.1.wake_by_ref();
    aborted.1.wake();
    runtime.shutdown();

    assert_eq!(drops.load(SeqCst), 0, "a policy has them");
    assert!(shared.upgrade().is_some(), "what tasks share lives as long as they do");
    by_ref.1.wake_by_ref();
    drop_kept(evil.take());
    assert_eq!(drops.load(SeqCst), 6);
    by_ref.1.wake();
    for task in [by_ref.0, by_value.0, aborted.0, new.0] {
        assert!(matches!(outcome(task), Poll::Ready(Err(JoinError::Cancelled))));
    }
    drop(new.1);
    assert!(shared.upgrade().is_none());
}

#[test]
fn tasks_kept_beyond_their_runtimes_end_are_cancelled_when_they_are_dropped() {
    kind!(Here);
    keep_beyond_the_end::<Here, Stackless>(drop);
    kind!(Elsewhere);
    keep_beyond_the_end::<Elsewhere, Stackless>(|kept| {
        thread::spawn(move || drop(kept)).join().unwrap()
    });
    kind!(OnItsCaller const PLACEMENT: Placement = Placement::Caller;);
    keep_beyond_the_end::<OnItsCaller, Stackless>(|kept| {
        thread::spawn(move || drop(kept)).join().unwrap()
    });
}

#[test]
#[cfg_attr(miri, ignore = "it knows no coroutines")]
fn so_are_tasks_with_a_stack_each() {
    kind!(Here);
    keep_beyond_the_end::<Here, Stackful>(drop);
    kind!(Elsewhere);
    keep_beyond_the_end::<Elsewhere, Stackful>(|kept| {
        thread::spawn(move || drop(kept)).join().unwrap()
    });
}

#[test]
fn tasks_kept_by_another_thread_may_be_dropped_while_their_runtime_ends() {
    kind!(Racing);
    for _ in 0..if cfg!(miri) { 5 } else { 50 } {
        let (evil, drops) = (Racing::evil(), Arc::new(AtomicUsize::new(0)));
        let runtime = Executor::<Policy<Racing>>::start(&Config::new(2)).unwrap();
        let tasks: Vec<_> = (0..8).map(|_| idle(&runtime, &drops)).collect();
        evil.on.store(true, SeqCst);
        tasks.iter().for_each(|task| task.1.wake_by_ref());
        let kept = evil.take();
        let (dropping, waking) = thread::scope(|scope| {
            let dropping = scope.spawn(|| drop(kept));
            let waking = scope.spawn(|| drop(tasks));
            drop(runtime);
            (dropping.join(), waking.join())
        });
        dropping.and(waking).unwrap();
        drop(evil.take());
        assert_eq!(drops.load(SeqCst), 8);
        evil.on.store(false, SeqCst);
    }
}

#[test]
fn a_task_that_is_forgotten_leaks_and_hinders_nobody() {
    kind!(Forgets
        fn meddle(task: Runnable) -> Option<Runnable> {
            std::mem::forget(task);
            Self::evil().seen.fetch_add(1, SeqCst);
            None
        }
    );
    let drops = Arc::new(AtomicUsize::new(0));
    let runtime = start::<Forgets, Stackless>();
    let (woken, waker) = idle(&runtime, &drops);
    Forgets::evil().on.store(true, SeqCst);
    waker.wake_by_ref();
    let new = runtime.spawner().spawn(async {});
    Forgets::evil().wait_for(2);
    runtime.shutdown();
    waker.wake();
    assert!(outcome(woken).is_pending() && outcome(new).is_pending());
    assert_eq!(drops.load(SeqCst), 0);
}

#[test]
#[cfg_attr(miri, ignore = "it knows no coroutines")]
fn a_task_that_is_dropped_at_once_is_cancelled() {
    kind!(Drops
        fn meddle(task: Runnable) -> Option<Runnable> {
            drop(task);
            None
        }
    );
    let drops = Arc::new(AtomicUsize::new(0));
    let runtime = start::<Drops, Stackful>();
    let (woken, waker) = idle(&runtime, &drops);
    Drops::evil().on.store(true, SeqCst);
    waker.wake();
    let new = runtime.spawner().spawn(async {});
    for task in [woken, new] {
        assert!(matches!(runtime.block_on(task), Err(JoinError::Cancelled)));
    }
    runtime.shutdown().check_final().unwrap();
}

/// Where the tasks of [`Giver`] may be polled.
static HOME: Mutex<Option<thread::ThreadId>> = Mutex::new(None);

kind!(Giver
    fn foist() -> Option<Runnable> {
        *HOME.lock().unwrap() = Some(thread::current().id());
        None
    }
);
kind!(Taker
    fn meddle(task: Runnable) -> Option<Runnable> {
        Some(task)
    }
    fn foist() -> Option<Runnable> {
        Giver::evil().kept.lock().unwrap().pop()
    }
);
/// Two tests use these statics.
static GIVER: Mutex<()> = Mutex::new(());

/// The policy of one runtime returns the tasks of another.
fn hand_over<B: TaskBody>() {
    let _alone = GIVER.lock().unwrap_or_else(PoisonError::into_inner);
    let drops = Arc::new(AtomicUsize::new(0));
    let (giver, taker) = (start::<Giver, B>(), start::<Taker, B>());
    // While its runtime lives, such a task is run there.
    Giver::evil().on.store(true, SeqCst);
    let task = giver.spawner().spawn(async {
        let mut polls = 0;
        while polls < 10 {
            assert_eq!(*HOME.lock().unwrap(), Some(thread::current().id()), "polled elsewhere");
            polls += 1;
            yield_now().await;
        }
        polls
    });
    Giver::evil().on.store(false, SeqCst);
    assert_eq!(
        giver.block_on(async {
            loop {
                taker.spawner().spawn(async {}).await.unwrap();
                if task.is_finished() {
                    break task.await.unwrap();
                }
            }
        }),
        10
    );
    // Afterwards it is cancelled.
    let (late, waker) = idle(&giver, &drops);
    Giver::evil().on.store(true, SeqCst);
    waker.wake();
    giver.shutdown();
    taker.block_on(async {
        while !late.is_finished() {
            taker.spawner().spawn(async {}).await.unwrap();
        }
    });
    assert!(matches!(outcome(late), Poll::Ready(Err(JoinError::Cancelled))));
    assert_eq!(drops.load(SeqCst), 1);
    Giver::evil().on.store(false, SeqCst);
    taker.shutdown().check_final().unwrap();
}

#[test]
fn a_task_that_is_given_to_another_runtime_goes_home() {
    hand_over::<Stackless>();
}

#[test]
#[cfg_attr(miri, ignore = "it knows no coroutines")]
fn so_does_one_with_a_stack() {
    hand_over::<Stackful>();
}

thread_local!(static KEPT_HERE: RefCell<Vec<Runnable>> = const { RefCell::new(Vec::new()) });

#[test]
#[cfg_attr(miri, ignore = "it knows no coroutines")]
fn tasks_may_be_kept_by_a_thread_that_ends() {
    kind!(Thread
        fn meddle(task: Runnable) -> Option<Runnable> {
            KEPT_HERE.with_borrow_mut(|kept| kept.push(task));
            Self::evil().seen.fetch_add(1, SeqCst);
            None
        }
    );
    let drops = Arc::new(AtomicUsize::new(0));
    let runtime = start::<Thread, Stackful>();
    let spawner = runtime.spawner().clone();
    let (late, more) = (drops.clone(), Arc::new(Mutex::new(None)));
    let (task, cell) = (more.clone(), more.clone());
    runtime
        .block_on(runtime.spawner().spawn(async move {
            Thread::evil().on.store(true, SeqCst);
            *task.lock().unwrap() = Some(waiting(&spawner, &late));
        }))
        .unwrap();
    drop(cell);
    runtime.shutdown();
    assert_eq!(drops.load(SeqCst), 1, "dropped with the worker's thread");
    let (task, _) = more.lock().unwrap().take().unwrap();
    assert!(matches!(outcome(task), Poll::Ready(Err(JoinError::Cancelled))));
}

#[test]
fn a_task_may_be_kept_by_a_task() {
    kind!(ByATask);
    for own in [true, false] {
        let (evil, drops) = (ByATask::evil(), Arc::new(AtomicUsize::new(0)));
        let runtime = start::<ByATask, Stackless>();
        let pocket = Arc::new(Mutex::new(Vec::new()));
        let (theirs, probe) = (pocket.clone(), Probe::new(&drops));
        let keeper = runtime.spawner().spawn(async move {
            let _probe = probe;
            let _theirs = theirs;
            pending::<()>().await;
        });
        let (task, waker) = idle(&runtime, &drops);
        let own_pocket = own.then(|| pocket.clone());
        let (holder, holders) = {
            let drops = drops.clone();
            let (give, wakers) = mpsc::channel();
            let task = runtime.spawner().spawn(async move {
                let _probe = Probe::new(&drops);
                let _pocket = own_pocket;
                poll_fn(|cx| {
                    give.send(cx.waker().clone()).map_or(Poll::Ready(()), |()| Poll::Pending)
                })
                .await;
            });
            (task, wakers.recv().unwrap())
        };
        runtime.block_on(runtime.spawner().spawn(async {})).unwrap();
        evil.on.store(true, SeqCst);
        waker.wake_by_ref();
        holders.wake_by_ref();
        let expected = evil.seen.load(SeqCst).max(2);
        evil.wait_for(expected);
        pocket.lock().unwrap().extend(evil.take());
        drop(pocket);
        runtime.shutdown();
        evil.on.store(false, SeqCst);
        if own {
            // The task has itself, and with itself all that is in its pocket: a leak, as any other
            // cycle.
            assert_eq!(drops.load(SeqCst), 1);
        } else {
            assert_eq!(drops.load(SeqCst), 3);
            assert!(matches!(outcome(task), Poll::Ready(Err(JoinError::Cancelled))));
        }
        drop((keeper, holder));
        evil.seen.store(0, SeqCst);
    }
}

#[test]
fn an_executor_in_a_thread_local_ends_with_its_thread() {
    kind!(OnItsCaller const PLACEMENT: Placement = Placement::Caller;);
    thread_local!(static RUNTIME: RefCell<Option<Executor<Policy<OnItsCaller>>>> = const { RefCell::new(None) });
    let drops = Arc::new(AtomicUsize::new(0));
    let theirs = drops.clone();
    thread::spawn(move || {
        let runtime = start::<OnItsCaller, Stackless>();
        let (task, _waker) = idle(&runtime, &theirs);
        drop(task);
        let new = waiting(runtime.spawner(), &theirs);
        RUNTIME.set(Some(runtime));
        drop(new);
    })
    .join()
    .unwrap();
    assert_eq!(drops.load(SeqCst), 2);
}

#[test]
fn handles_and_wakers_used_at_random_while_policies_keep_and_drop_tasks() {
    kind!(Moody
        fn meddle(task: Runnable) -> Option<Runnable> {
            // One of three is kept, one dropped, one queued, in an order that the threads make.
            match Self::evil().seen.fetch_add(1, SeqCst) % 3 {
                0 => {
                    Self::evil().keep(task);
                    None
                }
                1 => None,
                _ => Some(task),
            }
        }
    );
    for _ in 0..if cfg!(miri) { 2 } else { 20 } {
        let (evil, drops) = (Moody::evil(), Arc::new(AtomicUsize::new(0)));
        evil.on.store(false, SeqCst);
        let runtime = Executor::<Policy<Moody>>::start(&Config::new(2)).unwrap();
        let tasks: Vec<_> = (0..24).map(|_| idle(&runtime, &drops)).collect();
        evil.on.store(true, SeqCst);
        thread::scope(|scope| {
            for (i, (mut task, waker)) in tasks.into_iter().enumerate() {
                scope.spawn(move || match i % 6 {
                    0 => waker.wake(),
                    1 => runtimes::Join::abort(&mut task),
                    2 => drop(task),
                    3 => drop(waker),
                    4 => drop((waker.clone(), waker, task)),
                    _ => drop((outcome(task), waker.wake_by_ref())),
                });
            }
            scope.spawn(|| drop(evil.take()));
            drop(runtime);
        });
        drop(evil.take());
        assert_eq!(drops.load(SeqCst), 24);
    }
}

#[test]
fn a_task_polled_once_by_hand_and_kept_is_no_different() {
    // A handle that is awaited by a task that a policy keeps: the waker in the slot outlives
    // everything else.
    kind!(Awaiting);
    let (evil, drops) = (Awaiting::evil(), Arc::new(AtomicUsize::new(0)));
    let runtime = start::<Awaiting, Stackless>();
    let (inner, waker) = idle(&runtime, &drops);
    let probe = Probe::new(&drops);
    let (give, started) = mpsc::channel();
    let outer = runtime.spawner().spawn(async move {
        let (_probe, mut inner) = (probe, inner);
        let first = poll_once(&mut inner).await;
        let _ = give.send(first.is_none());
        inner.await
    });
    assert!(started.recv().unwrap());
    evil.on.store(true, SeqCst);
    waker.wake_by_ref();
    evil.wait_for(1);
    runtime.shutdown();
    assert_eq!(drops.load(SeqCst), 1, "the outer task was idle");
    drop(outer);
    drop(waker);
    drop(evil.take());
    assert_eq!(drops.load(SeqCst), 2);
}
