//! A waker is foreign code: what it does when it is cloned, called or dropped may come back to the
//! very source or timer that it waits for.

use std::cell::Cell;
use std::future::Future;
use std::io::Write;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, RawWaker, RawWakerVTable, Waker};
use std::thread;
use std::time::Duration;

use runtimes::reactor::{Reactor, Source};
use runtimes::time::sleep;

use super::{PATIENCE, poll_once, quiet};

/// Calls back whenever it is cloned, called or dropped.
struct Meddler {
    meddle: Box<dyn Fn() + Send + Sync>,
    clones: AtomicUsize,
    drops: AtomicUsize,
}

impl Meddler {
    fn new(meddle: impl Fn() + Send + Sync + 'static) -> (Arc<Self>, Waker) {
        let meddler = Arc::new(Self {
            meddle: Box::new(meddle),
            clones: AtomicUsize::new(0),
            drops: AtomicUsize::new(0),
        });
        // SAFETY: the vtable's functions take such an `Arc`, are safe to call from any thread, and
        // keep its count.
        let waker = unsafe { Waker::from_raw(raw(meddler.clone())) };
        (meddler, waker)
    }

    fn call(&self) {
        // What it does may clone and drop wakers like this one.
        thread_local!(static INSIDE: Cell<bool> = const { Cell::new(false) });
        if !INSIDE.replace(true) {
            (self.meddle)();
            INSIDE.set(false);
        }
    }
}

fn raw(meddler: Arc<Meddler>) -> RawWaker {
    const VTABLE: RawWakerVTable = RawWakerVTable::new(
        |data| {
            let meddler = borrowed(data);
            meddler.clones.fetch_add(1, SeqCst);
            meddler.call();
            raw(Arc::clone(&meddler))
        },
        |data| {
            borrowed(data).call();
            give_up(data);
        },
        |data| borrowed(data).call(),
        give_up,
    );
    RawWaker::new(Arc::into_raw(meddler).cast(), &VTABLE)
}

fn borrowed(data: *const ()) -> ManuallyDrop<Arc<Meddler>> {
    // SAFETY: `raw` made it of such an `Arc`, which the waker owns while this is used; it is not
    // dropped here.
    ManuallyDrop::new(unsafe { Arc::from_raw(data.cast()) })
}

fn give_up(data: *const ()) {
    // SAFETY: as above; the waker's own count ends here.
    let meddler: Arc<Meddler> = unsafe { Arc::from_raw(data.cast()) };
    meddler.drops.fetch_add(1, SeqCst);
    meddler.call();
}

/// Fails instead of hanging: a lock that is taken twice is waited for without end.
fn within_patience(body: impl FnOnce() + Send + 'static) {
    let (done, ended) = mpsc::channel();
    let thread = thread::spawn(move || {
        body();
        let _ = done.send(());
    });
    match ended.recv_timeout(PATIENCE) {
        Err(mpsc::RecvTimeoutError::Timeout) => panic!("a waker met a lock that its caller holds"),
        _ => thread.join().expect("no panic"),
    }
}

/// A meddler of its own for each step, and both of it seen.
fn meddle(step: impl FnOnce(&Waker), back: impl Fn() + Send + Sync + 'static) {
    let (meddler, waker) = Meddler::new(back);
    step(&waker);
    drop(waker);
    let (clones, drops) = (meddler.clones.load(SeqCst), meddler.drops.load(SeqCst));
    assert!(clones > 0, "the waker was stored");
    assert_eq!(drops, clones + 1, "and nothing of it is left");
}

#[test]
fn a_waker_that_comes_back_to_its_source_meets_no_lock() {
    within_patience(|| {
        let reactor = Arc::new(Reactor::new().expect("reactor"));
        let (source, mut theirs) = quiet(reactor.handle());
        let source = Arc::new(source);
        // Stores and takes out a waiter of either direction, and registers another source.
        let back = {
            let (source, reactor) = (source.clone(), reactor.clone());
            move || {
                let mut readable = source.readable();
                let _ = poll_once(&mut readable, Waker::noop());
                let _ = poll_once(&mut source.writable(), Waker::noop());
                drop(quiet(reactor.handle()));
            }
        };
        // The first waiter and the overflow; the same waker again; another one in its place; then
        // they are dropped.
        meddle(
            |waker| {
                let (mut first, mut second) = (source.readable(), source.readable());
                assert!(poll_once(&mut first, waker).is_pending());
                assert!(poll_once(&mut second, waker).is_pending());
                assert!(poll_once(&mut first, waker).is_pending());
                assert!(poll_once(&mut first, Waker::noop()).is_pending());
                assert!(poll_once(&mut first, waker).is_pending());
            },
            back.clone(),
        );
        // Called by the driver.
        meddle(
            |waker| {
                let mut readable = source.readable();
                assert!(poll_once(&mut readable, waker).is_pending());
                theirs.write_all(b"x").expect("write");
                // A driver must not be driven by what it wakes.
                reactor.try_driver().expect("driver").turn(Some(PATIENCE)).expect("turn");
                // Stored and not wanted after all: the source is ready now.
                assert!(poll_once(&mut readable, waker).is_ready());
            },
            back,
        );
    });
}

#[test]
fn a_waker_that_comes_back_to_its_timer_meets_no_lock() {
    within_patience(|| {
        let reactor = Arc::new(Reactor::new().expect("reactor"));
        let handle = reactor.handle().clone();
        let back = {
            let handle = handle.clone();
            move || {
                let mut other = sleep(&handle, Duration::from_secs(3600));
                assert!(poll_once(&mut other, Waker::noop()).is_pending());
                let (_meddler, waker) = Meddler::new(|| {});
                assert!(poll_once(&mut other, &waker).is_pending());
            }
        };
        // Armed; moved to another task and back; cancelled.
        meddle(
            |waker| {
                let mut long = sleep(&handle, Duration::from_secs(3600));
                assert!(poll_once(&mut long, waker).is_pending());
                assert!(poll_once(&mut long, waker).is_pending());
                assert!(poll_once(&mut long, Waker::noop()).is_pending());
                assert!(poll_once(&mut long, waker).is_pending());
            },
            back.clone(),
        );
        // Fired by the driver.
        meddle(
            |waker| {
                let mut short = sleep(&handle, Duration::from_millis(1));
                if poll_once(&mut short, waker).is_pending() {
                    reactor.try_driver().expect("driver").turn(Some(PATIENCE)).expect("turn");
                }
            },
            back.clone(),
        );
        // Taken out by the end of the reactor.
        meddle(
            |waker| {
                let mut long = std::pin::pin!(sleep(&handle, Duration::from_secs(3600)));
                assert!(long.as_mut().poll(&mut Context::from_waker(waker)).is_pending());
                reactor.shutdown();
            },
            || {},
        );
    });
}

#[test]
fn a_waker_that_drops_a_source_of_its_reactor_meets_no_lock() {
    within_patience(|| {
        let reactor = Arc::new(Reactor::new().expect("reactor"));
        let (source, _theirs) = quiet(reactor.handle());
        let hoard =
            Arc::new(std::sync::Mutex::new(Vec::<Source<std::os::unix::net::UnixStream>>::new()));
        for _ in 0..100 {
            hoard.lock().expect("no panic").push(quiet(reactor.handle()).0);
        }
        let back = {
            let hoard = hoard.clone();
            move || {
                let one = hoard.lock().expect("no panic").pop();
                drop(one);
            }
        };
        meddle(
            |waker| {
                let mut readable = source.readable();
                assert!(poll_once(&mut readable, waker).is_pending());
                assert!(poll_once(&mut readable, Waker::noop()).is_pending());
            },
            back,
        );
        assert!(hoard.lock().expect("no panic").len() < 100);
    });
}
