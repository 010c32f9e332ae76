//! UDP against plain sockets of the standard library.

use std::io::ErrorKind;
use std::net::UdpSocket as StdSocket;

use futures_lite::future::{block_on, zip};
use runtimes::net::UdpSocket;

use super::{LOOPBACK, threaded};

#[test]
fn datagrams_keep_their_boundaries() {
    let reactor = threaded();
    let ours = UdpSocket::bind(reactor.handle(), LOOPBACK).expect("bind");
    let plain = StdSocket::bind(LOOPBACK).expect("bind");
    let (our_address, plain_address) =
        (ours.local_addr().expect("address"), plain.local_addr().expect("address"));
    for size in [1, 0, 1_000, 3] {
        plain.send_to(&vec![7; size], our_address).expect("send");
    }
    let mut buffer = [0; 100];
    block_on(async {
        for expected in [1, 0, 100, 3] {
            // The third is cut to the buffer, and its rest does not come later.
            assert_eq!(
                ours.recv_from(&mut buffer).await.expect("receive"),
                (expected, plain_address)
            );
        }
        assert_eq!(ours.send_to(b"back", plain_address).await.expect("send"), 4);
    });
    assert_eq!(plain.recv_from(&mut buffer).expect("receive"), (4, our_address));
}

#[test]
fn a_receiver_waits() {
    let reactor = threaded();
    let ours = UdpSocket::bind(reactor.handle(), LOOPBACK).expect("bind");
    let plain = StdSocket::bind(LOOPBACK).expect("bind");
    ours.connect(plain.local_addr().expect("address")).expect("connect");
    let mut buffer = [0; 8];
    for _ in 0..100 {
        let (received, sent) = block_on(zip(ours.recv(&mut buffer), async {
            plain.send_to(b"ping", ours.local_addr().expect("address"))
        }));
        assert_eq!((received.expect("receive"), sent.expect("send")), (4, 4));
    }
    block_on(ours.send(b"pong")).expect("send");
    assert_eq!(plain.recv(&mut buffer).expect("receive"), 4);
}

#[test]
fn a_peer_that_is_gone_is_an_error_of_a_connected_socket() {
    let reactor = threaded();
    let ours = UdpSocket::bind(reactor.handle(), LOOPBACK).expect("bind");
    let gone = StdSocket::bind(LOOPBACK).and_then(|socket| socket.local_addr()).expect("address");
    ours.connect(gone).expect("connect");
    let mut buffer = [0; 8];
    let (error, sent) = block_on(zip(ours.recv(&mut buffer), ours.send(b"anybody?")));
    sent.expect("sent into the void");
    assert_eq!(error.expect_err("the port is closed").kind(), ErrorKind::ConnectionRefused);
}
