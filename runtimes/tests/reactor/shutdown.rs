//! After a shutdown nothing hangs, nothing is kept, and every error says what happened.

use std::io::ErrorKind;
use std::sync::Arc;
use std::task::Poll;
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::block_on;
use runtimes::net::{TcpListener, TcpStream, UdpSocket, UnixStream};
use runtimes::reactor::{Handle, Reactor, is_shut_down_error};
use runtimes::time::{interval, sleep, timeout};

use super::{LOOPBACK, PATIENCE, Wakes, in_either_place, poll_once, threaded};

fn assert_refused<T: std::fmt::Debug>(result: std::io::Result<T>) {
    let error = result.expect_err("the reactor has shut down");
    assert!(is_shut_down_error(&error), "{error:?}");
    assert_eq!(error.kind(), ErrorKind::NotConnected);
    assert_eq!(error.to_string(), "the reactor has shut down");
}

#[test]
fn pending_and_later_operations_fail_clearly() {
    let reactor = Reactor::new().expect("reactor");
    let handle = reactor.handle().clone();
    let (a, b) = UnixStream::pair(&handle).expect("pair");
    let listener = TcpListener::bind(&handle, LOOPBACK).expect("bind");
    let (wakes, waker) = Wakes::new();
    let mut buffer = [0; 1];
    let mut read = Box::pin(a.read(&mut buffer));
    let mut accept = Box::pin(listener.accept());
    let mut nap = sleep(&handle, PATIENCE);
    assert!(poll_once(&mut read, &waker).is_pending());
    assert!(poll_once(&mut accept, &waker).is_pending());
    assert!(poll_once(&mut nap, &waker).is_pending());
    assert_eq!(Arc::strong_count(&wakes), 5);

    reactor.shutdown();
    assert_eq!(Arc::strong_count(&wakes), 2, "no waker is kept");
    assert_eq!(wakes.count(), 3, "after it was called once, so that nobody waits for ever");
    match poll_once(&mut read, &waker) {
        Poll::Ready(result) => assert_refused(result),
        Poll::Pending => panic!("a pending read hangs"),
    }
    match poll_once(&mut accept, &waker) {
        Poll::Ready(result) => assert_refused(result),
        Poll::Pending => panic!("a pending accept hangs"),
    }
    assert!(poll_once(&mut nap, &waker).is_ready(), "a sleep is over");

    assert_refused(block_on(b.write(b"x")));
    assert_refused(UnixStream::pair(&handle));
    assert_refused(UdpSocket::bind(&handle, LOOPBACK));
    let address = listener.local_addr().expect("address");
    assert_refused(block_on(TcpStream::connect(&handle, address)));
    block_on(sleep(&handle, PATIENCE));
    block_on(interval(&handle, PATIENCE).tick());
    block_on(timeout(&handle, PATIENCE, std::future::pending::<()>())).expect_err("over at once");
    assert_refused(reactor.try_driver().expect("driver").turn(None));
    handle.notify();
    reactor.shutdown();
    assert_eq!(Arc::strong_count(&wakes), 2);
}

#[test]
fn a_turn_that_is_under_way_returns() {
    in_either_place(|reactor| {
        let driver = thread::spawn({
            let reactor = reactor.clone();
            move || {
                let mut driver = reactor.try_driver().expect("driver");
                loop {
                    if let Err(error) = driver.turn(None) {
                        return error;
                    }
                }
            }
        });
        let start = Instant::now();
        reactor.shutdown();
        let error = driver.join().expect("driver");
        assert!(is_shut_down_error(&error));
        assert!(start.elapsed() < PATIENCE);
    });
}

#[test]
fn handles_and_sources_outlive_the_reactor() {
    let (handle, stream): (Handle, UnixStream) = {
        let reactor = threaded();
        let handle = reactor.handle().clone();
        let (a, _) = UnixStream::pair(&handle).expect("pair");
        (handle, a)
    };
    assert_refused(block_on(stream.read(&mut [0; 1])));
    handle.notify();
    assert_eq!(handle.sources(), 1);
    drop(stream);
    assert_eq!(handle.sources(), 0);
}

#[test]
fn shutting_down_races_with_everything_else() {
    for round in 0..200_u64 {
        let reactor = threaded();
        let handle = reactor.handle().clone();
        thread::scope(|scope| {
            for _ in 0..2 {
                let handle = handle.clone();
                scope.spawn(move || {
                    loop {
                        let Ok((a, b)) = UnixStream::pair(&handle) else { break };
                        let result = block_on(async {
                            a.write_all(b"x").await?;
                            sleep(&handle, Duration::from_nanos(round % 7 * 1_000)).await;
                            b.read_exact(&mut [0; 1]).await
                        });
                        match result {
                            Ok(()) => {}
                            Err(error) => {
                                assert!(is_shut_down_error(&error), "{error}");
                                break;
                            }
                        }
                    }
                });
            }
            thread::sleep(Duration::from_micros(round % 10 * 30));
            drop(reactor);
        });
        assert!(!handle.is_active());
    }
}

#[test]
fn a_thread_that_blocks_on_an_operation_is_released() {
    let reactor = threaded();
    let (a, _b) = UnixStream::pair(reactor.handle()).expect("pair");
    thread::scope(|scope| {
        let blocked = scope.spawn(|| block_on(a.read(&mut [0; 1])));
        drop(reactor);
        assert_refused(blocked.join().expect("reader"));
    });
}
