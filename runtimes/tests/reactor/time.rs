//! Sleep, timeout, interval: never early, in order, cancellable, on both kinds of wait.

use std::cell::RefCell;
use std::pin::pin;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, or, poll_once as try_once};
use runtimes::reactor::{Reactor, Thread, WaitClock};
use runtimes::time::{Elapsed, interval, sleep, sleep_until, timeout};

use super::{PATIENCE, Wakes, armed, drive, poll_once, quiet, threaded};

const MS: Duration = Duration::from_millis(1);

#[test]
fn a_sleep_is_never_early_on_either_clock() {
    for clock in [WaitClock::Nanoseconds, WaitClock::Milliseconds] {
        let reactor = Reactor::with_wait_clock(clock).expect("reactor");
        assert_eq!(reactor.wait_clock(), clock, "this kernel has both");
        let mut driver = reactor.try_driver().expect("driver");
        for micros in [1, 10, 100, 999, 1_000, 1_001, 2_500, 30_000] {
            let duration = Duration::from_micros(micros);
            let start = Instant::now();
            drive(&mut driver, sleep(reactor.handle(), duration));
            assert!(
                start.elapsed() >= duration,
                "{:?} is less than {duration:?} ({clock:?})",
                start.elapsed()
            );
        }
    }
}

#[test]
fn sockets_work_on_either_clock() {
    for clock in [WaitClock::Nanoseconds, WaitClock::Milliseconds] {
        let reactor =
            Thread::start(Reactor::with_wait_clock(clock).expect("reactor")).expect("thread");
        let (a, b) = runtimes::net::UnixStream::pair(reactor.handle()).expect("pair");
        let mut buffer = [0; 4];
        block_on(async {
            let (read, ()) = futures_lite::future::zip(b.read_exact(&mut buffer), async {
                sleep(reactor.handle(), 2 * MS).await;
                a.write_all(b"ping").await.expect("write");
            })
            .await;
            read.expect("read");
        });
        assert_eq!(&buffer, b"ping", "{clock:?}");
    }
}

#[test]
fn nothing_to_wait_for_is_over_at_once() {
    let reactor = Reactor::new().expect("reactor");
    let handle = reactor.handle();
    let now = Instant::now();
    // Nobody drives this reactor.
    block_on(sleep(handle, Duration::ZERO));
    block_on(sleep_until(handle, now));
    block_on(sleep_until(handle, now.checked_sub(Duration::from_secs(3600)).unwrap_or(now)));
    assert!(!handle.is_active());
    let (_, waker) = Wakes::new();
    let mut forever = sleep(handle, Duration::MAX);
    assert!(poll_once(&mut forever, &waker).is_pending());
    assert_eq!(handle.timers(), 1);
    drop(forever);
    assert_eq!(handle.timers(), 0);
}

#[test]
fn timers_fire_by_deadline_even_if_the_driver_is_late() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let order = RefCell::new(Vec::new());
    // Spread over several levels of the wheel, armed out of order, two with the same deadline.
    let millis = [7, 3, 9, 1, 30, 3, 20, 12];
    let arm = |lead: u32| {
        order.take();
        let executor = async_executor::LocalExecutor::new();
        let start = Instant::now() + lead * MS;
        for (index, ms) in millis.into_iter().enumerate() {
            let (order, sleep) = (&order, sleep_until(reactor.handle(), start + MS * ms));
            executor
                .spawn(async move {
                    sleep.await;
                    order.borrow_mut().push((ms, index));
                })
                .detach();
        }
        while executor.try_tick() {}
        // Otherwise this thread did not run for a while, and some were over before they were armed.
        (reactor.handle().timers() == millis.len()).then_some((executor, start))
    };
    let (executor, start) = (0..10)
        .find_map(|attempt| arm(1 << attempt))
        .expect("all are armed before the first is due");
    // All of them are due when the reactor is turned for the first time.
    thread::sleep((start + 35 * MS).saturating_duration_since(Instant::now()));
    let turn = driver.turn(Some(Duration::ZERO)).expect("turn");
    assert_eq!(turn.timers as usize, millis.len());
    while executor.try_tick() {}
    let mut sorted: Vec<_> =
        millis.into_iter().enumerate().map(|(index, ms)| (ms, index)).collect();
    sorted.sort_unstable();
    assert_eq!(order.take(), sorted);
}

#[test]
fn an_earlier_timer_shortens_the_wait_of_a_sleeping_driver() {
    for in_epoll in [false, true] {
        let reactor = threaded();
        let _quiet = in_epoll.then(|| quiet(reactor.handle()));
        let start = Instant::now();
        let far = sleep(reactor.handle(), PATIENCE);
        let near = async {
            // By now the driver sleeps until the far deadline.
            while reactor.totals().waits == 0 && start.elapsed() < MS * 5 {
                futures_lite::future::yield_now().await;
            }
            sleep(reactor.handle(), MS).await;
        };
        block_on(or(far, near));
        assert!(start.elapsed() < PATIENCE / 2, "the driver overslept");
    }
}

#[test]
fn ten_thousand_sleeps_fire_once_each() {
    const SLEEPS: u32 = 10_000;
    let reactor = threaded();
    let early = RefCell::new(0_u32);
    let executor = async_executor::LocalExecutor::new();
    block_on(executor.run(async {
        let tasks: Vec<_> = (0..SLEEPS)
            .map(|n| {
                // Scattered over 50 ms, not in order.
                let duration = Duration::from_micros(u64::from(n.wrapping_mul(7_919) % 50_000));
                let (reactor, early) = (&reactor, &early);
                executor.spawn(async move {
                    let start = Instant::now();
                    sleep(reactor.handle(), duration).await;
                    if start.elapsed() < duration {
                        *early.borrow_mut() += 1;
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await;
        }
    }));
    drop(executor);
    assert_eq!(early.take(), 0, "timers that fired early");
    assert_eq!(reactor.handle().timers(), 0);
    assert!(!reactor.handle().is_active());
}

#[test]
fn cancelled_timers_do_not_fire() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (wakes, waker) = Wakes::new();
    let sleeps: Vec<_> = (1..=97).map(|n| armed(reactor.handle(), n * MS / 20, &waker)).collect();
    let kept = [98, 99, 100].map(|n| armed(reactor.handle(), n * MS / 20, &waker));
    drop(sleeps);
    assert_eq!(reactor.handle().timers(), 3);
    thread::sleep(6 * MS);
    assert_eq!(driver.turn(Some(Duration::ZERO)).expect("turn").timers, 3);
    assert_eq!(wakes.count(), 3);
    drop(kept);
    assert_eq!(std::sync::Arc::strong_count(&wakes), 2, "no waker is kept");
}

#[test]
fn a_sleep_that_is_polled_again_after_its_time_is_over_without_a_turn() {
    let reactor = Reactor::new().expect("reactor");
    let (_, waker) = Wakes::new();
    let mut sleep = armed(reactor.handle(), MS, &waker);
    thread::sleep(2 * MS);
    assert!(poll_once(&mut sleep, &waker).is_ready());
    assert_eq!(reactor.handle().timers(), 0, "and its timer is gone");
}

#[test]
fn reset_moves_a_deadline_both_ways() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let mut timer = sleep(reactor.handle(), PATIENCE);
    let (_, waker) = Wakes::new();
    assert!(poll_once(&mut timer, &waker).is_pending());
    let start = Instant::now();
    timer.reset(start + 2 * MS);
    drive(&mut driver, &mut timer);
    assert!(start.elapsed() >= 2 * MS && start.elapsed() < PATIENCE / 2);
    timer.reset(start + PATIENCE);
    assert!(poll_once(&mut timer, &waker).is_pending(), "a sleep that is over can start again");
    timer.reset(start);
    assert!(poll_once(&mut timer, &waker).is_ready());
    assert_eq!(reactor.handle().timers(), 0);
}

#[test]
fn timeouts_let_the_faster_one_win() {
    let reactor = threaded();
    let handle = reactor.handle();
    block_on(async {
        assert_eq!(timeout(handle, PATIENCE, async { 7 }).await, Ok(7));
        assert_eq!(
            timeout(handle, Duration::ZERO, async { 7 }).await,
            Ok(7),
            "ready at once beats a timeout of zero"
        );
        let never = std::future::pending::<()>();
        let error: Elapsed = timeout(handle, MS, never).await.expect_err("never ready");
        assert_eq!(std::io::Error::from(error).kind(), std::io::ErrorKind::TimedOut);
        assert_eq!(timeout(handle, PATIENCE, sleep(handle, MS)).await, Ok(()));
    });
    assert_eq!(handle.timers(), 0, "nothing is left in the wheel");
}

#[test]
fn an_interval_keeps_its_rate() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let start = Instant::now();
    let mut ticks = interval(reactor.handle(), 2 * MS);
    let meant: Vec<_> = drive(&mut driver, async {
        let mut meant = Vec::new();
        for _ in 0..5 {
            let tick = ticks.tick().await;
            assert!(Instant::now() >= tick, "a tick is never early");
            meant.push(tick);
        }
        meant
    });
    assert!(meant[0] >= start + 2 * MS);
    assert!(
        meant.windows(2).all(|pair| pair[1] - pair[0] == 2 * MS),
        "ticks do not drift: {meant:?}"
    );
    // Five periods are missed; their ticks come at once.
    thread::sleep((meant[4] + 11 * MS).saturating_duration_since(Instant::now()));
    for n in 1..=5 {
        let tick = block_on(try_once(pin!(ticks.tick()))).expect("a missed tick needs no waiting");
        assert_eq!(tick, meant[4] + n * 2 * MS);
    }
}

#[test]
#[should_panic(expected = "longer than zero")]
fn an_interval_of_zero_is_refused() {
    let reactor = Reactor::new().expect("reactor");
    drop(interval(reactor.handle(), Duration::ZERO));
}

#[test]
fn timers_armed_from_many_threads_all_fire() {
    let reactor = threaded();
    let total: u32 = thread::scope(|scope| {
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let handle = reactor.handle().clone();
                scope.spawn(move || {
                    let (wakes, waker) = Wakes::new();
                    let mut fired = 0;
                    for round in 0..300_u64 {
                        let mut armed = sleep(
                            &handle,
                            Duration::from_micros(50 + (round * 37 + worker * 11) % 400),
                        );
                        if round % 3 == 0 {
                            let _ = poll_once(&mut armed, &waker);
                            continue;
                        }
                        block_on(armed);
                        fired += 1;
                    }
                    assert!(wakes.count() <= 100);
                    fired
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("worker")).sum()
    });
    assert_eq!(total, 4 * 200);
    assert_eq!(reactor.handle().timers(), 0);
}

#[test]
fn a_pending_sleep_keeps_only_its_newest_waker() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let ((old_wakes, old), (new_wakes, new)) = (Wakes::new(), Wakes::new());
    let mut armed = armed(reactor.handle(), MS, &old);
    if poll_once(&mut armed, &new).is_pending() {
        assert_eq!(driver.turn(Some(PATIENCE)).expect("turn").timers, 1);
        assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
    }
}
