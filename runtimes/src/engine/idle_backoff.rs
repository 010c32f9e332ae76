//! When a worker that ran out of tasks should look for more: how eager it is, learnt from how long
//! tasks have run.
//!
//! Fetching work from another worker costs both of them: the tasks, and whatever they touch, move
//! to another core's cache; a push that finds a sleeper pays for a system call. That is well spent
//! on tasks that last, and wasted on a burst of short ones that their owner would have finished
//! before the thief was up. From the moment a worker got work until it runs dry again it is
//! **busy**.
//!
//! - After a busy time it searches at once, lingers a few microseconds in case more comes, and goes
//!   to sleep, if the time was worth while (8 µs or more), or if polls are long.
//! - Otherwise it first takes a **nap**, deaf to what other workers push (not to threads outside,
//!   nor to work that it alone can do). A burst is over then; a backlog is still there. Naps grow
//!   while busy times stay short.
//!
//! **Polls are long** for some time after any worker of the runtime has seen it ([`Pace`]): in a
//! busy time of its own, or while it napped and others ran, polls took a microsecond or more on
//! average. Then a task that waits for a napper would wait in vain, however short the napper's own
//! tasks were. One thing weighs more: a **batch** of stolen tasks that was done in a short time.
//! Who is in a long poll may be spawning short tasks by the thousand, and a thief that comes back
//! for each batch takes more of its time than it saves. So then there is a nap all the same.
//!
//! A nap ends by itself and is followed by the look round and the sleep that every idle worker goes
//! through, so no wake-up hides behind it; what it costs is at most its length, once, when work
//! that lasts begins in the middle of one. There is no nap when nobody else runs, or when the
//! reactor has sources and nobody waits for them.
//!
//! **Lingering** is the only spinning that a worker does: it looks on, and counts as searching, so
//! that a push need not wake it. Usually that is for some microseconds, and only while others run,
//! who may push something. A worker whose times without work have been short for a while lingers
//! longer, also if it is the only one: somebody outside answers it at once, and a processor that
//! has gone to sleep takes longer to wake than the answer ([`Answers`]).

use std::cell::Cell;
use std::time::{Duration, Instant};

use crate::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Busy times from here on were worth the trouble: some times what a steal costs both sides, or
/// what waking a thread costs the one who wakes it.
const WORTH_WHILE: Duration = Duration::from_micros(8);
/// How long a worker lingers while others run: about what going to sleep costs.
const LINGER: Duration = Duration::from_micros(5);
/// How long it lingers for an answer: what it takes to wake a thread on a virtual processor that is
/// idle, twice, since the one who answers may have to be woken as well.
const LINGER_FOR_ANSWER: Duration = Duration::from_micros(40);
/// Times without work up to here were short: what a worker waits for an answer and, if it went to
/// sleep, until it is up again.
const SHORT_IDLE: Duration = Duration::from_micros(60);
/// The first nap, and the longest: long against the few microseconds that a useless wake-up costs
/// the one who pushes.
const SHORTEST_NAP: Duration = Duration::from_micros(50);
const LONGEST_NAP: Duration = Duration::from_micros(200);
/// Polls that take this long on average are worth a steal each, about a microsecond for both sides.
const LONG_POLL_NS: u64 = 1_000;
/// Stolen at once, so many tasks are a sample of what their owner has in its queue: more than a
/// worker spawns that hands a few pieces of its work to others.
const BATCH: u32 = 16;
/// Shorter times say nothing about the polls in them: caches are cold after a steal.
const TELLING: Duration = Duration::from_micros(20);
/// For how many times their length long polls are remembered, and for how many nanoseconds at least
/// and at most: programs alternate between short and long tasks, and a thread that was held up once
/// must not count for long.
const MEMORY: u64 = 16;
const SHORTEST_MEMORY_NS: u64 = 1_000_000;
const LONGEST_MEMORY_NS: u64 = 20_000_000;

/// Whether polls are long, as all workers of a runtime have seen it.
#[derive(Debug)]
pub(super) struct Pace {
    start: Instant,
    /// In nanoseconds from the start. Relaxed everywhere: it is a guess.
    long_until_ns: AtomicU64,
}

impl Pace {
    pub(super) fn new() -> Self {
        Self { start: Instant::now(), long_until_ns: AtomicU64::new(0) }
    }

    fn ns(&self, at: Instant) -> u64 {
        at.saturating_duration_since(self.start).as_nanos() as u64
    }

    /// In the `time` up to `now` a worker, or several together, made `polls` polls.
    pub(super) fn saw(&self, polls: u32, time: Duration, now: Instant) {
        let poll_ns = time.as_nanos() as u64 / u64::from(polls.max(1));
        if time >= TELLING && poll_ns >= LONG_POLL_NS {
            let memory_ns = (MEMORY * poll_ns).clamp(SHORTEST_MEMORY_NS, LONGEST_MEMORY_NS);
            self.long_until_ns.fetch_max(self.ns(now) + memory_ns, Relaxed);
        }
    }

    fn is_long(&self, now: Instant) -> bool {
        self.ns(now) < self.long_until_ns.load(Relaxed)
    }
}

/// A time that a worker has had work.
#[derive(Clone, Copy, Debug)]
struct Busy {
    since: Instant,
    /// The worker's tick then.
    tick: u32,
    /// Whether it began with a [`BATCH`] of another's tasks.
    batch: bool,
}

/// Whether times without work have been short: a saturating counter, as branches are predicted
/// with. A time that was short counts one up and a longer one [`MISS`](Self::MISS) down, so that a
/// worker lingers only if it would in vain one time in five at most.
#[derive(Debug, Default)]
struct Answers(Cell<u32>);

impl Answers {
    const MISS: u32 = 4;
    const ENOUGH: u32 = 8;
    const MOST: u32 = 16;

    fn saw(&self, idle: Duration) {
        let count = self.0.get();
        self.0.set(if idle <= SHORT_IDLE {
            (count + 1).min(Self::MOST)
        } else {
            count.saturating_sub(Self::MISS)
        });
    }

    fn are_expected(&self) -> bool {
        self.0.get() >= Self::ENOUGH
    }
}

/// See the module. One for each worker, used by it alone.
#[derive(Debug)]
pub(super) struct IdleBackoff {
    /// See the core's.
    crowded: bool,
    busy: Cell<Option<Busy>>,
    /// Since when it has no work.
    dry: Cell<Option<Instant>>,
    answers: Answers,
    /// The length of the last nap; zero after a busy time that was worth while.
    nap: Cell<Duration>,
    /// Whether a nap is due.
    tired: Cell<bool>,
}

impl IdleBackoff {
    pub(super) fn new(crowded: bool) -> Self {
        Self {
            crowded,
            busy: Cell::new(None),
            dry: Cell::new(None),
            answers: Answers::default(),
            nap: Cell::new(Duration::ZERO),
            tired: Cell::new(false),
        }
    }

    /// It got work after it had none: so many tasks of another worker's, if it stole them.
    pub(super) fn got_work(&self, tick: u32, stolen: u32) {
        let since = Instant::now();
        if let Some(dry) = self.dry.take() {
            self.answers.saw(since.duration_since(dry));
        }
        self.busy.set(Some(Busy { since, tick, batch: stolen >= BATCH }));
        self.tired.set(false);
    }

    /// It has no work left; `called` if somebody woke it and there was none. Returns when that is.
    pub(super) fn ran_dry(&self, called: bool, tick: u32, pace: &Pace) -> Instant {
        let now = Instant::now();
        let (short, batch) = match self.busy.take() {
            Some(busy) => {
                self.dry.set(Some(now));
                let time = now.duration_since(busy.since);
                pace.saw(tick.wrapping_sub(busy.tick), time, now);
                (time < WORTH_WHILE, busy.batch)
            }
            None if called => (true, false),
            None => return now,
        };
        let tired = short && (batch || !pace.is_long(now));
        self.tired.set(tired);
        self.nap.set(if tired {
            (2 * self.nap.get()).clamp(SHORTEST_NAP, LONGEST_NAP)
        } else {
            Duration::ZERO
        });
        now
    }

    /// Whether something is likely to come before the worker could be asleep and up again.
    pub(super) fn expects_answer(&self) -> bool {
        !self.crowded && self.answers.are_expected()
    }

    /// How long to linger, if others run or not.
    pub(super) fn linger(&self, others_run: bool) -> Duration {
        if self.expects_answer() {
            LINGER_FOR_ANSWER
        } else if others_run {
            LINGER
        } else {
            Duration::ZERO
        }
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

#[cfg(all(test, not(stampede_loom)))]
mod tests {
    use super::{Answers, SHORT_IDLE};

    fn lingered(idle_times: impl IntoIterator<Item = bool>) -> (u32, u32) {
        let (answers, mut well, mut in_vain) = (Answers::default(), 0, 0);
        for short in idle_times {
            let count = if short { &mut well } else { &mut in_vain };
            *count += u32::from(answers.are_expected());
            answers.saw(if short { SHORT_IDLE } else { 2 * SHORT_IDLE });
        }
        (well, in_vain)
    }

    #[test]
    fn a_worker_lingers_once_answers_keep_coming_at_once() {
        assert_eq!(lingered([true; 100]), (92, 0));
    }

    #[test]
    fn a_worker_that_waits_long_lingers_no_more() {
        let once_quick = [true; 100].into_iter().chain([false; 1_000]);
        assert_eq!(lingered(once_quick), (92, 3));
    }

    #[test]
    fn a_worker_that_would_linger_in_vain_one_time_in_four_does_not() {
        let (well, in_vain) = lingered((0..10_000).map(|time| time % 4 != 0));
        assert_eq!((well, in_vain), (0, 0));
    }

    #[test]
    fn one_late_answer_in_a_hundred_changes_little() {
        let (well, in_vain) = lingered((0..10_000).map(|time| time % 100 != 99));
        assert!(well > 9_800 && in_vain == 100, "{well} {in_vain}");
    }
}
