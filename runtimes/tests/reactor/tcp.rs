//! TCP against plain blocking sockets of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpListener as StdListener, TcpStream as StdStream};
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::task::Poll;
use std::thread;
use std::time::Duration;

use futures_lite::future::{block_on, zip};
use runtimes::net::{TcpListener, TcpStream};
use runtimes::reactor::Reactor;
use runtimes::time::timeout;
use rustix::net::sockopt::set_socket_linger;

use super::{LOOPBACK, PATIENCE, Wakes, drive, poll_once, threaded};

/// A stream on the reactor and a plain one, connected with each other.
fn pair(handle: &runtimes::reactor::Handle) -> (TcpStream, StdStream) {
    let listener = StdListener::bind(LOOPBACK).expect("bind");
    let plain = StdStream::connect(listener.local_addr().expect("address")).expect("connect");
    let (ours, _) = listener.accept().expect("accept");
    (TcpStream::from_std(handle, ours).expect("register"), plain)
}

/// Closes with a reset instead of an orderly end.
fn reset(stream: StdStream) {
    set_socket_linger(&stream, Some(Duration::ZERO)).expect("linger");
}

#[test]
fn echoes_to_a_plain_client() {
    let reactor = threaded();
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    let client = thread::spawn(move || {
        let mut stream = StdStream::connect(address).expect("connect");
        let mut reply = [0; 5];
        for round in 0..100_u8 {
            stream.write_all(&[round; 5]).expect("write");
            stream.read_exact(&mut reply).expect("read");
            assert_eq!(reply, [round; 5]);
        }
        stream.shutdown(Shutdown::Write).expect("shutdown");
        assert_eq!(
            stream.read(&mut reply).expect("read"),
            0,
            "the server closes after the client's end"
        );
    });
    block_on(async {
        let (stream, peer) = listener.accept().await.expect("accept");
        assert_eq!(stream.peer_addr().expect("peer"), peer);
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer).await.expect("read") {
                0 => break,
                n => stream.write_all(&buffer[..n]).await.expect("write"),
            }
        }
    });
    client.join().expect("client");
}

#[test]
fn a_writer_waits_for_room() {
    let reactor = threaded();
    let server = StdListener::bind(LOOPBACK).expect("bind");
    let address = server.local_addr().expect("address");
    let server = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("accept");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("read");
        received
    });
    // Far more than the buffers of both sockets hold.
    let sent: Vec<u8> = (0..16_000_000_u32).map(|i| (i ^ (i >> 8)) as u8).collect();
    block_on(async {
        let stream = TcpStream::connect(reactor.handle(), address).await.expect("connect");
        stream.set_nodelay(true).expect("nodelay");
        stream.write_all(&sent).await.expect("write");
    });
    assert!(server.join().expect("server") == sent, "what arrives is what was sent");
}

#[test]
fn both_directions_wait_on_their_own() {
    let reactor = threaded();
    let (ours, mut plain) = pair(reactor.handle());
    let ours = Arc::new(ours);
    const SIZE: usize = 4_000_000;
    let echo = thread::spawn(move || {
        let mut buffer = [0; 10_007];
        let mut total = 0;
        while total < SIZE {
            let n = plain.read(&mut buffer).expect("read");
            plain.write_all(&buffer[..n]).expect("write");
            total += n;
        }
    });
    let sent: Vec<u8> = (0..SIZE).map(|i| (i * 31) as u8).collect();
    let mut received = vec![0; SIZE];
    block_on(async {
        let (write, read) = zip(ours.write_all(&sent), ours.read_exact(&mut received)).await;
        write.expect("write");
        read.expect("read");
    });
    echo.join().expect("echo");
    assert!(sent == received, "what comes back is what was sent");
}

#[test]
fn a_refused_connection_is_an_error() {
    let reactor = threaded();
    // The listener is gone, so its port refuses.
    let address =
        StdListener::bind(LOOPBACK).and_then(|listener| listener.local_addr()).expect("address");
    let error =
        block_on(TcpStream::connect(reactor.handle(), address)).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::ConnectionRefused);
    assert_eq!(reactor.handle().sources(), 0, "the failed socket is not registered any more");
}

#[test]
fn half_close_ends_one_direction_only() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (ours, mut plain) = pair(reactor.handle());
    let mut buffer = [0; 16];
    plain.write_all(b"last").expect("write");
    plain.shutdown(Shutdown::Write).expect("half-close");
    // The end is reported before the first read, whose shortness must not make the reader wait for
    // it.
    driver.turn(Some(Duration::ZERO)).expect("turn");
    drive(&mut driver, async {
        assert_eq!(ours.read(&mut buffer).await.expect("read"), 4);
        assert_eq!(&buffer[..4], b"last");
        assert_eq!(ours.read(&mut buffer).await.expect("read"), 0, "the end");
        assert_eq!(ours.read(&mut buffer).await.expect("read"), 0, "and still the end");
        ours.write_all(b"answer").await.expect("the other direction is open");
    });
    ours.shutdown(Shutdown::Write).expect("half-close");
    let mut answer = Vec::new();
    plain.read_to_end(&mut answer).expect("read");
    assert_eq!(answer, b"answer");
}

#[test]
fn half_close_wakes_a_waiting_reader() {
    let reactor = threaded();
    let (ours, plain) = pair(reactor.handle());
    let mut buffer = [0; 16];
    let (read, ()) = block_on(zip(ours.read(&mut buffer), async {
        plain.shutdown(Shutdown::Write).expect("half-close");
    }));
    assert_eq!(read.expect("read"), 0);
}

#[test]
fn a_reset_fails_reader_and_writer() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (ours, plain) = pair(reactor.handle());
    let (wakes, waker) = Wakes::new();
    let mut buffer = [0; 16];
    {
        let mut read = std::pin::pin!(ours.read(&mut buffer));
        assert!(poll_once(&mut read.as_mut(), &waker).is_pending());
        reset(plain);
        driver.turn(Some(PATIENCE)).expect("turn");
        assert_eq!(wakes.count(), 1, "the reset wakes the reader");
        match poll_once(&mut read.as_mut(), &waker) {
            Poll::Ready(Err(error)) => assert_eq!(error.kind(), ErrorKind::ConnectionReset),
            other => panic!("a reset is an error: {other:?}"),
        }
    }
    // MSG_NOSIGNAL: the process survives this.
    let error = drive(&mut driver, ours.write(b"x")).expect_err("the peer is gone");
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
}

#[test]
fn a_peer_that_vanishes_in_the_middle_ends_a_transfer() {
    let reactor = threaded();
    let (ours, mut plain) = pair(reactor.handle());
    plain.write_all(b"half").expect("write");
    drop(plain);
    let mut buffer = [0; 8];
    let error = block_on(ours.read_exact(&mut buffer)).expect_err("half of it is missing");
    assert_eq!(error.kind(), ErrorKind::UnexpectedEof);

    let (ours, plain) = pair(reactor.handle());
    let gone = thread::spawn(move || {
        let mut plain = plain;
        plain.read_exact(&mut [0; 100_000]).expect("the beginning");
        reset(plain);
    });
    let endless = async {
        loop {
            if let Err(error) = ours.write_all(&[0; 65_536]).await {
                return error;
            }
        }
    };
    let error =
        block_on(timeout(reactor.handle(), PATIENCE, endless)).expect("the writer is woken");
    assert!(matches!(error.kind(), ErrorKind::BrokenPipe | ErrorKind::ConnectionReset), "{error}");
    gone.join().expect("peer");
}

#[test]
fn a_connection_that_was_reset_in_the_queue_does_not_break_the_listener() {
    let reactor = threaded();
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    reset(StdStream::connect(address).expect("connect"));
    let live = StdStream::connect(address).expect("connect");
    block_on(async {
        let mut buffer = [0; 1];
        // Linux hands the dead one out; reading it gives its error.
        let (dead, _) = listener.accept().await.expect("accept");
        assert_eq!(
            dead.read(&mut buffer).await.expect_err("reset").kind(),
            ErrorKind::ConnectionReset
        );
        let (stream, peer) = listener.accept().await.expect("accept");
        assert_eq!(peer, live.local_addr().expect("address"));
        drop(live);
        assert_eq!(stream.read(&mut buffer).await.expect("read"), 0);
    });
}

#[test]
fn acceptors_that_share_a_listener_all_get_connections() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    let mut acceptors: Vec<_> =
        (0..5).map(|_| (Box::pin(listener.accept()), Wakes::new())).collect();
    for (accept, (_, waker)) in &mut acceptors {
        assert!(poll_once(accept, waker).is_pending());
    }
    // One gives up while it waits; that must not silence the others.
    drop(acceptors.remove(1));
    let mut clients = Vec::new();
    while !acceptors.is_empty() {
        clients.push(StdStream::connect(address).expect("connect"));
        driver.turn(Some(PATIENCE)).expect("turn");
        let left = acceptors.len();
        acceptors.retain_mut(|(accept, (wakes, waker))| {
            assert!(wakes.0.swap(0, SeqCst) > 0, "an acceptor was not woken");
            match poll_once(accept, waker) {
                Poll::Ready(result) => {
                    result.expect("accept");
                    false
                }
                Poll::Pending => true,
            }
        });
        assert_eq!(acceptors.len(), left - 1, "each connection goes to one acceptor");
    }
    assert_eq!(clients.len(), 4);
}

#[test]
fn dropping_a_read_loses_no_data() {
    let reactor = threaded();
    let (ours, mut plain) = pair(reactor.handle());
    let mut buffer = [0; 16];
    for round in 0..50_u8 {
        let none =
            block_on(timeout(reactor.handle(), Duration::from_micros(200), ours.read(&mut buffer)));
        assert!(none.is_err(), "nothing was sent");
        plain.write_all(&[round]).expect("write");
        assert_eq!(block_on(ours.read(&mut buffer)).expect("read"), 1);
        assert_eq!(buffer[0], round);
    }
}

#[test]
fn urgent_data_does_not_strand_what_follows_it() {
    // A read stops at the mark of urgent data, so it is short although more is there. Taking that
    // for "drained" would wait for an edge that never comes.
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (ours, mut plain) = pair(reactor.handle());
    plain.write_all(b"before").expect("write");
    rustix::net::send(&plain, b"!", rustix::net::SendFlags::OOB).expect("urgent");
    plain.write_all(b"after").expect("write");
    // Everything has arrived and all edges are delivered before the first read.
    driver.turn(Some(Duration::ZERO)).expect("turn");
    let mut received = Vec::new();
    let mut buffer = [0; 64];
    drive(&mut driver, async {
        while received.len() < 11 {
            let n = ours.read(&mut buffer).await.expect("read");
            received.extend_from_slice(&buffer[..n]);
        }
    });
    assert_eq!(received, b"beforeafter");
}

#[test]
fn many_connections_at_once() {
    const CONNECTIONS: usize = 300;
    const ROUNDS: u32 = 20;
    let reactor = threaded();
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    let serve = async |stream: TcpStream| {
        let mut buffer = [0; 64];
        loop {
            match stream.read(&mut buffer).await.expect("read") {
                0 => break,
                n => stream.write_all(&buffer[..n]).await.expect("write"),
            }
        }
    };
    let ask = async |id: u32| {
        let stream = TcpStream::connect(reactor.handle(), address).await.expect("connect");
        let mut sum = 0;
        for round in 0..ROUNDS {
            stream.write_all(&(id * round).to_le_bytes()).await.expect("write");
            let mut reply = [0; 4];
            stream.read_exact(&mut reply).await.expect("read");
            sum += u64::from(u32::from_le_bytes(reply));
        }
        sum
    };
    let total = {
        let executor = async_executor::LocalExecutor::new();
        block_on(executor.run(async {
            let clients: Vec<_> =
                (0..CONNECTIONS as u32).map(|id| executor.spawn(ask(id))).collect();
            let mut servers = Vec::new();
            for _ in 0..CONNECTIONS {
                let (stream, _) = listener.accept().await.expect("accept");
                servers.push(executor.spawn(serve(stream)));
            }
            let mut total = 0;
            for client in clients {
                total += client.await;
            }
            for server in servers {
                server.await;
            }
            total
        }))
    };
    let (ids, rounds) = (CONNECTIONS as u64, u64::from(ROUNDS));
    assert_eq!(total, ids * (ids - 1) / 2 * (rounds * (rounds - 1) / 2));
    drop(listener);
    assert_eq!(reactor.handle().sources(), 0);
    assert!(!reactor.handle().is_active());
}

#[test]
fn a_plain_socket_comes_back_out() {
    let reactor = threaded();
    let (ours, mut plain) = pair(reactor.handle());
    let mut back = ours.into_std();
    assert_eq!(reactor.handle().sources(), 0);
    back.set_nonblocking(false).expect("blocking");
    plain.write_all(b"hello").expect("write");
    let mut buffer = [0; 5];
    back.read_exact(&mut buffer).expect("read");
    assert_eq!(&buffer, b"hello");
}

#[test]
fn works_over_ipv6() {
    let reactor = threaded();
    let Ok(listener) = TcpListener::bind(reactor.handle(), (std::net::Ipv6Addr::LOCALHOST, 0))
    else {
        eprintln!("this machine has no IPv6");
        return;
    };
    let address = listener.local_addr().expect("address");
    block_on(async {
        let (client, server) =
            zip(TcpStream::connect(reactor.handle(), address), listener.accept()).await;
        let (client, (server, peer)) = (client.expect("connect"), server.expect("accept"));
        assert_eq!(peer, client.local_addr().expect("address"));
        client.write_all(b"six").await.expect("write");
        let mut buffer = [0; 3];
        server.read_exact(&mut buffer).await.expect("read");
        assert_eq!(&buffer, b"six");
    });
}
