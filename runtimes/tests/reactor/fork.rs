//! A child process that inherits a reactor changes nothing in its parent.

use std::io::Write;
use std::os::unix::net::UnixStream;
use std::time::Duration;

use runtimes::reactor::{Interest, Reactor, Source};

use super::{Wakes, in_child, poll_once, quiet};

/// Runs `body` in a forked child and returns its exit status.
fn forked(body: impl FnOnce() -> u8) -> i32 {
    // SAFETY: the child runs `body` alone and ends with `_exit`. Locks that other threads of this
    // process hold stay locked in it for ever; `body` takes only those of a reactor that no other
    // thread uses, and those of the allocator, which glibc makes usable in the child.
    let pid = unsafe { libc::fork() };
    assert!(pid >= 0, "fork: {}", std::io::Error::last_os_error());
    if pid == 0 {
        let status = body();
        // SAFETY: ends the child without running anything that belongs to the parent.
        unsafe { libc::_exit(status.into()) };
    }
    let mut status = 0;
    // SAFETY: waits for the child made above; `status` is valid for the write.
    assert_eq!(unsafe { libc::waitpid(pid, &raw mut status, 0) }, pid);
    assert!(libc::WIFEXITED(status), "the child died: {status:#x}");
    libc::WEXITSTATUS(status)
}

#[test]
fn the_parent_still_hears_of_a_source_that_the_child_dropped() {
    // In a process of its own: other tests' threads would be missing in the child.
    if !in_child("fork::the_parent_still_hears_of_a_source_that_the_child_dropped") {
        return;
    }
    let reactor = Reactor::new().expect("reactor");
    let (source, mut theirs) = quiet(reactor.handle());
    let mut readable = Some(source.readable());
    let (wakes, waker) = Wakes::new();
    assert!(poll_once(readable.as_mut().expect("there"), &waker).is_pending());
    let turn = || reactor.try_driver().expect("driver").turn(Some(Duration::ZERO));
    turn().expect("turn");
    let (spare, _other_end) = UnixStream::pair().expect("pair");
    let status = forked(|| {
        // What the child does with its copies.
        drop(readable.take());
        let refused = Source::new(reactor.handle(), spare.try_clone().expect("clone")).is_err();
        let deaf = turn().is_err();
        // SAFETY: it is not used again in this process, which ends without dropping it.
        drop(unsafe { std::ptr::read(&raw const source) });
        let own = Reactor::new().expect("a reactor of its own");
        let works =
            Source::new(own.handle(), spare.try_clone().expect("clone")).is_ok_and(|source| {
                let turned = own.try_driver().expect("driver").turn(Some(Duration::ZERO));
                turned.is_ok_and(|turn| turn.events == 1)
                    && source.try_io(Interest::Writable, |_| Ok(())).is_ok()
            });
        u8::from(refused) | u8::from(deaf) << 1 | u8::from(works) << 2
    });
    assert_eq!(status, 0b111, "the child is refused what would disturb its parent, and only that");
    theirs.write_all(b"x").expect("write");
    assert_eq!(turn().expect("turn").events, 1);
    assert_eq!(wakes.count(), 1);
}
