//! A reactor in somebody else's driver: its descriptor is readable when there is something to do, and
//! is not when a turn has done it.

use std::future::Future;
use std::os::fd::AsFd;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use runtimes::net::UnixStream;
use runtimes::reactor::{Guest, Reactor};
use runtimes::time::sleep;
use rustix::event::{PollFd, PollFlags, Timespec, poll};

/// Far longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Timespec = Timespec { tv_sec: 20, tv_nsec: 0 };
const NOW: Timespec = Timespec { tv_sec: 0, tv_nsec: 0 };

#[derive(Default)]
struct Flag(AtomicBool);

impl Wake for Flag {
    fn wake(self: Arc<Self>) {
        self.0.store(true, SeqCst);
    }
}

fn flag() -> (Arc<Flag>, Waker) {
    let flag = Arc::new(Flag::default());
    (flag.clone(), Waker::from(flag))
}

fn guest() -> Guest {
    let guest = Guest::new(Reactor::new().expect("an epoll instance")).expect("a timer");
    guest.turn().expect("it runs");
    guest
}

fn is_readable(guest: &Guest, within: &Timespec) -> bool {
    let descriptor = guest.as_fd();
    let mut polled = [PollFd::new(&descriptor, PollFlags::IN)];
    poll(&mut polled, Some(within)).expect("it can be polled") == 1
}

#[test]
fn nothing_is_readable_when_nothing_is_to_be_done() {
    let guest = guest();
    assert!(!is_readable(&guest, &NOW));
    guest.handle().notify();
    assert!(is_readable(&guest, &PATIENCE), "somebody wants a turn");
    guest.turn().expect("it runs");
    assert!(!is_readable(&guest, &NOW), "it was taken");
}

#[test]
fn a_timer_that_is_due_makes_it_readable_and_its_turn_wakes() {
    let guest = guest();
    let (woken, waker) = flag();
    let mut nap = pin!(sleep(guest.handle(), Duration::from_millis(5)));
    assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    while !woken.0.load(SeqCst) {
        assert!(is_readable(&guest, &PATIENCE));
        guest.turn().expect("it runs");
    }
    assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
    assert_eq!(guest.totals().timers, 1);
}

#[test]
fn an_earlier_timer_from_another_thread_is_heard_of() {
    let guest = guest();
    let (late, waker) = flag();
    let mut long = pin!(sleep(guest.handle(), Duration::from_secs(3_600)));
    assert!(long.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    guest.turn().expect("it runs");
    let (woken, waker) = flag();
    let handle = guest.handle().clone();
    let sleeper = thread::spawn(move || {
        let mut nap = Box::pin(sleep(&handle, Duration::from_millis(1)));
        assert!(nap.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
        nap
    });
    let nap = sleeper.join().expect("it armed a timer");
    while !woken.0.load(SeqCst) {
        assert!(is_readable(&guest, &PATIENCE));
        guest.turn().expect("it runs");
    }
    drop(nap);
    assert!(!late.0.load(SeqCst));
}

#[test]
fn an_event_of_a_source_makes_it_readable() {
    let guest = guest();
    let (near, far) = UnixStream::pair(guest.handle()).expect("a pair of sockets");
    guest.turn().expect("it runs");
    let (woken, waker) = flag();
    let mut buffer = [0; 1];
    let mut reading = pin!(far.read_exact(&mut buffer));
    assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_pending());
    assert!(!is_readable(&guest, &NOW));
    let (_, idle) = flag();
    let mut writing = pin!(near.write_all(&[1]));
    assert!(writing.as_mut().poll(&mut Context::from_waker(&idle)).is_ready());
    while !woken.0.load(SeqCst) {
        assert!(is_readable(&guest, &PATIENCE));
        guest.turn().expect("it runs");
    }
    assert!(reading.as_mut().poll(&mut Context::from_waker(&waker)).is_ready());
}

#[test]
fn a_turn_of_what_has_shut_down_is_an_error() {
    let guest = guest();
    let handle = guest.handle().clone();
    drop(guest);
    let (woken, waker) = flag();
    let mut nap = pin!(sleep(&handle, Duration::from_secs(3_600)));
    let polled = nap.as_mut().poll(&mut Context::from_waker(&waker));
    assert!(polled.is_ready() || woken.0.load(SeqCst), "it does not sleep for ever");
}
