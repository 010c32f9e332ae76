//! Models of the reactor's protocols that loom explores in every interleaving and memory order.
//!
//! Run them with `RUSTFLAGS="--cfg stampede_loom" CARGO_TARGET_DIR=target/loom cargo test -p
//! runtimes --lib --release loom_`. They run the real slot, word and timers; only the kernel is
//! made of loom's parts. Each was seen to fail when the step that it is about is taken out; its
//! text says which.

use std::io;
use std::sync::Arc as StdArc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed as StdRelaxed};
use std::task::{Context, Wake, Waker};

use loom::future::block_on;
use loom::sync::atomic::{
    AtomicUsize as LoomUsize,
    Ordering::{AcqRel, Acquire, Relaxed, Release},
};
use loom::sync::{Arc, Condvar, Mutex};
use loom::thread;
use rustix::event::epoll::EventFlags;

use super::Interest::Readable;
use super::notifier::{Place, Reason, Word};
use super::operation::{Left, poll_operation};
use super::readiness::{Arm, Clear};
use super::slots::{Slot, Slots};
use super::timers::{Armed, Timers};
use super::waiters::Token;

/// Explores with at most three forced switches between threads in a run: these models take minutes
/// without a limit, and no known bug of this kind needs more.
fn bounded_model(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// A waker that counts. The standard library's atomics: loom has nothing to explore here.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: StdArc<Self>) {
        self.0.fetch_add(1, StdRelaxed);
    }
}

fn counting() -> (StdArc<Count>, Waker) {
    let count = StdArc::new(Count::default());
    (count.clone(), count.into())
}

/// A socket's receive buffer: bytes arrive, and a read takes all there are.
struct Socket(LoomUsize);

impl Socket {
    fn arrive(&self) {
        self.0.fetch_add(1, AcqRel);
    }

    fn receive(&self) -> io::Result<usize> {
        match self.0.swap(0, AcqRel) {
            0 => Err(io::ErrorKind::WouldBlock.into()),
            n => Ok(n),
        }
    }
}

fn deliver(slot: &Slot, generation: u32, events: EventFlags) {
    let mut wakers = Vec::new();
    slot.deliver(generation, events, &mut wakers);
    wakers.into_iter().for_each(Waker::wake);
}

/// A reader that drains with short reads gets both bytes, however their events interleave with its
/// polls.
///
/// Fails (deadlock) when `Readiness::clear` ignores the tick, and when `Readiness::arm` does not
/// look at the readiness.
#[test]
fn loom_no_edge_is_lost() {
    bounded_model(|| {
        let shared = Arc::new((Slot::new(), Socket(LoomUsize::new(0))));
        let generation = shared.0.readiness.open(true);
        let kernel = thread::spawn({
            let shared = shared.clone();
            move || {
                for _ in 0..2 {
                    shared.1.arrive();
                    deliver(&shared.0, generation, EventFlags::IN);
                }
            }
        });
        let (slot, socket) = &*shared;
        let mut received = 0;
        while received < 2 {
            let mut token = Token::default();
            received += block_on(std::future::poll_fn(|cx: &mut Context<'_>| {
                poll_operation(slot, Readable, &mut token, cx, |_| {
                    Ok((socket.receive()?, Left::Nothing))
                })
            }))
            .expect("no error");
        }
        kernel.join().expect("the kernel");
    });
}

/// An event of an earlier source neither makes the slot's next source ready nor takes its waiter.
///
/// Fails when `Readiness::set` does not compare the generation, and when `Slot::deliver` does not
/// compare it again under the lock.
#[test]
fn loom_no_old_event_reaches_a_new_source() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        let old = slot.readiness.open(false);
        let (_, waker) = counting();
        assert_eq!(slot.arm(Readable, &mut Token::default(), &waker), Arm::Waiting);
        let driver = thread::spawn({
            let slot = slot.clone();
            move || deliver(&slot, old, EventFlags::IN)
        });
        drop(slot.close());
        let new = slot.readiness.open(false);
        let (count, waker) = counting();
        assert_eq!(
            slot.arm(Readable, &mut Token::default(), &waker),
            Arm::Waiting,
            "the new source saw an old event"
        );
        driver.join().expect("the driver");
        assert_eq!(
            count.0.load(StdRelaxed),
            0,
            "the new source's waiter was woken by an old event"
        );
        deliver(&slot, new, EventFlags::IN);
        assert_eq!(
            count.0.load(StdRelaxed),
            1,
            "the new source's waiter was taken by an old event"
        );
    });
}

/// Two readers of one source: one gives up while an event comes; the other is woken, or sees the
/// readiness.
///
/// Fails when `Slot::disarm` clears the waiting bit.
#[test]
fn loom_a_reader_that_gives_up_silences_nobody() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        let generation = slot.readiness.open(false);
        let driver = thread::spawn({
            let slot = slot.clone();
            move || deliver(&slot, generation, EventFlags::IN)
        });
        let quitter = thread::spawn({
            let slot = slot.clone();
            move || {
                let mut token = Token::default();
                let (_, waker) = counting();
                if slot.arm(Readable, &mut token, &waker) == Arm::Waiting {
                    slot.disarm(Readable, token);
                }
            }
        });
        let mut token = Token::default();
        let (count, waker) = counting();
        let armed = slot.arm(Readable, &mut token, &waker);
        quitter.join().expect("the quitter");
        driver.join().expect("the driver");
        let woken = count.0.load(StdRelaxed);
        assert!(woken == 1 || armed == Arm::Ready, "armed: {armed:?}, woken: {woken}");
        slot.disarm(Readable, token);
        assert!(slot.close().is_empty(), "a waiter is left behind");
    });
}

/// A clear that is out of date, by another reader's event, leaves the readiness alone.
///
/// Fails when `Readiness::clear` ignores the tick.
#[test]
fn loom_a_stale_clear_does_nothing() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        let generation = slot.readiness.open(true);
        let seen = slot.readiness.load();
        let driver = thread::spawn({
            let slot = slot.clone();
            move || deliver(&slot, generation, EventFlags::IN)
        });
        slot.readiness.clear(seen, Readable, Clear::WouldBlock);
        driver.join().expect("the driver");
        assert!(slot.readiness.load().is_ready(Readable));
    });
}

/// Shutting down either fails the waiter or takes its waker; nothing stays stored.
///
/// Fails when `Readiness::arm` does not look at the shut-down flag.
#[test]
fn loom_shutdown_leaves_no_waiter() {
    loom::model(|| {
        let slot = Arc::new(Slot::new());
        slot.readiness.open(false);
        let closer = thread::spawn({
            let slot = slot.clone();
            move || {
                let mut wakers = Vec::new();
                slot.shut_down(&mut wakers);
                wakers.len()
            }
        });
        let (_, waker) = counting();
        let armed = slot.arm(Readable, &mut Token::default(), &waker);
        let dropped = closer.join().expect("the closer");
        assert_eq!(armed == Arm::Waiting, dropped == 1, "armed: {armed:?}, dropped: {dropped}");
        assert!(slot.close().is_empty(), "a waker is kept");
    });
}

/// An eventfd in an epoll set, edge-triggered: a write lets one wait return.
#[derive(Default)]
struct EventFd {
    edge: Mutex<bool>,
    changed: Condvar,
}

impl EventFd {
    fn write(&self) {
        *self.edge.lock().expect("lock") = true;
        self.changed.notify_one();
    }

    fn wait(&self) {
        let mut edge = self.edge.lock().expect("lock");
        while !*edge {
            edge = self.changed.wait(edge).expect("lock");
        }
        *edge = false;
    }
}

/// Two threads notify a driver that sleeps whenever it knows nothing better; it learns of both, and
/// sees what each wrote before.
///
/// Fails (deadlock) when `Word::raise` looks at the word first and sets its bit in a second step,
/// when the driver waits without looking at what `prepare` returned, and (on the data) when `raise`
/// is relaxed.
#[test]
fn loom_no_notification_is_lost() {
    bounded_model(|| {
        let shared =
            Arc::new((Word::new(), EventFd::default(), [LoomUsize::new(0), LoomUsize::new(0)]));
        let notifiers = [0, 1].map(|n| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (word, event, data) = &*shared;
                data[n].store(1, Relaxed);
                if word.raise(Reason::Notified) {
                    event.write();
                }
            })
        });
        let (word, event, data) = &*shared;
        while data.iter().any(|cell| cell.load(Relaxed) == 0) {
            while {
                if !word.prepare(Place::Epoll).any() {
                    event.wait();
                }
                !word.finish().notified()
            } {}
        }
        for notifier in notifiers {
            notifier.join().expect("a notifier");
        }
    });
}

/// The same for a driver that sleeps on the word, which each of them may wake.
///
/// Fails (deadlock) when `Word::raise` does not wake the futex, or when `Word::prepare` says
/// nothing of the place.
#[test]
fn loom_no_notification_is_lost_on_the_futex() {
    bounded_model(|| {
        let shared = Arc::new((Word::new(), [LoomUsize::new(0), LoomUsize::new(0)]));
        let notifiers = [0, 1].map(|n| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (word, data) = &*shared;
                data[n].store(1, Relaxed);
                assert!(!word.raise(Reason::Notified), "nobody waits in epoll");
            })
        });
        let (word, data) = &*shared;
        while data.iter().any(|cell| cell.load(Relaxed) == 0) {
            while {
                if !word.prepare(Place::Futex).any() {
                    word.wait(None);
                }
                !word.finish().notified()
            } {}
        }
        for notifier in notifiers {
            notifier.join().expect("a notifier");
        }
    });
}

/// A driver that sleeps on the word goes to epoll when two threads register sources, neither of
/// which is done before that.
///
/// Fails (deadlock) when `Slots::insert` does not call `first` or calls it before it counts; and
/// (on the place) when it calls it after it has unlocked.
#[test]
fn loom_no_source_is_overslept() {
    bounded_model(|| {
        let shared = Arc::new((Slots::new(), Word::new()));
        let (slots, word) = &*shared;
        let registrars = [0, 1].map(|_| {
            let shared = shared.clone();
            thread::spawn(move || {
                let (slots, word) = &*shared;
                slots
                    .insert(true, || assert!(!word.raise(Reason::Rearm), "nobody waits in epoll"))
                    .expect("room");
                // Nothing but REARM is raised here, so a wait on the word that goes on has no bit
                // of it.
                assert!(!word.is_asleep(), "a source is registered and the driver sleeps");
            })
        });
        while slots.live() == 0 {
            if !word.prepare(Place::Futex).any() {
                word.wait(None);
            }
            word.finish();
        }
        for registrar in registrars {
            registrar.join().expect("a registrar");
        }
    });
}

/// A driver that sleeps for a late timer learns of an earlier one that comes in meanwhile.
///
/// Fails (deadlock) when `Timers::commit` does not store what the driver sleeps for.
#[test]
fn loom_no_earlier_timer_is_overslept() {
    const EARLY_NS: u64 = 50;
    const LATE_NS: u64 = 100;
    loom::model(|| {
        let shared = Arc::new((Timers::new(), Word::new(), EventFd::default()));
        let (timers, word, event) = &*shared;
        let (_, waker) = counting();
        assert!(matches!(timers.arm(LATE_NS, &waker), Armed::Pending { .. }));
        let other = thread::spawn({
            let shared = shared.clone();
            move || {
                let (timers, word, event) = &*shared;
                let (_, waker) = counting();
                let Armed::Pending { earlier, .. } = timers.arm(EARLY_NS, &waker) else {
                    panic!("not due yet")
                };
                if earlier && word.raise(Reason::Rearm) {
                    event.write();
                }
            }
        });
        loop {
            let until_ns = timers.commit(None).expect("a timer is pending");
            let pending = word.prepare(Place::Epoll);
            if !pending.any() {
                if until_ns == EARLY_NS {
                    break;
                }
                // The time never comes in this model, so only the notification can end this wait.
                event.wait();
            }
            word.finish();
        }
        other.join().expect("the other thread");
    });
}

/// A timer that is armed while the driver fires either is refused, or is taken out and woken; and
/// whoever sees it as fired sees what the driver did before.
///
/// Fails when `Timers::fire` publishes the time before it has taken the timers out.
#[test]
fn loom_a_timer_fires_or_is_refused() {
    loom::model(|| {
        let shared = Arc::new((Timers::new(), LoomUsize::new(0)));
        let driver = thread::spawn({
            let shared = shared.clone();
            move || {
                let mut wakers = Vec::new();
                shared.1.store(1, Release);
                while shared.0.fire(10, &mut wakers) {}
                wakers.into_iter().for_each(Waker::wake);
            }
        });
        let (timers, fired) = &*shared;
        let (count, waker) = counting();
        let armed = timers.arm(5, &waker);
        if timers.has_fired(5) {
            assert_eq!(fired.load(Relaxed), 1);
            assert_eq!(timers.len(), 0, "fired, so there must be nothing to cancel");
        }
        driver.join().expect("the driver");
        let woken = count.0.load(StdRelaxed);
        assert_eq!(woken == 1, matches!(armed, Armed::Pending { .. }), "{armed:?}");
        assert!(timers.has_fired(5));
        let _ = fired.load(Acquire);
    });
}
