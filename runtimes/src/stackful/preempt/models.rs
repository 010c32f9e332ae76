//! Models of the words between worker, handler and monitor that loom explores in every interleaving
//! and memory order.
//!
//! They run the real words and the real alarm. The kernel is one word, which holds the signal that
//! is on its way, and orders nothing. **The handler is a call on the worker's own thread**, at
//! every point between two of the worker's steps: it does so if a signal is there, which is up to
//! the interleaving with the monitor. That is what happens, and no less: a handler runs to its end
//! before the worker goes on, on the worker's own view of memory. (As a thread beside the worker it
//! could do what no handler can, and its orderings would be checked against the wrong thread.) What
//! loom cannot see is the compiler's freedom to move the worker's steps, which the compiler fences
//! take away.

use std::cell::Cell;
use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use loom::thread;

use super::monitor::Alarm;
use super::safe_point::Refusal;
use super::words::Words;
use crate::sync::{explore, explore_with_barriers};

/// A slice begins at ten times its number.
const fn start_of(slice: u64) -> u64 {
    10 * slice
}

/// The worker's words, and the kernel.
struct Fixture {
    words: Words<usize>,
    /// The slice that the signal on its way was sent for, or 0.
    on_its_way: AtomicU64,
    /// The slices that the monitor has found to have overrun, one bit each.
    judged: AtomicU64,
    /// Threads that have ended.
    ended: [AtomicBool; 2],
}

impl Fixture {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            words: Words::new(),
            on_its_way: AtomicU64::new(0),
            judged: AtomicU64::new(0),
            ended: [AtomicBool::new(false), AtomicBool::new(false)],
        })
    }

    /// A fixture with a worker in it, and a monitor that looks so many times.
    fn watched(looks: usize) -> (Arc<Self>, thread::JoinHandle<()>) {
        let fixture = Self::new();
        fixture.words.set_recipient(Some(0));
        let monitor = thread::spawn({
            let fixture = fixture.clone();
            move || (0..looks).for_each(|_| fixture.look())
        });
        (fixture, monitor)
    }

    /// The monitor looks once: whatever runs has overrun its slice.
    fn look(&self) {
        if let Some((slice, started_ns)) = self.words.running() {
            assert!(
                started_ns >= start_of(slice),
                "slice {slice} is judged by the beginning {started_ns}"
            );
            self.judged.fetch_or(1 << slice, Relaxed);
            self.send(slice);
        }
    }

    /// The monitor sends a signal. True: it did.
    fn send(&self, slice: u64) -> bool {
        let sent = Cell::new(false);
        self.words.send(slice, start_of(slice) + 1, |thread| {
            sent.set(true);
            assert!(!self.ended[thread].load(Relaxed), "a signal to a thread that has ended");
            assert_eq!(self.on_its_way.swap(slice, Relaxed), 0, "one signal in flight");
            true
        });
        sent.get()
    }
}

/// The worker's side of a run, with what it knows that the words should not contradict.
struct Worker<'a> {
    fixture: &'a Fixture,
    /// The slice that is armed and has not been taken.
    armed: Cell<u64>,
    /// A `NoPreempt` is held.
    guarded: Cell<bool>,
    taken: Cell<u32>,
}

impl<'a> Worker<'a> {
    fn new(fixture: &'a Fixture) -> Self {
        Self { fixture, armed: Cell::new(0), guarded: Cell::new(false), taken: Cell::new(0) }
    }

    /// A point between two steps: the signal comes here if it is on its way. True: the thread is
    /// diverted.
    fn interrupted(&self) -> bool {
        let signal = self.fixture.on_its_way.swap(0, Relaxed);
        if signal == 0 {
            return false;
        }
        let verdict = self
            .fixture
            .words
            .take(|| if self.guarded.get() { Err(Refusal::Guarded) } else { Ok(()) });
        let armed = self.armed.get();
        let own = if self.guarded.get() { Err(Refusal::Guarded) } else { Ok(()) };
        match verdict {
            Err(Refusal::NoRegion) => assert_eq!(armed, 0),
            Err(Refusal::Stale) => assert_ne!(armed, signal, "its own signal"),
            verdict => {
                // Or a late signal has come just when the monitor was sending the next.
                let judged = self.fixture.judged.fetch_or(0, Relaxed) & (1 << armed) != 0;
                assert!(
                    armed != 0 && judged && verdict == own,
                    "{verdict:?} for slice {armed}, which has not overrun"
                );
                assert!(
                    self.fixture.words.sent_ns() > start_of(armed),
                    "the time of another signal"
                );
            }
        }
        if verdict.is_ok() {
            self.taken.set(self.taken.get() + 1);
            self.armed.set(0);
        }
        let running = self.fixture.words.running().map_or(0, |(slice, _)| slice);
        assert_eq!(
            running,
            self.armed.get(),
            "refused, the slice may still be preempted; taken, it may not"
        );
        verdict.is_ok()
    }

    /// The coroutine enters a region in a new slice, computes, and leaves it, interrupted at any
    /// point.
    fn slice(&self, slice: u64) {
        self.fixture.words.set_started_ns(start_of(slice));
        self.interrupted();
        self.fixture.words.arm(slice);
        self.armed.set(slice);
        if self.interrupted() {
            // The first instruction of the trampoline.
            assert!(!self.interrupted(), "the slice is taken twice");
        }
        self.fixture.words.disarm();
        self.armed.set(0);
        self.interrupted();
    }
}

/// A signal takes the slice that it was sent for, once, or nothing; there is one in flight; the
/// monitor judges no slice by an older one's beginning.
///
/// Fails when the handler reads `armed` without clearing it, does not compare it with `target`, or
/// does not put it back; when `pending` is not set, not looked at or not cleared; when `armed` is
/// stored or loaded Relaxed, in the handler too; and when `pending` is stored or swapped Relaxed.
#[test]
fn a_signal_takes_its_own_slice_or_none() {
    explore(3, || {
        let (fixture, monitor) = Fixture::watched(3);
        let worker = Worker::new(&fixture);
        worker.slice(1);
        worker.slice(2);
        monitor.join().unwrap();
        assert!(worker.taken.get() <= 2);
    });
}

/// A slice whose signal was refused is signalled again, and taken.
///
/// Fails when the handler does not put `armed` back, and when it does not clear `pending`.
#[test]
fn a_refused_signal_is_followed_by_another() {
    explore(3, || {
        let (fixture, monitor) = Fixture::watched(2);
        let worker = Worker::new(&fixture);
        worker.guarded.set(true);
        fixture.words.set_started_ns(start_of(1));
        fixture.words.arm(1);
        worker.armed.set(1);
        worker.interrupted();
        worker.guarded.set(false);
        worker.interrupted();
        monitor.join().unwrap();
        // What the monitor has sent by now has come, or comes here.
        worker.interrupted();
        if worker.taken.get() == 0 {
            fixture.look();
            assert!(worker.interrupted(), "another is sent, and taken");
        }
        assert_eq!(worker.taken.get(), 1);
    });
}

/// A worker that stops takes no signals any more: its thread may end. A signal that was on its way
/// then keeps none from the thread that is the worker next.
///
/// Fails when `send` lets the lock go before it has sent, and when `set_recipient` leaves `pending`
/// as it is.
#[test]
fn no_signal_goes_to_a_thread_that_has_ended() {
    explore(3, || {
        let (fixture, monitor) = Fixture::watched(2);
        fixture.words.set_started_ns(start_of(1));
        fixture.words.arm(1);
        fixture.words.disarm();
        fixture.words.set_recipient(None);
        fixture.ended[0].store(true, Relaxed);
        // It takes signals on its way with it.
        fixture.on_its_way.store(0, Relaxed);
        fixture.words.set_recipient(Some(1));
        let worker = Worker::new(&fixture);
        worker.slice(2);
        monitor.join().unwrap();
        worker.interrupted();
        assert!(fixture.send(3), "nothing is in flight");
    });
}

/// The alarm of a monitor, which is the calling thread.
fn alarm_here() -> Alarm {
    let alarm = Alarm::default();
    alarm.set_monitor(thread::current());
    alarm
}

/// A monitor that goes to sleep while workers enter regions wakes up; one that slept on would show
/// as a deadlock.
///
/// Fails without the barrier of either side, without the monitor's look after it, and when ringing
/// does not wake.
#[test]
fn a_region_that_is_entered_wakes_the_monitor() {
    explore_with_barriers(3, || {
        let (alarm, beds) = (alarm_here(), [Fixture::new(), Fixture::new()]);
        let enter = |n: usize, leave: bool| {
            let (alarm, fixture) = (alarm.clone(), beds[n].clone());
            thread::spawn(move || {
                fixture.words.arm(1);
                alarm.ring();
                if leave {
                    fixture.words.disarm();
                }
            })
        };
        let (leaves, stays) = (enter(0, true), enter(1, false));
        let sleep = || alarm.sleep(|| beds.iter().any(|fixture| fixture.words.running().is_some()));
        sleep();
        // The monitor may have been woken for the one that leaves, and sleeps again when it has
        // left.
        leaves.join().unwrap();
        while beds[1].words.running().is_none() {
            sleep();
        }
        stays.join().unwrap();
    });
}

/// A monitor that goes to sleep while the runtime stops ends.
///
/// Fails when stopping does not wake, and when the monitor does not look before it sleeps on.
#[test]
fn a_monitor_that_is_stopped_ends() {
    explore(3, || {
        let alarm = alarm_here();
        let stopper = thread::spawn({
            let alarm = alarm.clone();
            move || {
                // For a region that is over when the monitor looks.
                alarm.ring();
                alarm.stop();
            }
        });
        while !alarm.is_stopped() {
            alarm.sleep(|| false);
        }
        stopper.join().unwrap();
    });
}
