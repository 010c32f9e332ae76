//! The reactor: one epoll instance, its timers, and the futures' way to them.
//!
//! Vocabulary, and where each idea lives:
//!
//! | term | meaning | file |
//! |---|---|---|
//! | source | a descriptor registered for both directions, once, edge-triggered | `source` |
//! | interest | the direction a future waits for: readable or writable | here |
//! | readiness | what is known about a source, one atomic word with a tick | `readiness` |
//! | slot | where a source's readiness and waiters live; found by index, tagged by generation | `slots` |
//! | waiter | a stored waker and the token of its future | `waiters` |
//! | turn | wait, deliver, fire, wake: what the one driver does | `driver` |
//! | notifier | ends a blocking wait from another thread | `notifier` |
//! | timer | a deadline in nanoseconds in a timing wheel | `timers`, `wheel` |
//!
//! A [`Reactor`] belongs to whoever made it; there is no global one. An executor either drives it
//! from its idle loop ([`Reactor::try_driver`], then [`Driver::turn`]) or puts it on a thread of
//! its own ([`Thread`]). Leaf futures ([`net`](crate::net), [`time`](crate::time), [`Source`]) take
//! a [`Handle`] and need nothing of the executor but its waker.
//!
//! # The path of an event
//! A future tries its system call first. If the kernel would block, the future clears the readiness
//! it acted on, stores its waker in its slot, and announces it in the readiness word. Later the
//! driver fetches a batch of events, and for each one updates one atomic word, takes the waker if
//! one is announced, and wakes when the batch is done. No lock is taken for an event that nobody
//! waits for, none is shared between sources, nothing is allocated, and no map is searched.
//!
//! # Shutting down
//! [`Reactor::shutdown`], or dropping the reactor, calls every stored waker a last time and keeps
//! none. Every operation polled after that, pending or new, fails with an error that says so
//! ([`is_shut_down_error`]); a sleep is over at once, because nobody could end it later. So no task
//! and no `block_on` of another thread hangs. The descriptors are closed when the last [`Handle`]
//! and [`Source`] are gone.
//!
//! # Sharing a thread
//! A leaf future that never has to wait gives way to other tasks nevertheless, when its task's
//! [budget](crate::budget) is used up.
//!
//! # fork
//! A child process shares its parent's epoll instance. It may drop what it has inherited, which
//! changes nothing in the parent; everything else that concerns the epoll instance fails there with
//! an error. A child that wants a reactor makes one. (Its runtime's other threads are not there: a
//! runtime that has any cannot be shut down in the child.)

mod birthmark;
mod clock;
mod driver;
mod epoll;
mod guest;
#[cfg(all(test, stampede_loom))]
mod models;
mod notifier;
mod operation;
mod readiness;
mod slots;
mod source;
mod thread;
mod timers;
mod waiters;
mod wheel;

use std::fmt;
use std::io;
use std::num::NonZeroU64;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Acquire, Release},
};
use std::sync::{Arc, Mutex, PoisonError, TryLockError};
use std::task::Waker;
use std::time::{Duration, Instant};

pub use driver::{Driver, Turn};
pub use epoll::WaitClock;
pub use guest::Guest;
pub(crate) use operation::{Attempt, Left};
pub use source::{RawSource, Ready, Source};
pub use thread::{Thread, Totals};
pub(crate) use timers::{Armed, Timer};

/// The event data of the notifier; no slot has this index.
const NOTIFIER: u64 = u64::MAX;

/// The direction for which a future waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Reading or accepting would not block.
    Readable,
    /// Writing would not block, or connecting has ended.
    Writable,
}

/// Everything that handles, sources and drivers share.
#[derive(Debug)]
struct Shared {
    epoll: epoll::Epoll,
    notifier: notifier::Notifier,
    slots: slots::Slots,
    timers: timers::Timers,
    clock: clock::Clock,
    shut_down: AtomicBool,
    buffers: Mutex<driver::Buffers>,
}

/// An epoll instance with its sources and timers. Dropping it shuts it down.
#[derive(Debug)]
pub struct Reactor {
    handle: Handle,
}

/// Registers sources and timers with a reactor, from any thread.
#[derive(Clone)]
pub struct Handle {
    shared: Arc<Shared>,
}

impl Reactor {
    /// A reactor that waits with nanosecond timeouts, or with milliseconds where the kernel has
    /// nothing better.
    ///
    /// # Errors
    /// When the system refuses the epoll instance or the eventfd.
    pub fn new() -> io::Result<Self> {
        Self::with_wait_clock(WaitClock::Nanoseconds)
    }

    /// A reactor that waits with the given granularity if the kernel has it: to test the fallback,
    /// or to compare.
    ///
    /// # Errors
    /// As [`new`](Self::new).
    pub fn with_wait_clock(clock: WaitClock) -> io::Result<Self> {
        let epoll = epoll::Epoll::new(clock)?;
        let notifier = notifier::Notifier::new()?;
        epoll.add_notifier(&notifier, NOTIFIER)?;
        let shared = Arc::new(Shared {
            epoll,
            notifier,
            slots: slots::Slots::new(),
            timers: timers::Timers::new(),
            clock: clock::Clock::new(),
            shut_down: AtomicBool::new(false),
            buffers: Mutex::new(driver::Buffers::new()),
        });
        Ok(Self { handle: Handle { shared } })
    }

    /// The handle with which sources and timers register.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// How blocking waits are timed.
    pub fn wait_clock(&self) -> WaitClock {
        self.handle.shared.epoll.clock()
    }

    /// The right to drive this reactor, unless somebody has it. One compare-and-swap; never waits.
    pub fn try_driver(&self) -> Option<Driver<'_>> {
        let shared = &*self.handle.shared;
        let buffers = match shared.buffers.try_lock() {
            Ok(buffers) => buffers,
            // A turn panicked. What the buffers hold is cleared or delivered by the next one.
            Err(TryLockError::Poisoned(poisoned)) => PoisonError::into_inner(poisoned),
            Err(TryLockError::WouldBlock) => return None,
        };
        Some(Driver::new(shared, buffers))
    }

    /// Makes every operation fail from now on, and wakes those who wait, so that they learn it; see
    /// the module's text. A turn that is under way returns.
    pub fn shutdown(&self) {
        self.handle.shared.shutdown();
    }
}

impl Drop for Reactor {
    fn drop(&mut self) {
        self.shutdown();
    }
}

impl Shared {
    fn is_shut_down(&self) -> bool {
        // Acquire: pairs with the release in `shutdown`.
        self.shut_down.load(Acquire)
    }

    fn shutdown(&self) {
        // Release: pairs with the acquire in `is_shut_down`.
        self.shut_down.store(true, Release);
        let mut wakers = Vec::new();
        self.slots.shut_down(&mut wakers);
        self.timers.shut_down(&mut wakers);
        self.notify();
        driver::wake_all(&mut wakers);
    }
}

impl Handle {
    /// Ends the current blocking turn, or the next one if none is under way. Several calls before
    /// that turn ends count as one. Costs a system call only if a thread is waiting and nobody has
    /// notified it yet.
    pub fn notify(&self) {
        self.shared.notify();
    }

    /// Whether any source or timer is registered, as of some recent moment: two plain loads.
    #[inline]
    pub fn is_active(&self) -> bool {
        self.shared.slots.live() != 0 || self.shared.timers.len() != 0
    }

    /// How many sources are registered, as of some recent moment.
    pub fn sources(&self) -> usize {
        self.shared.slots.live()
    }

    /// How many timers are pending, as of some recent moment.
    pub fn timers(&self) -> usize {
        self.shared.timers.len()
    }

    /// Whether a timer is due, as of some recent moment: a load, and a look at the clock if a timer
    /// is pending.
    pub fn timer_is_due(&self) -> bool {
        self.shared.timers.next_deadline_ns().is_some_and(|next_ns| next_ns <= self.now_ns())
    }

    pub(crate) fn now_ns(&self) -> u64 {
        self.shared.clock.now_ns()
    }

    pub(crate) fn instant_ns(&self, instant: Instant) -> u64 {
        self.shared.clock.at_ns(instant)
    }

    /// Whether a timer of this deadline is over and nothing of it is left to cancel.
    #[inline]
    pub(crate) fn has_fired(&self, deadline_ns: u64) -> bool {
        self.shared.timers.has_fired(deadline_ns)
    }

    pub(crate) fn arm_timer(&self, deadline_ns: u64, waker: &Waker) -> Armed {
        let armed = self.shared.timers.arm(deadline_ns, waker);
        if let Armed::Pending { earlier: true, .. } = armed {
            self.shared.notifier.raise(notifier::Reason::Rearm);
        }
        armed
    }

    /// `false` if the timer has been taken out of the wheel already.
    pub(crate) fn update_timer(&self, timer: &Timer, waker: &Waker) -> bool {
        self.shared.timers.update(timer, waker)
    }

    pub(crate) fn cancel_timer(&self, timer: &Timer) {
        self.shared.timers.cancel(timer);
    }
}

impl fmt::Debug for Handle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Handle")
            .field("sources", &self.sources())
            .field("timers", &self.timers())
            .finish()
    }
}

/// Nanoseconds of a duration, saturating.
pub(crate) fn duration_ns(duration: Duration) -> u64 {
    clock::to_ns(duration)
}

/// Sets the calling thread's timer slack to one nanosecond, for threads that drive a reactor: the
/// default lets every timed wait be 50 µs late.
///
/// # Errors
/// When the system refuses, as some sandboxes do.
pub fn set_timer_slack_min() -> io::Result<()> {
    if cfg!(miri) {
        return Ok(());
    }
    Ok(rustix::thread::set_current_timer_slack(Some(NonZeroU64::MIN))?)
}

/// What an operation on a reactor that has shut down fails with.
#[derive(Debug)]
struct ShutDown;

impl fmt::Display for ShutDown {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor has shut down")
    }
}

impl std::error::Error for ShutDown {}

fn shut_down_error() -> io::Error {
    io::Error::new(io::ErrorKind::NotConnected, ShutDown)
}

/// Whether `error` says that the reactor has shut down. Its kind is
/// [`io::ErrorKind::NotConnected`].
pub fn is_shut_down_error(error: &io::Error) -> bool {
    error.get_ref().is_some_and(|inner| inner.is::<ShutDown>())
}
