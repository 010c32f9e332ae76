//! Descriptors of the user's own.

use std::fs::File;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd, RawFd};
use std::task::Poll;
use std::time::Duration;

use futures_lite::future::{block_on, zip};
use runtimes::reactor::{Interest, RawSource, Reactor, Source};
use rustix::io::Errno;
use rustix::pipe::{PipeFlags, pipe_with};

use super::{PATIENCE, Wakes, drive, in_child, poll_once, threaded};

/// A pipe: the end to read from, non-blocking, and the end to write to.
fn pipe() -> (File, File) {
    let (read, write): (OwnedFd, OwnedFd) =
        pipe_with(PipeFlags::NONBLOCK | PipeFlags::CLOEXEC).expect("pipe");
    (read.into(), write.into())
}

#[test]
fn a_pipe_is_read_as_data_comes() {
    let reactor = threaded();
    let (read, mut write) = pipe();
    let source = Source::new(reactor.handle(), read).expect("register");
    let mut buffer = [0; 8];
    for round in 0..20_u8 {
        let (n, ()) = block_on(zip(
            source.io(Interest::Readable, |mut pipe| pipe.read(&mut buffer)),
            async {
                write.write_all(&[round; 3]).expect("write");
            },
        ));
        assert_eq!(n.expect("read"), 3);
        assert_eq!(buffer[..3], [round; 3]);
    }
    drop(write);
    let n =
        block_on(source.io(Interest::Readable, |mut pipe| pipe.read(&mut buffer))).expect("read");
    assert_eq!(n, 0, "the end of the pipe");
}

#[test]
fn readable_and_try_io_work_together() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (read, mut write) = pipe();
    let source = Source::new(reactor.handle(), read).expect("register");
    let mut buffer = [0; 8];
    let error =
        source.try_io(Interest::Readable, |mut pipe| pipe.read(&mut buffer)).expect_err("empty");
    assert_eq!(error.kind(), ErrorKind::WouldBlock);
    let refused = source
        .try_io(Interest::Readable, |_| -> std::io::Result<()> { panic!("known not to be ready") });
    assert_eq!(refused.expect_err("still empty").kind(), ErrorKind::WouldBlock);
    let (wakes, waker) = Wakes::new();
    let mut readable = source.readable();
    assert!(poll_once(&mut readable, &waker).is_pending());
    write.write_all(b"ab").expect("write");
    driver.turn(Some(PATIENCE)).expect("turn");
    assert_eq!(wakes.count(), 1);
    assert!(matches!(poll_once(&mut readable, &waker), Poll::Ready(Ok(()))));
    assert_eq!(
        source.try_io(Interest::Readable, |mut pipe| pipe.read(&mut buffer)).expect("read"),
        2
    );
}

#[test]
fn a_writer_waits_for_room_in_a_pipe() {
    let reactor = threaded();
    let (mut read, write) = pipe();
    let source = Source::new(reactor.handle(), write).expect("register");
    let chunk = [1; 4096];
    let mut sent = 0;
    while let Ok(n) = source.try_io(Interest::Writable, |mut pipe| pipe.write(&chunk)) {
        sent += n;
    }
    assert!(sent >= 4096, "a pipe holds something");
    let mut sink = vec![0; sent];
    let (ready, ()) =
        block_on(zip(source.writable(), async { read.read_exact(&mut sink).expect("read") }));
    ready.expect("writable");
    assert_eq!(
        source.try_io(Interest::Writable, |mut pipe| pipe.write(&chunk)).expect("write"),
        4096
    );
    drop(read);
    let error = block_on(source.io(Interest::Writable, |mut pipe| pipe.write(&chunk)))
        .expect_err("nobody reads");
    assert_eq!(error.kind(), ErrorKind::BrokenPipe);
}

#[test]
fn what_epoll_cannot_watch_is_refused() {
    let reactor = Reactor::new().expect("reactor");
    let file = File::open("/proc/self/exe").expect("a regular file");
    let error = Source::new(reactor.handle(), file).expect_err("a regular file is always ready");
    assert_eq!(Errno::from_io_error(&error), Some(Errno::PERM));

    let (read, _write) = pipe();
    let first = Source::new(reactor.handle(), read.as_fd()).expect("register");
    let error = Source::new(reactor.handle(), read.as_fd()).expect_err("registered already");
    assert_eq!(error.kind(), ErrorKind::AlreadyExists);
    assert_eq!(reactor.handle().sources(), 1, "a failed registration leaves nothing behind");
    drop(first);
    Source::new(reactor.handle(), read.as_fd()).expect("free again");
}

/// Has a raw descriptor and nothing better, as some bindings to C libraries do.
struct Legacy(File);

impl AsRawFd for Legacy {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

#[test]
fn objects_with_only_a_raw_descriptor_register_too() {
    let reactor = threaded();
    let (read, mut write) = pipe();
    // SAFETY: `Legacy` owns the file, and always returns its descriptor.
    let source =
        Source::new(reactor.handle(), unsafe { RawSource::new(Legacy(read)) }).expect("register");
    write.write_all(b"raw").expect("write");
    let mut buffer = [0; 8];
    let read =
        block_on(source.io(Interest::Readable, |legacy| (&legacy.get_ref().0).read(&mut buffer)));
    assert_eq!(read.expect("read"), 3);
    let Legacy(mut file) = source.into_inner().into_inner();
    write.write_all(b"x").expect("write");
    assert_eq!(file.read(&mut buffer).expect("read"), 1);
}

#[test]
fn a_reused_descriptor_and_slot_never_see_an_old_event() {
    // In a process of its own, because other tests would take the free descriptor.
    if !in_child("source::a_reused_descriptor_and_slot_never_see_an_old_event") {
        return;
    }
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    for _ in 0..1_000 {
        let (read, mut write) = pipe();
        let old_fd = read.as_raw_fd();
        let old = Source::new(reactor.handle(), read).expect("register");
        // An event of the old source is ready in the kernel when it goes away; a duplicate keeps
        // the pipe itself alive.
        let duplicate = old.get_ref().try_clone().expect("duplicate");
        write.write_all(b"old").expect("write");
        drop(old);
        let (read, new_write) = pipe();
        assert_eq!(read.as_raw_fd(), old_fd, "the kernel reuses the lowest free number");
        let new = Source::new(reactor.handle(), read).expect("register");
        let mut buffer = [0; 8];
        assert!(
            new.try_io(Interest::Readable, |mut pipe| pipe.read(&mut buffer)).is_err(),
            "nothing was written"
        );
        let (wakes, waker) = Wakes::new();
        let mut readable = new.readable();
        assert!(poll_once(&mut readable, &waker).is_pending());
        write.write_all(b"more of the old").expect("write");
        let turn = driver.turn(Some(Duration::ZERO)).expect("turn");
        assert_eq!((turn.events, wakes.count()), (0, 0), "an old event reached the new source");
        drop((duplicate, new_write));
    }
}

#[test]
fn two_futures_of_one_task_wait_for_the_same_direction() {
    // Their wakers are equal. Dropping the one that stopped waiting must not silence the other.
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (read, mut write) = pipe();
    let source = Source::new(reactor.handle(), read).expect("register");
    assert!(source.try_io(Interest::Readable, |mut pipe| pipe.read(&mut [0; 1])).is_err());
    let (wakes, waker) = Wakes::new();
    let (mut first, mut second) = (source.readable(), source.readable());
    assert!(poll_once(&mut first, &waker).is_pending());
    assert!(poll_once(&mut second, &waker).is_pending());
    drop(first);
    write.write_all(b"x").expect("write");
    driver.turn(Some(PATIENCE)).expect("turn");
    assert_eq!(wakes.count(), 1);
    assert!(poll_once(&mut second, &waker).is_ready());
}

#[test]
fn a_waiter_that_moves_to_another_task_takes_its_wake_up_along() {
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let (read, mut write) = pipe();
    let source = Source::new(reactor.handle(), read).expect("register");
    assert!(source.try_io(Interest::Readable, |mut pipe| pipe.read(&mut [0; 1])).is_err());
    let mut readable = source.readable();
    let ((old_wakes, old), (new_wakes, new)) = (Wakes::new(), Wakes::new());
    assert!(poll_once(&mut readable, &old).is_pending());
    assert!(poll_once(&mut readable, &new).is_pending());
    assert_eq!(std::sync::Arc::strong_count(&old_wakes), 2, "the old waker is not kept");
    write.write_all(b"x").expect("write");
    driver.turn(Some(PATIENCE)).expect("turn");
    assert_eq!((old_wakes.count(), new_wakes.count()), (0, 1));
}

#[test]
fn a_dropped_waiter_is_forgotten() {
    let reactor = Reactor::new().expect("reactor");
    let (read, _write) = pipe();
    let source = Source::new(reactor.handle(), read).expect("register");
    assert!(source.try_io(Interest::Readable, |mut pipe| pipe.read(&mut [0; 1])).is_err());
    let (wakes, waker) = Wakes::new();
    for _ in 0..10 {
        let mut waiters: Vec<_> = (0..10).map(|_| source.readable()).collect();
        waiters.iter_mut().for_each(|waiter| assert!(poll_once(waiter, &waker).is_pending()));
        assert_eq!(std::sync::Arc::strong_count(&wakes), 12);
    }
    assert_eq!(std::sync::Arc::strong_count(&wakes), 2, "no waker of a dropped future is kept");
}

#[test]
fn many_slots_are_told_apart() {
    // More than the first pages of slots hold, freed and taken in between.
    let reactor = Reactor::new().expect("reactor");
    let mut driver = reactor.try_driver().expect("driver");
    let open = || {
        let (read, write) = pipe();
        (Source::new(reactor.handle(), read).expect("register"), write)
    };
    let mut pipes: Vec<_> = (0..700).map(|_| open()).collect();
    for index in (0..700).step_by(3) {
        pipes[index] = open();
    }
    assert_eq!(reactor.handle().sources(), 700);
    for (index, (_, write)) in pipes.iter_mut().enumerate() {
        write.write_all(&(index as u32).to_le_bytes()).expect("write");
    }
    drive(&mut driver, async {
        for (index, (source, _)) in pipes.iter().enumerate() {
            let mut buffer = [0; 8];
            let n = source
                .io(Interest::Readable, |mut pipe| pipe.read(&mut buffer))
                .await
                .expect("read");
            assert_eq!(
                (n, u32::from_le_bytes(buffer[..4].try_into().expect("four bytes"))),
                (4, index as u32)
            );
        }
    });
}
