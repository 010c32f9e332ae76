//! The walk at shutdown that claims what is left, against everybody who still holds a reference.

use super::*;

/// What a thread may do with a waker or a handle after the engine has closed, against the walk that
/// claims the remaining tasks: each ends once and is freed once.
///
/// Fails when who drops the last reference leaves a word of zero, which looks like a free slot, and
/// when `claim` is not one step.
#[test]
fn a_walk_at_shutdown_claims_once() {
    let close = |task: &Waiting| task.desk.closed.store(true, Counted);
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, handle, futures, .. } = task;
        let (waking, aborting) =
            (thread::spawn(move || waker.wake()), thread::spawn(move || handle.abort()));
        desk.walk();
        waking.join().unwrap();
        aborting.join().unwrap();
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, handle, futures, .. } = task;
        let droppers = (thread::spawn(move || drop(waker)), thread::spawn(move || drop(handle)));
        desk.walk();
        droppers.0.join().unwrap();
        droppers.1.join().unwrap();
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
    explore(PREEMPTIONS, move || {
        let task = Waiting::new(1);
        close(&task);
        let Waiting { desk, waker, mut handle, .. } = task;
        drop(waker);
        let walker = thread::spawn({
            let desk = desk.clone();
            move || desk.walk()
        });
        let awaiter = Awaiter::new();
        let first = poll(&mut handle, &awaiter);
        walker.join().unwrap();
        if first.is_pending() {
            assert!(awaiter.woken(), "a lost wake");
            assert!(matches!(join(handle), Err(JoinError::Cancelled)));
        } else {
            drop(handle);
        }
        desk.check();
    });
}

/// The same while it closes: what others do comes before, and is cancelled with the queue, or does
/// not come at all.
///
/// Fails when a task is made due outside the gate.
#[test]
fn a_shutdown_meets_wakes_and_drops() {
    for by_value in [true, false] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, handle, futures, .. } = Waiting::behind_a_gate();
            let waking = thread::spawn(move || wake(waker, by_value));
            let dropping = thread::spawn(move || drop(handle));
            desk.shut_down();
            waking.join().unwrap();
            dropping.join().unwrap();
            assert_eq!(futures.load(Counted), 1);
            desk.check();
        });
    }
    explore(PREEMPTIONS, || {
        let Waiting { desk, waker, handle, futures, .. } = Waiting::behind_a_gate();
        let dropping = thread::spawn(move || drop(waker));
        let aborting = thread::spawn(move || {
            handle.abort();
            handle
        });
        desk.shut_down();
        dropping.join().unwrap();
        assert!(matches!(join(aborting.join().unwrap()), Err(JoinError::Cancelled)));
        assert_eq!(futures.load(Counted), 1);
        desk.check();
    });
}

/// A policy has put a task that is due where the engine does not know of it, and drops it while the
/// engine ends or afterwards: it belongs to its `Runnable` alone.
///
/// Fails when `claim` takes a task that is due.
#[test]
fn a_walk_leaves_what_is_due() {
    for (yields, later) in [(0, true), (0, false), (1, true), (1, false)] {
        explore(PREEMPTIONS, move || {
            let Waiting { desk, waker, handle, futures, .. } = Waiting::yielding(1, yields);
            waker.wake_by_ref();
            drop(waker);
            let kept = desk.queue.lock().unwrap().pop_front().unwrap();
            desk.closed.store(true, Counted);
            let (now, later) = if later { (None, Some(kept)) } else { (Some(kept), None) };
            let dropper = thread::spawn(move || drop(now));
            drop(handle);
            desk.walk();
            dropper.join().unwrap();
            drop(later);
            assert_eq!((futures.load(Counted), desk.cancelled.load(Counted)), (1, 1));
            desk.check();
        });
    }
}
