//! Unix stream sockets against plain ones of the standard library.

use std::io::{ErrorKind, IoSlice, Read, Write};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net as std_unix;
use std::thread;
use std::time::Duration;

use futures_lite::future::{block_on, zip};
use runtimes::net::{TcpStream, UnixListener, UnixStream};
use runtimes::reactor::Reactor;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};

use super::{drive, threaded};

#[test]
fn listens_and_connects() {
    let reactor = threaded();
    let path = std::env::temp_dir().join(format!("stampede-reactor-{}.socket", std::process::id()));
    let listener = UnixListener::bind(reactor.handle(), &path).expect("bind");
    let client = thread::spawn({
        let path = path.clone();
        move || {
            let mut stream = std_unix::UnixStream::connect(path).expect("connect");
            stream.write_all(b"question").expect("write");
            let mut answer = String::new();
            stream.read_to_string(&mut answer).expect("read");
            answer
        }
    });
    block_on(async {
        let stream = listener.accept().await.expect("accept");
        let mut buffer = [0; 8];
        stream.read_exact(&mut buffer).await.expect("read");
        assert_eq!(&buffer, b"question");
        stream.write_all(b"answer").await.expect("write");
    });
    assert_eq!(client.join().expect("client"), "answer");

    let ours = UnixStream::connect(reactor.handle(), &path).expect("connect");
    let theirs = block_on(listener.accept()).expect("accept");
    drop(theirs);
    assert_eq!(block_on(ours.read(&mut [0; 1])).expect("read"), 0);
    drop(listener);
    std::fs::remove_file(&path).expect("remove");
    let error = UnixStream::connect(reactor.handle(), &path).expect_err("nobody listens");
    assert_eq!(error.kind(), ErrorKind::NotFound);
}

#[test]
fn a_pair_carries_more_than_its_buffers_hold() {
    let reactor = threaded();
    let (a, b) = UnixStream::pair(reactor.handle()).expect("pair");
    let sent: Vec<u8> = (0..3_000_000_u32).map(|i| (i % 251) as u8).collect();
    let mut received = vec![0; sent.len()];
    block_on(async {
        let (write, read) = zip(a.write_all(&sent), b.read_exact(&mut received)).await;
        write.expect("write");
        read.expect("read");
    });
    assert!(sent == received, "what arrives is what was sent");
    drop(b);
    let error = block_on(a.write(b"x")).expect_err("the peer is gone");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

/// Three messages, of which the second carries a descriptor: a read stops behind it, short of what
/// is there.
fn send_with_a_descriptor(mut plain: &std_unix::UnixStream) {
    plain.write_all(b"one").expect("write");
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let passed = [plain.as_fd()];
    assert!(control.push(SendAncillaryMessage::ScmRights(&passed)));
    let sent =
        sendmsg(plain, &[IoSlice::new(b"two")], &mut control, SendFlags::empty()).expect("sendmsg");
    assert_eq!(sent, 3);
    plain.write_all(b"three").expect("write");
}

#[test]
fn a_read_that_stops_at_a_descriptor_does_not_strand_what_follows_it() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (ours, plain) = std_unix::UnixStream::pair().expect("pair");
    let ours = UnixStream::from_std(reactor.handle(), ours).expect("register");
    send_with_a_descriptor(&plain);
    // Everything has arrived and all edges are delivered before the first read.
    driver.turn(Some(Duration::ZERO)).expect("turn");
    let mut received = [0; 11];
    drive(&mut driver, ours.read_exact(&mut received)).expect("read");
    assert_eq!(&received, b"onetwothree");
}

#[test]
fn a_stream_that_is_tcp_in_name_only_is_not_taken_for_it() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (ours, plain) = std_unix::UnixStream::pair().expect("pair");
    let disguised = std::net::TcpStream::from(OwnedFd::from(ours));
    let ours = TcpStream::from_std(reactor.handle(), disguised).expect("register");
    send_with_a_descriptor(&plain);
    driver.turn(Some(Duration::ZERO)).expect("turn");
    let mut received = [0; 64];
    let mut length = 0;
    drive(&mut driver, async {
        while length < 11 {
            length += ours.read(&mut received[length..]).await.expect("read");
        }
    });
    assert_eq!(&received[..11], b"onetwothree");
}
