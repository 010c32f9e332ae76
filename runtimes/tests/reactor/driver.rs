//! Turns: who may drive, what ends a turn, and what happens to foreign wakers.

use std::cell::RefCell;
use std::io::Write;
use std::os::unix::thread::JoinHandleExt;
use std::panic::resume_unwind;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Wake, Waker};
use std::thread;
use std::time::{Duration, Instant};

use runtimes::net::UnixStream;
use runtimes::reactor::{Reactor, Turn};
use runtimes::time::sleep;

use super::{PATIENCE, Wakes, armed, drive, in_either_place, poll_once, quiet, threaded};

#[test]
fn there_is_one_driver_at_a_time() {
    let reactor = Reactor::new().expect("reactor");
    let driver = reactor.try_driver().expect("the first");
    assert!(reactor.try_driver().is_none(), "taken");
    thread::scope(|scope| {
        scope.spawn(|| assert!(reactor.try_driver().is_none(), "taken, on any thread"));
    });
    drop(driver);
    assert!(reactor.try_driver().is_some(), "free again");
}

#[test]
fn a_turn_without_timeout_takes_what_is_there() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    assert_eq!(
        driver.turn(Some(Duration::ZERO)).expect("turn"),
        Turn::default(),
        "nothing to ask for"
    );
    let (source, mut theirs) = quiet(reactor.handle());
    let (wakes, waker) = Wakes::new();
    let mut readable = source.readable();
    assert!(poll_once(&mut readable, &waker).is_pending());
    theirs.write_all(b"x").expect("write");
    assert_eq!(
        driver.turn(Some(Duration::ZERO)).expect("turn"),
        Turn { events: 1, timers: 0, waits: 1 }
    );
    assert_eq!(wakes.count(), 1);
    assert_eq!(driver.turn(Some(Duration::ZERO)).expect("turn").events, 0, "an edge comes once");
}

#[test]
fn a_timeout_is_waited_for_and_no_longer() {
    in_either_place(|reactor| {
        let mut driver = reactor.try_driver().expect("driver");
        for timeout in
            [Duration::from_nanos(1), Duration::from_micros(300), Duration::from_millis(25)]
        {
            let start = Instant::now();
            let turn = driver.turn(Some(timeout)).expect("turn");
            assert!(start.elapsed() >= timeout);
            assert_eq!((turn.events, turn.timers), (0, 0));
            assert_eq!(
                turn.waits != 0,
                reactor.handle().sources() != 0,
                "without a source there is nothing in epoll"
            );
        }
    });
}

#[test]
fn events_that_nobody_waits_for_are_kept_and_do_not_end_a_turn() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (source, mut theirs) = quiet(reactor.handle());
    theirs.write_all(b"x").expect("write");
    let timeout = Duration::from_millis(5);
    let start = Instant::now();
    let turn = driver.turn(Some(timeout)).expect("turn");
    assert!(start.elapsed() >= timeout && turn.events >= 1, "{turn:?}");
    let (wakes, waker) = Wakes::new();
    assert!(poll_once(&mut source.readable(), &waker).is_ready(), "the event was recorded");
    assert_eq!(wakes.count(), 0);
}

#[test]
fn a_notification_before_the_turn_ends_it() {
    in_either_place(|reactor| {
        let mut driver = reactor.try_driver().expect("driver");
        for _ in 0..3 {
            reactor.handle().notify();
            reactor.handle().notify();
            // A turn that does not block leaves the notification to one that does.
            driver.turn(Some(Duration::ZERO)).expect("turn");
            let start = Instant::now();
            driver.turn(Some(PATIENCE)).expect("turn");
            assert!(start.elapsed() < PATIENCE / 2);
            // Both were one, and it is used up.
            let short = Duration::from_millis(2);
            let start = Instant::now();
            driver.turn(Some(short)).expect("turn");
            assert!(start.elapsed() >= short, "a notification must count once");
        }
    });
}

#[test]
fn no_notification_during_turns_is_lost() {
    const ROUNDS: u32 = 20_000;
    in_either_place(|reactor| {
        let (asked, answered) = (AtomicU32::new(0), AtomicU32::new(0));
        thread::scope(|scope| {
            scope.spawn(|| {
                let mut driver = reactor.try_driver().expect("driver");
                while answered.load(SeqCst) < ROUNDS {
                    driver.turn(None).expect("turn");
                    answered.store(asked.load(SeqCst), SeqCst);
                }
            });
            for round in 1..=ROUNDS {
                asked.store(round, SeqCst);
                reactor.handle().notify();
                let start = Instant::now();
                while answered.load(SeqCst) < round {
                    assert!(start.elapsed() < PATIENCE, "notification {round} was lost");
                    thread::yield_now();
                }
            }
        });
    });
}

/// Each round, the driver sleeps without a source or is about to when the first one comes in,
/// ready.
#[test]
fn a_first_source_is_seen_by_a_driver_that_sleeps() {
    const ROUNDS: usize = 5_000;
    let reactor = threaded();
    let (_, waker) = Wakes::new();
    for round in 1..=ROUNDS {
        let (source, mut theirs) = quiet(reactor.handle());
        theirs.write_all(b"x").expect("write");
        let start = Instant::now();
        // Known not to be readable since it was made; only the driver can tell that it is now.
        while poll_once(&mut source.readable(), &waker).is_pending() {
            assert!(start.elapsed() < PATIENCE, "the event of round {round} was not seen");
            thread::yield_now();
        }
    }
}

#[test]
fn a_signal_does_not_end_a_turn() {
    static SIGNALS: AtomicUsize = AtomicUsize::new(0);
    extern "C" fn count(_: libc::c_int) {
        SIGNALS.fetch_add(1, SeqCst);
    }
    // SAFETY: the handler touches one atomic; `sigaction` is given a whole, zeroed structure, so no
    // SA_RESTART.
    unsafe {
        let mut action: libc::sigaction = std::mem::zeroed();
        action.sa_sigaction = count as *const () as usize;
        assert_eq!(libc::sigaction(libc::SIGUSR1, &action, std::ptr::null_mut()), 0);
    }
    // The turn, in which five signals come unless this thread does not run for so long.
    let interrupted = |reactor: &Arc<Reactor>, timeout: Duration| {
        let before = SIGNALS.load(SeqCst);
        let (ready, started) = mpsc::channel();
        let waiter = thread::spawn({
            let reactor = reactor.clone();
            move || {
                let mut driver = reactor.try_driver().expect("driver");
                ready.send(()).expect("send");
                let start = Instant::now();
                let turn = driver.turn(Some(timeout)).expect("EINTR is not an error");
                assert!(
                    start.elapsed() >= timeout,
                    "and the timeout starts over with what is left"
                );
                turn
            }
        });
        started.recv().expect("receive");
        let target = waiter.as_pthread_t();
        for sent in 1..=5 {
            // SAFETY: the thread has not been joined, so its id is valid.
            assert_eq!(unsafe { libc::pthread_kill(target, libc::SIGUSR1) }, 0);
            while SIGNALS.load(SeqCst) < before + sent && !waiter.is_finished() {
                thread::yield_now();
            }
        }
        waiter.join().expect("waiter")
    };
    in_either_place(|reactor| {
        // Only waits in epoll are counted.
        let in_epoll = reactor.handle().sources() != 0;
        let mut timeouts = (0..8).map(|n| Duration::from_millis(60) * (1 << n));
        let came = timeouts.any(|timeout| interrupted(&reactor, timeout).waits > 1 || !in_epoll);
        assert!(came, "at least one wait was interrupted");
    });
}

#[test]
fn the_driver_can_change_threads_without_losing_anything() {
    const ROUNDS: usize = 500;
    let reactor = Reactor::new().expect("reactor");
    let (a, b) = UnixStream::pair(reactor.handle()).expect("pair");
    let done = AtomicUsize::new(0);
    thread::scope(|scope| {
        // Two threads that drive whenever they get the chance, each for one turn.
        for _ in 0..2 {
            scope.spawn(|| {
                while done.load(SeqCst) < 2 {
                    match reactor.try_driver() {
                        Some(mut driver) => {
                            driver.turn(Some(Duration::from_millis(1))).expect("turn");
                        }
                        None => thread::yield_now(),
                    }
                }
            });
        }
        for stream in [&a, &b] {
            let (done, first) = (&done, std::ptr::eq(stream, &a));
            scope.spawn(move || {
                futures_lite::future::block_on(async {
                    let mut buffer = [0; 1];
                    for _ in 0..ROUNDS {
                        if first {
                            stream.write_all(b"x").await.expect("write");
                        }
                        stream.read_exact(&mut buffer).await.expect("read");
                        if !first {
                            stream.write_all(&buffer).await.expect("write");
                        }
                    }
                });
                done.fetch_add(1, SeqCst);
            });
        }
    });
    assert_eq!(done.load(SeqCst), 2);
}

/// A waker that does what a careless executor might: run code that uses the reactor, right inside
/// `wake`.
struct Inline(Mutex<Option<Box<dyn FnOnce() + Send>>>);

impl Wake for Inline {
    fn wake(self: Arc<Self>) {
        let action = self.0.lock().expect("lock").take();
        if let Some(action) = action {
            action();
        }
    }
}

fn inline(action: impl FnOnce() + Send + 'static) -> Waker {
    Arc::new(Inline(Mutex::new(Some(Box::new(action))))).into()
}

#[test]
fn a_waker_may_use_the_reactor() {
    let reactor = Arc::new(Reactor::new().expect("reactor"));
    let mut driver = reactor.try_driver().expect("driver");
    let (source, mut theirs) = quiet(reactor.handle());
    let source = Arc::new(source);
    let (_, idle) = Wakes::new();
    let mut other_timer = sleep(reactor.handle(), PATIENCE);
    assert!(poll_once(&mut other_timer, &idle).is_pending());
    // Registers, arms, cancels, drops its own source's other waiter, asks for the driver, and
    // notifies.
    let action = {
        let (reactor, source) = (reactor.clone(), source.clone());
        move || {
            let (_, waker) = Wakes::new();
            drop(armed(reactor.handle(), Duration::from_millis(1), &waker));
            let mut writable = source.writable();
            let _ = poll_once(&mut writable, &waker);
            drop(writable);
            drop(other_timer);
            drop(quiet(reactor.handle()));
            assert!(reactor.try_driver().is_none(), "a turn is under way");
            reactor.handle().notify();
            drop(source);
        }
    };
    let waker = inline(action);
    {
        let mut readable = source.readable();
        assert!(poll_once(&mut readable, &waker).is_pending());
        theirs.write_all(b"x").expect("write");
        driver.turn(Some(PATIENCE)).expect("turn");
    }
    assert_eq!(reactor.handle().timers(), 0, "the waker ran");
    // The same from a timer.
    let (wakes, counted) = Wakes::new();
    let handle = reactor.handle().clone();
    let slot = Arc::new(Mutex::new(None));
    let waker = inline({
        let slot = slot.clone();
        move || {
            let next = armed(&handle, Duration::from_millis(1), &counted);
            *slot.lock().expect("lock") = Some(next);
        }
    });
    let _first = armed(reactor.handle(), Duration::from_millis(1), &waker);
    while wakes.count() == 0 {
        driver.turn(Some(PATIENCE)).expect("turn");
    }
}

#[test]
fn a_waker_that_panics_does_not_cost_others_their_wake_up() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (bad, mut bad_end) = quiet(reactor.handle());
    let (good, mut good_end) = quiet(reactor.handle());
    let (wakes, waker) = Wakes::new();
    let called = Arc::new(AtomicBool::new(false));
    let panicking = inline({
        let called = called.clone();
        move || {
            called.store(true, SeqCst);
            resume_unwind(Box::new("on purpose"));
        }
    });
    let (mut first, mut second) = (bad.readable(), good.readable());
    assert!(poll_once(&mut first, &panicking).is_pending());
    assert!(poll_once(&mut second, &waker).is_pending());
    bad_end.write_all(b"x").expect("write");
    good_end.write_all(b"x").expect("write");
    while wakes.count() == 0 || !called.load(SeqCst) {
        driver.turn(Some(PATIENCE)).expect("the panic stays where it is");
    }
    drive(&mut driver, sleep(reactor.handle(), Duration::from_millis(1)));
}

#[test]
fn a_source_dropped_between_fetch_and_wake_is_no_trouble() {
    // The first waker of a batch drops the source of the second event.
    let reactor = Arc::new(Reactor::new().expect("reactor"));
    let mut driver = reactor.try_driver().expect("driver");
    let (wakes, waker) = Wakes::new();
    for _ in 0..100 {
        let (victim, mut victim_end) = quiet(reactor.handle());
        let (killer, mut killer_end) = quiet(reactor.handle());
        let mut dropped = Box::pin(async move { victim.readable().await });
        let _ = dropped.as_mut().poll_with(&waker);
        let cell = RefCell::new(Some(dropped));
        let dropper = inline(move || drop(cell.take()));
        let mut readable = killer.readable();
        assert!(poll_once(&mut readable, &dropper).is_pending());
        killer_end.write_all(b"x").expect("write");
        victim_end.write_all(b"x").expect("write");
        driver.turn(Some(PATIENCE)).expect("turn");
    }
    assert_eq!(reactor.handle().sources(), 0);
    assert!(wakes.count() <= 100);
}

/// Polling with a given waker, as a method.
trait PollWith {
    fn poll_with(self, waker: &Waker) -> bool;
}

impl<F: Future> PollWith for std::pin::Pin<&mut F> {
    fn poll_with(self, waker: &Waker) -> bool {
        self.poll(&mut std::task::Context::from_waker(waker)).is_ready()
    }
}

#[test]
fn a_thread_of_its_own_counts_what_it_did() {
    let reactor = threaded();
    // Without a source there is no wait in epoll to count.
    let _quiet = quiet(reactor.handle());
    futures_lite::future::block_on(async {
        for _ in 0..10 {
            sleep(reactor.handle(), Duration::from_micros(100)).await;
        }
    });
    // The count is written after the wake.
    let start = Instant::now();
    while reactor.totals().timers < 10 {
        assert!(start.elapsed() < PATIENCE, "{:?}", reactor.totals());
        thread::yield_now();
    }
    assert!(reactor.totals().waits >= 1);
}
