//! When a worker that ran out of tasks should look for more: how eager it is, learnt from what its last try was worth.
//!
//! Fetching work from another worker costs both of them: the tasks, and whatever they touch, move to another core's
//! cache; a push that finds a sleeper pays for a system call. That is well spent on work that lasts, and wasted on a
//! burst of short tasks that their owner would have finished before the thief was up. Nobody can tell the two apart
//! beforehand, so a worker goes by its own experience. From the moment it got work until it runs dry again it is
//! **busy**, and that was either *worth while* (8 µs or more) or not.
//!
//! - After a worthwhile time it searches at once, lingers a few microseconds in case more comes, and goes to sleep.
//! - After a short one it first takes a **nap**, deaf to what other workers push (not to threads outside, nor to work
//!   that it alone can do). A burst is over then; a backlog is still there. Naps grow while busy times stay short.
//!
//! A nap ends by itself and is followed by the look round and the sleep that every idle worker goes through, so
//! no wake-up hides behind it; what it costs is at most its length, once, when work that lasts begins in the middle of
//! one. There is no nap when nobody else runs, or when the reactor has sources and nobody waits for them. Lingering is
//! the only spinning that a worker does.

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Busy times from here on were worth the trouble: some times what a steal costs both sides, or what waking a thread costs
/// the one who wakes it.
const WORTH_WHILE: Duration = Duration::from_micros(8);
/// How long a worker lingers before it goes to sleep: about what going to sleep costs.
pub(super) const LINGER: Duration = Duration::from_micros(5);
/// The first nap, and the longest: long against the few microseconds that a useless wake-up costs the one who pushes.
const SHORTEST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_micros(200);

/// See the module. One for each worker, used by it alone.
#[derive(Debug)]
pub(super) struct Temper {
    /// It is the only worker: there is nobody to leave work to, so it need not look at the clock.
    alone: bool,
    /// When it got work, if it has.
    busy_since: Cell<Option<Instant>>,
    /// The length of the last nap; zero after a busy time that was worth while.
    nap: Cell<Duration>,
    /// Whether a nap is due.
    tired: Cell<bool>,
}

impl Temper {
    pub(super) fn new(alone: bool) -> Self {
        Self { alone, busy_since: Cell::new(None), nap: Cell::new(Duration::ZERO), tired: Cell::new(false) }
    }

    /// It got work after it had none.
    pub(super) fn got_work(&self) {
        self.busy_since.set(self.now());
        self.tired.set(false);
    }

    /// It has no work left; `called` if somebody woke it and there was none. Returns when that is, unless it is alone.
    pub(super) fn ran_dry(&self, called: bool) -> Option<Instant> {
        let now = self.now()?;
        let short = match self.busy_since.take() {
            Some(since) => now.duration_since(since) < WORTH_WHILE,
            None if called => true,
            None => return Some(now),
        };
        self.tired.set(short);
        self.nap.set(if short { (2 * self.nap.get()).clamp(SHORTEST_NAP, LONGEST_NAP) } else { Duration::ZERO });
        Some(now)
    }

    fn now(&self) -> Option<Instant> {
        (!self.alone).then(Instant::now)
    }

    /// Whether a nap is due.
    pub(super) fn is_tired(&self) -> bool {
        self.tired.get()
    }

    /// How long to nap now, if a nap is due.
    pub(super) fn nap(&self) -> Option<Duration> {
        self.tired.replace(false).then(|| self.nap.get())
    }
}
