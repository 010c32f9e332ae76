//! Counters: what a runtime did, one padded block per worker, so that a chart can say why.
//!
//! Each block has one writer (its worker), which stores without read-modify-write; readers see
//! values that are exact once the runtime is idle and at most a few operations old before that.

use std::cell::Cell;
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crossbeam_utils::CachePadded;

macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $variant:ident = $name:literal,)+) => {
        /// One thing that a runtime counts.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[repr(usize)]
        pub enum Counter { $($(#[doc = $doc])+ $variant,)+ }

        impl Counter {
            /// Every counter, in the order in which reports show them.
            pub const ALL: &'static [Self] = &[$(Self::$variant,)+];

            /// The name used in stored results: lower case, underscores.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)+ }
            }

            /// One line that says what is counted.
            pub const fn describe(self) -> &'static str {
                match self { $(Self::$variant => concat!($($doc,)+),)+ }
            }
        }
    };
}

counters! {
    /// tasks spawned
    Spawned = "spawned",
    /// tasks whose future returned or panicked
    Completed = "completed",
    /// tasks dropped before they finished: aborted, unreachable, or left at shutdown
    Cancelled = "cancelled",
    /// polls of tasks
    Polls = "polls",
    /// times a task was put into a queue by a worker of its own runtime
    ScheduledLocal = "scheduled_local",
    /// times a task was put into a queue from any other thread
    ScheduledRemote = "scheduled_remote",
    /// times a task was taken out of a queue to be run
    Dequeued = "dequeued",
    /// dequeues served from the slot of the task woken last
    SlotHits = "slot_hits",
    /// dequeues served from the shared queue or injector
    SharedPops = "shared_pops",
    /// successful steal operations
    Steals = "steals",
    /// tasks moved by steals
    Stolen = "stolen",
    /// searches of other workers' queues that found nothing
    FailedSearches = "failed_searches",
    /// tasks moved from a full local queue to the shared one
    Overflowed = "overflowed",
    /// times a worker went to sleep (futex or epoll)
    Parks = "parks",
    /// times a worker rested, deaf to pushes of other workers, because its last busy time was too
    /// short
    Naps = "naps",
    /// wake-ups sent to sleeping workers because a task was scheduled
    Unparks = "unparks",
    /// wake-ups after which the woken worker found nothing to run
    UselessUnparks = "useless_unparks",
    /// calls of epoll_wait
    ReactorTurns = "reactor_turns",
    /// readiness events delivered by epoll
    IoEvents = "io_events",
    /// timers that fired
    TimersFired = "timers_fired",
    /// coroutine switches: resumes of a task's own stack
    Switches = "switches",
    /// coroutine stacks taken from the operating system instead of the pool
    StacksMade = "stacks_made",
    /// time slices: turns of a coroutine that opened a preemptible region
    Slices = "slices",
    /// preemption signals sent by the monitor
    SignalsSent = "signals_sent",
    /// preemption signals delivered to a worker
    SignalsDelivered = "signals_delivered",
    /// signals that preempted a coroutine
    Preemptions = "preemptions",
    /// signals refused: no preemptible region was open
    RefusedNoRegion = "refused_no_region",
    /// signals refused: meant for a slice that was over
    RefusedStale = "refused_stale",
    /// signals refused: a guard against preemption was held
    RefusedGuarded = "refused_guarded",
    /// signals refused: in code of a shared library or of the kernel
    RefusedForeignCode = "refused_foreign_code",
    /// signals refused: on a stack that is not the task's
    RefusedForeignStack = "refused_foreign_stack",
    /// signals refused: too little stack left
    RefusedLowStack = "refused_low_stack",
    /// signals refused: a panic was unwinding
    RefusedPanicking = "refused_panicking",
    /// signals refused: registers in use that are not saved
    RefusedRegisters = "refused_registers",
}

const N: usize = Counter::ALL.len();

/// The counters of one writer.
#[derive(Debug)]
pub struct Block(CachePadded<[AtomicU64; N]>);

impl Default for Block {
    fn default() -> Self {
        Self::new()
    }
}

impl Block {
    /// A block of zeroes.
    pub fn new() -> Self {
        Self(CachePadded::new([const { AtomicU64::new(0) }; N]))
    }

    /// Adds `n`. Only the block's one writer may call this: concurrent calls lose counts.
    #[inline]
    pub fn add(&self, counter: Counter, n: u64) {
        let cell = &self.0[counter as usize];
        cell.store(cell.load(Relaxed).wrapping_add(n), Relaxed);
    }

    /// Adds `n` from any thread, with a read-modify-write.
    #[inline]
    pub fn add_shared(&self, counter: Counter, n: u64) {
        self.0[counter as usize].fetch_add(n, Relaxed);
    }

    /// What the counter reads now.
    #[inline]
    pub fn get(&self, counter: Counter) -> u64 {
        self.0[counter as usize].load(Relaxed)
    }
}

thread_local! {
    /// The counters of the worker that runs on this thread, or null.
    static CURRENT: Cell<*const Block> = const { Cell::new(ptr::null()) };
}

/// Makes `counters` those of the worker that runs on this thread, and returns the former ones.
///
/// # Safety
/// They are valid until others, or null, take their place, and this thread is their one writer for
/// as long.
pub(crate) unsafe fn set_current(counters: *const Block) -> *const Block {
    CURRENT.replace(counters)
}

/// Adds to a counter of the worker that runs on this thread; does nothing on other threads.
#[inline]
pub(crate) fn count(counter: Counter, n: u64) {
    // SAFETY: what is set is valid, as `set_current` asks, and this thread is its writer.
    if let Some(counters) = unsafe { CURRENT.get().as_ref() } {
        counters.add(counter, n);
    }
}

/// A copy of a runtime's counters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Snapshot {
    /// One row per worker, then one for everything done by threads that are not workers. Empty when
    /// the runtime counts nothing.
    rows: Vec<[Option<u64>; N]>,
}

impl Snapshot {
    /// Copies our own blocks, in which every counter is kept.
    pub fn of<'a>(blocks: impl IntoIterator<Item = &'a Block>) -> Self {
        // What an engine takes out of a queue it polls, so it counts that once.
        let source = |i| if i == Counter::Polls as usize { Counter::Dequeued as usize } else { i };
        let row = |block: &Block| std::array::from_fn(|i| Some(block.0[source(i)].load(Relaxed)));
        Self { rows: blocks.into_iter().map(row).collect() }
    }

    /// Adds to a counter of the row for threads that are not workers.
    pub(crate) fn add_to_last(&mut self, counter: Counter, n: u64) {
        if let Some(value) = self.rows.last_mut().and_then(|row| row[counter as usize].as_mut()) {
            *value += n;
        }
    }

    /// A snapshot with one row that holds only the named counters, for a peer that counts little.
    pub fn only(values: &[(Counter, u64)]) -> Self {
        let mut row = [None; N];
        for &(counter, value) in values {
            row[counter as usize] = Some(value);
        }
        Self { rows: vec![row] }
    }

    /// The sum over all rows, or `None` when the runtime does not count this.
    pub fn get(&self, counter: Counter) -> Option<u64> {
        self.rows.iter().filter_map(|row| row[counter as usize]).reduce(|a, b| a + b)
    }

    /// The value of each row that has one: workers first, other threads last.
    pub fn per_worker(&self, counter: Counter) -> Vec<u64> {
        self.rows.iter().filter_map(|row| row[counter as usize]).collect()
    }

    /// What was counted since `earlier`, a snapshot of the same runtime.
    pub fn since(&self, earlier: &Self) -> Self {
        let mut rows = self.rows.clone();
        for (row, old) in rows.iter_mut().zip(&earlier.rows) {
            for (value, old) in row.iter_mut().zip(old) {
                *value = value.map(|v| v.wrapping_sub(old.unwrap_or(0)));
            }
        }
        Self { rows }
    }

    /// Checks the conservation laws that hold once the runtime is **shut down**.
    ///
    /// # Errors
    /// Names the law that is broken and both of its sides.
    pub fn check_final(&self) -> Result<(), String> {
        use Counter::{
            Cancelled, Completed, Dequeued, Polls, ScheduledLocal, ScheduledRemote, Spawned,
            Unparks, UselessUnparks,
        };
        let sum = |counters: &[Counter]| counters.iter().map(|&c| self.get(c)).sum::<Option<u64>>();
        let laws = [
            (
                "spawned",
                sum(&[Spawned]),
                "completed + cancelled",
                sum(&[Completed, Cancelled]),
                true,
            ),
            ("polls", sum(&[Polls]), "completed", sum(&[Completed]), false),
            (
                "scheduled",
                sum(&[ScheduledLocal, ScheduledRemote]),
                "dequeued",
                sum(&[Dequeued]),
                false,
            ),
            ("unparks", sum(&[Unparks]), "useless unparks", sum(&[UselessUnparks]), false),
        ];
        for (left, a, right, b, equal) in laws {
            if let (Some(a), Some(b)) = (a, b)
                && (if equal { a != b } else { a < b })
            {
                let relation = if equal { "=" } else { "≥" };
                return Err(format!("{left} {relation} {right} does not hold: {a} against {b}"));
            }
        }
        Ok(())
    }
}
