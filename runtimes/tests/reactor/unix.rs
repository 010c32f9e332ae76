//! Unix stream sockets against plain ones of the standard library.

use std::io::{ErrorKind, Read, Write};
use std::os::unix::net as std_unix;
use std::thread;

use futures_lite::future::{block_on, zip};
use runtimes::net::{UnixListener, UnixStream};

use super::threaded;

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
