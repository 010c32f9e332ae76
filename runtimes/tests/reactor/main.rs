//! The reactor against plain sockets, pipes and clocks of the operating system.
//!
//! One binary, so that it links once. Tests that exhaust or count what a process has run in a child
//! process.

mod driver;
mod fork;
mod guest;
mod limits;
mod shutdown;
mod source;
mod tcp;
mod time;
mod udp;
mod unix;
mod wakers;

use std::future::Future;
use std::net::Ipv4Addr;
use std::os::unix::net::UnixStream;
use std::pin::pin;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use runtimes::reactor::{Driver, Handle, Interest, Reactor, Source, Thread};
use runtimes::time::{Sleep, sleep};

/// Any free port of this machine.
const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

/// Longer than anything here takes; only a test that fails waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// A source that is not readable, and the other end of its pair.
fn quiet(handle: &Handle) -> (Source<UnixStream>, UnixStream) {
    let (ours, theirs) = UnixStream::pair().expect("pair");
    ours.set_nonblocking(true).expect("non-blocking");
    let source = Source::new(handle, ours).expect("register");
    let empty =
        source.try_io(Interest::Readable, |mut ours| std::io::Read::read(&mut ours, &mut [0; 1]));
    assert!(empty.is_err());
    (source, theirs)
}

/// Runs `test` on a reactor without sources, whose driver sleeps on a futex, and on one with a
/// source of which nothing is heard, whose driver sleeps in epoll.
fn in_either_place(test: impl Fn(Arc<Reactor>)) {
    test(Arc::new(Reactor::new().expect("reactor")));
    let reactor = Arc::new(Reactor::new().expect("reactor"));
    let _quiet = quiet(reactor.handle());
    // That it can be written to is its first event.
    reactor.try_driver().expect("driver").turn(Some(Duration::ZERO)).expect("turn");
    test(reactor);
}

/// A reactor driven by a thread of its own.
fn threaded() -> Thread {
    Thread::start(Reactor::new().expect("a reactor")).expect("its thread")
}

/// A waker that counts its wakes.
#[derive(Default)]
struct Wakes(AtomicUsize);

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, SeqCst);
    }
}

impl Wakes {
    fn new() -> (Arc<Self>, Waker) {
        let wakes = Arc::new(Self::default());
        (wakes.clone(), wakes.into())
    }

    fn count(&self) -> usize {
        self.0.load(SeqCst)
    }
}

fn poll_once<F: Future + Unpin>(future: &mut F, waker: &Waker) -> Poll<F::Output> {
    std::pin::Pin::new(future).poll(&mut Context::from_waker(waker))
}

/// A sleep that was pending when it was polled. Where this thread does not run for as long as the
/// sleep lasts, that takes more than one.
fn armed(handle: &Handle, duration: Duration, waker: &Waker) -> Sleep {
    loop {
        let mut sleep = sleep(handle, duration);
        if poll_once(&mut sleep, waker).is_pending() {
            return sleep;
        }
    }
}

/// Runs a future on this thread, turning the reactor whenever it is pending.
fn drive<F: Future>(driver: &mut Driver<'_>, future: F) -> F::Output {
    let (wakes, waker) = Wakes::new();
    let mut future = pin!(future);
    loop {
        let before = wakes.count();
        if let Poll::Ready(output) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
            return output;
        }
        while wakes.count() == before {
            let turn = driver.turn(Some(PATIENCE)).expect("turn");
            assert!(
                turn.events + turn.timers > 0 || wakes.count() != before,
                "nothing happened for {PATIENCE:?}"
            );
        }
    }
}

/// Runs the rest of the test `name` in a process of its own: `true` in that process. In this one it
/// waits for the child's success and returns `false`.
fn in_child(name: &str) -> bool {
    const MARK: &str = "STAMPEDE_TEST_CHILD";
    if std::env::var_os(MARK).is_some() {
        return true;
    }
    let exe = std::env::current_exe().expect("this binary");
    let output = Command::new(exe)
        .args(["--exact", name, "--nocapture", "--test-threads=1"])
        .env(MARK, "1")
        .output()
        .expect("a child process");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("1 passed"), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    false
}
