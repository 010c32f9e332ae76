//! Limits of the process, each in a child process of its own.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream as StdStream;
use std::os::fd::AsRawFd;
use std::thread;
use std::time::Instant;

use futures_lite::future::block_on;
use runtimes::net::{TcpListener, TcpStream, UnixStream};
use runtimes::reactor::Reactor;
use runtimes::time::{sleep, timeout};
use rustix::io::Errno;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::{LOOPBACK, PATIENCE, in_child, threaded};

fn open_descriptors() -> usize {
    // One of them is the directory's own.
    fs::read_dir("/proc/self/fd").expect("the process's descriptors").count() - 1
}

/// Lets the process have `spare` more descriptors than it has. The kernel's limit is on their
/// numbers.
fn leave_room_for(spare: u64, old: Rlimit) {
    let lowest_free = fs::File::open("/dev/null").expect("a descriptor").as_raw_fd() as u64;
    setrlimit(
        Resource::Nofile,
        Rlimit { current: Some(lowest_free + spare), maximum: old.maximum },
    )
    .expect("lower the limit");
}

fn threads() -> usize {
    fs::read_dir("/proc/self/task").expect("the process's threads").count()
}

#[test]
fn accept_recovers_from_running_out_of_descriptors() {
    if !in_child("limits::accept_recovers_from_running_out_of_descriptors") {
        return;
    }
    let reactor = threaded();
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    // Everything that the clients need is open before the limit falls.
    let mut clients: Vec<_> =
        (0..3).map(|_| StdStream::connect(address).expect("connect")).collect();
    let first = block_on(listener.accept()).expect("accept").0;
    let old = getrlimit(Resource::Nofile);
    leave_room_for(0, old);
    for _ in 0..3 {
        let error = block_on(listener.accept()).expect_err("no descriptor is free");
        assert_eq!(Errno::from_io_error(&error), Some(Errno::MFILE));
    }
    // One descriptor becomes free. No new connection comes in, so epoll reports no new edge.
    drop(first);
    let patiently = timeout(reactor.handle(), PATIENCE, listener.accept());
    let (second, _) =
        block_on(patiently).expect("the pending connection's edge was lost").expect("accept");
    assert!(block_on(listener.accept()).is_err(), "full again");
    setrlimit(Resource::Nofile, old).expect("raise the limit");
    let (third, _) = block_on(timeout(reactor.handle(), PATIENCE, listener.accept()))
        .expect("lost")
        .expect("accept");
    for (stream, client) in [second, third].iter().zip(&mut clients[1..]) {
        client.write_all(b"hello").expect("write");
        let mut buffer = [0; 5];
        block_on(stream.read_exact(&mut buffer)).expect("read");
        block_on(stream.write_all(&buffer)).expect("write");
        client.read_exact(&mut buffer).expect("read");
        assert_eq!(&buffer, b"hello");
    }
}

#[test]
fn a_peer_that_is_gone_is_no_signal() {
    if !in_child("limits::a_peer_that_is_gone_is_no_signal") {
        return;
    }
    // Rust programs ignore SIGPIPE; those that embed this library may not.
    // SAFETY: restoring the default action runs no code of ours.
    unsafe { libc::signal(libc::SIGPIPE, libc::SIG_DFL) };
    let reactor = threaded();
    let (a, b) = UnixStream::pair(reactor.handle()).expect("pair");
    drop(b);
    let error = block_on(a.write(b"x")).expect_err("the peer is gone");
    assert_eq!(error.kind(), std::io::ErrorKind::BrokenPipe);
}

#[test]
fn a_reactor_that_cannot_be_made_is_an_error() {
    if !in_child("limits::a_reactor_that_cannot_be_made_is_an_error") {
        return;
    }
    let old = getrlimit(Resource::Nofile);
    let before = open_descriptors();
    for free in [0, 1] {
        leave_room_for(free, old);
        let error = Reactor::new().expect_err("it needs two descriptors");
        assert_eq!(Errno::from_io_error(&error), Some(Errno::MFILE));
        setrlimit(Resource::Nofile, old).expect("raise the limit");
        assert_eq!(open_descriptors(), before, "a failed start leaves no descriptor behind");
    }
    Reactor::new().expect("now there is room");
}

#[test]
fn nothing_is_left_after_a_thousand_cycles() {
    if !in_child("limits::nothing_is_left_after_a_thousand_cycles") {
        return;
    }
    let cycle = || {
        let reactor = threaded();
        let handle = reactor.handle().clone();
        let (a, b) = UnixStream::pair(&handle).expect("pair");
        let listener = TcpListener::bind(&handle, LOOPBACK).expect("bind");
        let address = listener.local_addr().expect("address");
        block_on(async {
            let stream = TcpStream::connect(&handle, address).await.expect("connect");
            let (accepted, _) = listener.accept().await.expect("accept");
            stream.write_all(b"x").await.expect("write");
            accepted.read_exact(&mut [0; 1]).await.expect("read");
            a.write_all(b"x").await.expect("write");
            b.read_exact(&mut [0; 1]).await.expect("read");
            sleep(&handle, std::time::Duration::from_nanos(1)).await;
        });
        // The last source goes after its reactor.
        drop(reactor);
        drop(a);
    };
    cycle();
    let (descriptors, running) = (open_descriptors(), threads());
    for _ in 0..1_000 {
        cycle();
    }
    // The kernel may list a thread for a while after it was joined.
    let start = Instant::now();
    while threads() != running {
        assert!(start.elapsed() < PATIENCE, "{} threads, {running} before", threads());
        thread::yield_now();
    }
    assert_eq!(open_descriptors(), descriptors);
}
