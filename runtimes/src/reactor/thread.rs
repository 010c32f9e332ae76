//! A reactor on a thread of its own, for executors that do not drive one in their idle loop.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool, AtomicU64,
    Ordering::{Acquire, Relaxed, Release},
};
use std::thread::JoinHandle;

use super::{Handle, Reactor};

/// Drives a reactor until it is dropped; then shuts the reactor down and joins the thread.
#[derive(Debug)]
pub struct Thread {
    handle: Handle,
    control: Arc<Control>,
    thread: Option<JoinHandle<()>>,
}

/// What a [`Thread`]'s turns did, added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Calls of `epoll_pwait2` or `epoll_wait`.
    pub waits: u64,
    /// Readiness events delivered.
    pub events: u64,
    /// Timers fired.
    pub timers: u64,
}

#[derive(Debug, Default)]
struct Control {
    stop: AtomicBool,
    waits: AtomicU64,
    events: AtomicU64,
    timers: AtomicU64,
}

impl Thread {
    /// Moves `reactor` to a new thread, which drives it. The thread's timer slack is set to a
    /// nanosecond.
    ///
    /// # Errors
    /// When the system refuses the thread.
    pub fn start(reactor: Reactor) -> io::Result<Self> {
        let handle = reactor.handle().clone();
        let control = Arc::new(Control::default());
        let thread = std::thread::Builder::new().name("reactor".into()).spawn({
            let control = Arc::clone(&control);
            move || drive(&reactor, &control)
        })?;
        Ok(Self { handle, control, thread: Some(thread) })
    }

    /// The handle with which leaf futures register.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// What the turns have done so far.
    pub fn totals(&self) -> Totals {
        Totals {
            waits: self.control.waits.load(Relaxed),
            events: self.control.events.load(Relaxed),
            timers: self.control.timers.load(Relaxed),
        }
    }
}

fn drive(reactor: &Reactor, control: &Control) {
    // Without it timers are up to 50 µs late. Refused only by sandboxes, and then they are just
    // that.
    let _ = super::set_timer_slack_min();
    let Some(mut driver) = reactor.try_driver() else { return };
    // Acquire: pairs with the release in `drop`.
    while !control.stop.load(Acquire) {
        let Ok(turn) = driver.turn(None) else { break };
        // This thread is the only writer.
        let add = |cell: &AtomicU64, n: u32| cell.store(cell.load(Relaxed) + u64::from(n), Relaxed);
        add(&control.waits, turn.waits);
        add(&control.events, turn.events);
        add(&control.timers, turn.timers);
    }
}

impl Drop for Thread {
    fn drop(&mut self) {
        // Release: pairs with the acquire in `drive`; the notification carries it across.
        self.control.stop.store(true, Release);
        self.handle.notify();
        if let Some(thread) = self.thread.take() {
            // Nothing on it panics; if it did, its message was printed.
            let _ = thread.join();
        }
    }
}
