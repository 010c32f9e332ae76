//! The state word while the engine runs: wakes, polls, completions, and who frees.

use super::*;

/// A wake that comes while the task is polled leads to another poll, which sees what the waker did
/// before.
///
/// Fails when `suspend` forgets SCHEDULED, and when `wake` or `suspend` is Relaxed.
#[test]
fn a_wake_during_a_poll_is_not_lost() {
    for by_value in [true, false] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, .. } = Waiting::new(1);
            waker.wake_by_ref();
            let foreign = thread::spawn(move || {
                events.fetch_add(1, Relaxed);
                wake(waker, by_value);
            });
            desk.run();
            foreign.join().unwrap();
            desk.run();
            drop(join(handle).unwrap());
            desk.check();
        });
    }
}

/// Two threads wake a task and run it: it is queued once, polled by one of them at a time, after
/// both wakes, and freed once.
///
/// Fails when `wake` queues a RUNNING or SCHEDULED task.
#[test]
fn two_wakers_schedule_once() {
    for by_value in [[true, true], [true, false], [false, false]] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, futures, outputs } = Waiting::new(2);
            let threads = by_value.map(|by_value| {
                let (desk, events, waker) = (desk.clone(), events.clone(), waker.clone());
                thread::spawn(move || {
                    events.fetch_add(1, Relaxed);
                    wake(waker, by_value);
                    desk.run();
                })
            });
            drop(waker);
            threads.into_iter().for_each(|thread| thread.join().unwrap());
            desk.run();
            drop(join(handle).unwrap());
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            desk.check();
        });
    }
}

/// A task that gave way lies in its queue without a step on its word. A wake that comes there, or
/// in the poll that follows and gives way again, is answered by a poll that sees what the waker did
/// before.
///
/// Fails when `start` forgets the wake that it found without looking (Relaxed), or forgets one that
/// it did not find.
#[test]
fn a_task_that_gives_way_hears_wakes() {
    for yields in [1, 2] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, handle, futures, outputs } =
                Waiting::yielding(1, yields);
            let foreign = thread::spawn(move || {
                events.fetch_add(1, Relaxed);
                waker.wake();
            });
            desk.run();
            foreign.join().unwrap();
            desk.run();
            drop(join(handle).unwrap());
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            desk.check();
        });
    }
}

/// An abort that comes while it lies there is heard before the next poll: a task that always gives
/// way has no other moment for it.
///
/// Fails when `start` overlooks that.
#[test]
fn a_task_that_gives_way_hears_an_abort() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, handle, futures, .. } = Waiting::yielding(1, 2);
        let waking = thread::spawn(move || waker.wake());
        handle.abort();
        // It would be ready if it were polled.
        events.fetch_add(1, Relaxed);
        desk.run();
        waking.join().unwrap();
        assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}

/// A task that ends when nobody else refers to it any more is freed by its runner alone, after
/// whoever referred to it last.
///
/// Fails when `complete` looks with Relaxed, and when dropping the handle is.
#[test]
fn a_runner_that_is_alone_frees() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, handle, futures, outputs } = Waiting::yielding(1, 1);
        let droppers = thread::spawn(move || {
            events.fetch_add(1, Relaxed);
            waker.wake();
            drop(handle);
        });
        desk.run();
        droppers.join().unwrap();
        desk.run();
        assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
        desk.check();
    });
}

/// A task that is due and will be ready, run by another thread.
fn run_elsewhere(desk: &Arc<Desk>, events: &AtomicUsize, waker: Waker) -> thread::JoinHandle<()> {
    events.fetch_add(1, Relaxed);
    waker.wake();
    let desk = desk.clone();
    thread::spawn(move || desk.run())
}

/// The handle gets the output, and the awaiter that it left last is woken once.
///
/// Fails when `offer_slot` or `complete` is Relaxed, when `complete` overlooks AWAITER, and when
/// `poll` does not look at the result of `offer_slot` or of `reclaim_slot`.
#[test]
fn a_completion_wakes_the_awaiter() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, events, waker, mut handle, outputs, .. } = Waiting::new(1);
        let runner = run_elsewhere(&desk, &events, waker);
        let (first, second) = (Awaiter::new(), Awaiter::new());
        if let Poll::Ready(output) = poll(&mut handle, &first) {
            drop(output.unwrap());
            runner.join().unwrap();
        } else if let Poll::Ready(output) = poll(&mut handle, &second) {
            drop(output.unwrap());
            runner.join().unwrap();
        } else {
            runner.join().unwrap();
            assert!(second.woken(), "a lost wake");
            drop(join(handle).unwrap());
            handle = JoinHandle::refused();
        }
        drop(handle);
        assert_eq!(outputs.load(Counted), 1);
        assert_eq!(
            (Arc::strong_count(&first), Arc::strong_count(&second)),
            (1, 1),
            "an awaiter's waker leaked"
        );
        desk.check();
    });
}

/// A handle that is dropped, awaited before or not, while the task completes: the output is dropped
/// once, and so is the awaiter's waker.
///
/// Fails when `complete` does not look at HANDLE again, when `settle` does not end RUNNING, and
/// when dropping the handle does not take the slot back.
#[test]
fn a_handle_dropped_at_the_end_leaves_nothing() {
    for awaited in [false, true] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, events, waker, mut handle, futures, outputs } = Waiting::new(1);
            let awaiter = Awaiter::new();
            if awaited {
                assert!(poll(&mut handle, &awaiter).is_pending());
            }
            let runner = run_elsewhere(&desk, &events, waker);
            drop(handle);
            runner.join().unwrap();
            assert_eq!((futures.load(Counted), outputs.load(Counted)), (1, 1));
            assert_eq!(Arc::strong_count(&awaiter), 1);
            desk.check();
        });
    }
}

/// When the last waker and the handle go, in any order, also while the task is polled, its future
/// is dropped.
///
/// Fails when `suspend`, `drop_waker` or `drop_handle` does not look whether it left the task
/// unreachable.
#[test]
fn an_unreachable_task_is_reaped() {
    for polled in [false, true] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, mut handle, futures, .. } = Waiting::new(1);
            let awaiter = Awaiter::new();
            assert!(poll(&mut handle, &awaiter).is_pending());
            let runner = polled.then(|| {
                waker.wake_by_ref();
                let desk = desk.clone();
                thread::spawn(move || desk.run())
            });
            let dropper = thread::spawn(move || drop(waker));
            drop(handle);
            dropper.join().unwrap();
            runner.into_iter().for_each(|runner| runner.join().unwrap());
            desk.run();
            assert_eq!((futures.load(Counted), desk.cancelled.load(Counted)), (1, 1));
            assert!(!awaiter.woken() && Arc::strong_count(&awaiter) == 1, "nobody awaits it");
            desk.check();
        });
    }
}

/// The last of the wakers of a completed task frees it, after everybody else is done with it.
///
/// Fails when `drop_waker` or `wake_by_value` is Relaxed, and when a wake by value that comes last
/// does not free.
#[test]
fn the_last_waker_frees() {
    explore(PREEMPTIONS, || the_last_waker_frees_with(drop, drop));
    explore(PREEMPTIONS, || the_last_waker_frees_with(Waker::wake, drop));
    explore(PREEMPTIONS, || the_last_waker_frees_with(Waker::wake, Waker::wake));
}

fn the_last_waker_frees_with(one: fn(Waker), another: fn(Waker)) {
    let Waiting { desk, events, waker, handle, .. } = Waiting::new(1);
    events.fetch_add(1, Relaxed);
    waker.wake_by_ref();
    desk.run();
    drop(join(handle).unwrap());
    let other = waker.clone();
    let dropper = thread::spawn(move || one(other));
    another(waker);
    dropper.join().unwrap();
    desk.check();
}

/// An abort takes effect, whatever the task does meanwhile, and whoever else wakes it.
///
/// Fails when `cancel` does not schedule, and when `start` overlooks CANCELLED.
#[test]
fn an_abort_takes_effect() {
    explore(PREEMPTIONS, || {
        let Waiting { desk, waker, handle, futures, .. } = Waiting::new(1);
        let other = desk.clone();
        let foreign = thread::spawn(move || {
            waker.wake();
            other.run();
        });
        handle.abort();
        desk.run();
        foreign.join().unwrap();
        desk.run();
        assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}
