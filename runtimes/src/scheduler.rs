//! The inner trait: the policy alone.
//!
//! A policy holds the queues and answers three questions: where does a task that became runnable
//! go, what does this worker run next, and whom should a push wake. The engine acts on the answers
//! and counts them; a policy never blocks, parks or touches a descriptor.

use crate::task::Runnable;

/// A scheduling policy: its shared state. Dropping it drops (and so cancels) the tasks in its
/// queues.
pub trait Scheduler: Send + Sync + Sized + 'static {
    /// What one worker owns: its queues that no other thread touches, or its end of those that
    /// others may steal from.
    type Local: Send + 'static;

    /// Where the workers run. The default is on threads of the runtime's own.
    const PLACEMENT: Placement = Placement::Threads;

    /// Whether the engine counts what it does. Only the variant that shows what counting costs says
    /// no.
    const COUNTED: bool = true;

    /// Makes the shared state and one local part for each of `workers` workers.
    fn new(workers: usize) -> (Self, Vec<Self::Local>);

    /// Puts a task that became runnable into a queue, and says whom to wake for it.
    fn schedule(&self, at: Caller<'_, Self::Local>, task: Runnable, cause: Cause) -> Notify;

    /// What the worker runs next from where it looks first. `tick` grows by one with every task
    /// that the worker runs: use it to look at a shared queue once in a while, so that nothing
    /// starves.
    fn next(&self, local: &mut Self::Local, tick: u32) -> Option<NextTask>;

    /// What the worker can take from others when [`next`](Self::next) had nothing. The engine lets
    /// only some of the workers search at a time.
    fn search(&self, local: &mut Self::Local) -> Option<NextTask> {
        let _ = local;
        None
    }

    /// About how many tasks [`next`](Self::next) would return before one that this worker queued
    /// now; 0 only if it would return none. Asked only while tasks wait that are bound to this
    /// worker, which the engine queues itself: so many turns of the policy's go before theirs.
    fn queued(&self, local: &Self::Local) -> usize {
        let _ = local;
        1
    }

    /// Whether there is work that this worker could get through `next` or `search`. Asked after the
    /// worker has announced that it goes to sleep: a push that saw nobody asleep must be seen here.
    fn has_work(&self, local: &Self::Local) -> bool;

    /// Takes what worker `stalled` keeps for itself, for a worker that has nothing to do. Asked
    /// when `stalled` has been in one poll for some hundred microseconds, so that what it announced
    /// with [`Notify::Later`] is late. A policy that keeps nothing to itself needs none.
    fn rescue(&self, local: &mut Self::Local, stalled: usize) -> Option<NextTask> {
        let _ = (local, stalled);
        None
    }

    /// Whom to wake when a worker that had been searching found a task: the default passes the
    /// search on to one more worker, if one sleeps.
    fn found(&self) -> Notify {
        Notify::One
    }
}

/// Where a runtime's workers run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// Each on a thread of the runtime's own.
    Threads,
    /// The only worker is the thread that calls `block_on`.
    Caller,
}

/// Who schedules: a worker of this runtime, with its local part, or any other thread.
#[derive(Debug)]
pub enum Caller<'a, L> {
    /// A worker of this runtime.
    Worker(&'a mut L),
    /// Another thread, or a worker whose local part is in use further up its own stack.
    Remote,
}

/// Why a task became runnable.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// It was spawned.
    Spawned,
    /// Its waker was called while it waited.
    Woken,
    /// Its waker was called during its own poll: it gave way to others.
    Yielded,
}

/// Whom the engine should wake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Notify {
    /// Nobody.
    Nobody,
    /// Nobody now: this worker runs the task next. Should the poll that is going on take long, then
    /// a worker that has nothing to do may come for it ([`Scheduler::rescue`]).
    Later,
    /// One sleeping worker, unless another is searching already.
    One,
    /// Every sleeping worker: a thundering herd.
    All,
    /// That worker, if it sleeps.
    Worker(usize),
}

/// A task to run and where it came from. Two words and nothing more, so that it travels in
/// registers: with the [`TaskSource`] as it is, a policy wrote it to memory piece by piece and the
/// engine waited to read it as a whole.
#[derive(Debug)]
pub struct NextTask {
    pub(crate) task: Runnable,
    from: u32,
}

/// Where a task was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskSource {
    /// In the slot for the task woken last.
    Slot,
    /// In the worker's own queue.
    Local,
    /// In a queue that all workers share.
    Shared,
    /// In another worker's queue.
    Stolen {
        /// Tasks moved by this steal, the one returned included.
        moved: u32,
    },
}

impl NextTask {
    const STOLEN: u32 = 3;

    /// A task and where it was found.
    #[inline]
    pub fn new(task: Runnable, from: TaskSource) -> Self {
        let from = match from {
            TaskSource::Slot => 0,
            TaskSource::Local => 1,
            TaskSource::Shared => 2,
            TaskSource::Stolen { moved } => Self::STOLEN.saturating_add(moved),
        };
        Self { task, from }
    }

    /// Where the task was.
    #[inline]
    pub fn source(&self) -> TaskSource {
        match self.from {
            0 => TaskSource::Slot,
            1 => TaskSource::Local,
            2 => TaskSource::Shared,
            stolen => TaskSource::Stolen { moved: stolen - Self::STOLEN },
        }
    }
}
