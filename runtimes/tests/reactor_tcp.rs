//! TCP on the reactor, against plain blocking sockets of the standard library.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, Shutdown, SocketAddr};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, zip};
use runtimes::net::{TcpListener, TcpStream};
use runtimes::reactor::{Reactor, Thread};
use runtimes::time::sleep;

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn reactor() -> Thread {
    Thread::start(Reactor::new().expect("a reactor")).expect("its thread")
}

#[test]
fn echoes_to_a_plain_client() {
    let reactor = reactor();
    let listener = TcpListener::bind(reactor.handle(), LOOPBACK).expect("bind");
    let address = listener.local_addr().expect("address");
    let client = thread::spawn(move || {
        let mut stream = std::net::TcpStream::connect(address).expect("connect");
        let mut reply = [0; 5];
        for round in 0..100_u8 {
            stream.write_all(&[round; 5]).expect("write");
            stream.read_exact(&mut reply).expect("read");
            assert_eq!(reply, [round; 5]);
        }
        stream.shutdown(Shutdown::Write).expect("shutdown");
        assert_eq!(stream.read(&mut reply).expect("read"), 0, "the server closes after the client's end");
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
fn connects_to_a_plain_server() {
    let reactor = reactor();
    let server = std::net::TcpListener::bind(LOOPBACK).expect("bind");
    let address: SocketAddr = server.local_addr().expect("address");
    let server = thread::spawn(move || {
        let (mut stream, _) = server.accept().expect("accept");
        let mut received = Vec::new();
        stream.read_to_end(&mut received).expect("read");
        received
    });
    // Far more than the socket's buffers hold, so that the writer has to wait for room.
    let sent: Vec<u8> = (0..8_000_000_u32).map(|i| i as u8).collect();
    block_on(async {
        let stream = TcpStream::connect(reactor.handle(), address).await.expect("connect");
        stream.write_all(&sent).await.expect("write");
    });
    assert!(server.join().expect("server") == sent, "what arrives is what was sent");
}

#[test]
fn sleeps_beside_each_other() {
    let reactor = reactor();
    let start = Instant::now();
    let (short, long) = (Duration::from_millis(10), Duration::from_millis(20));
    block_on(async {
        let first = async {
            sleep(reactor.handle(), long).await;
            start.elapsed()
        };
        let second = async {
            sleep(reactor.handle(), short).await;
            start.elapsed()
        };
        let (first, second) = zip(first, second).await;
        assert!(first >= long && second >= short, "never early: {first:?} {second:?}");
    });
}
