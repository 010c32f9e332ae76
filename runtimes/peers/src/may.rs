//! may's coroutines.
//!
//! may has one scheduler for the whole process, made by the first coroutine and never ended.
//! Several runtimes of ours share it, so the adapter tells their tasks apart: each runtime lists
//! its unfinished tasks (`live_tasks`), and shutdown aborts those and waits for them. Against may's
//! own spawn and join the list's cost is not measurable. may's threads stay. A second runtime in
//! the same process must ask for as many workers as the first; the benches start a process for each
//! cell.
//!
//! Coroutines come from may's pool, as its documentation recommends, with the stack size of our
//! configuration: the same as `stackful`. Its default is half of that; the time to spawn is the
//! same with both.

use std::fs;
use std::future::Future;
use std::io;
use std::sync::{Arc, Mutex, PoisonError};

use futures_lite::future::block_on;
use may::coroutine::Builder;

use crate::driver::Driver;
use crate::live_tasks::{LiveTasks, Place};
use crate::may_task::{InCoroutine, MayJoin, Task, drive};
use crate::own_net::may::MaySockets;
use crate::rehearsal;
use runtimes::adapter::check_room_with_stacks;
use runtimes::budget::each_poll;
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, Suspend,
    TaskKind, Workers, reactor,
};

/// may as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "may",
    summary: "may's coroutines, each polling a future: a queue per worker, new coroutines to the \
     workers in turn. Its \
              scheduler belongs to the process: one worker count, and its threads outlive the \
              runtime",
    isolates: "what somebody else's stacks, switches and wake-ups cost, against `stackful`",
    relatives: &["stackful", "tokio-mt"],
    origin: Origin::Peer {
        package: "may",
        deviations: &[
            Deviation {
                property: Property::OwnsItsThreads,
                reason: "one static scheduler serves \
             the process, with the workers set before the first coroutine, and never ends",
            },
            Deviation {
                property: Property::FreeWorkerRunsWokenTask,
                reason: "schedule_global \
             gives a coroutine to the workers in turn; only that worker empties its global queue",
            },
            Deviation {
                property: Property::BlockedWorkerStrandsNobody,
                reason: "schedule_global \
             gives a coroutine to the workers in turn; only that worker empties its global queue",
            },
            Deviation {
                property: Property::BusyWorkerTakesNewTasks,
                reason: "run_queued_tasks \
             looks at its global queue, and then at epoll, only when the local queue is empty",
            },
            Deviation {
                property: Property::KeepsStacksOnTheirThreads,
                reason: "schedule pushes a \
             coroutine to the queue of whichever worker wakes it; direct style is offered with \
             one worker alone (`tests/may_direct.rs`)",
            },
        ],
    },
    workers: Workers::Many,
    task: TaskKind::Stackful,
};

/// A future of more bytes than this lives in a box: may puts it on the coroutine's stack, where
/// there is room for little.
const LARGE_FUTURE: usize = 4096;

/// What the process's scheduler was started with.
#[derive(Clone, Copy, Debug)]
struct Started {
    workers: usize,
    stack_words: usize,
}

/// Coroutines that may makes at once as it starts, by default, and keeps.
const POOLED: usize = 1000;

/// Starts the scheduler if nobody has, and checks that it has the workers that `config` asks for.
fn scheduler(config: &Config) -> Result<Started, StartError> {
    /// What came of starting it, which can be done once.
    static SCHEDULER: Mutex<Option<Result<Started, String>>> = Mutex::new(None);
    let mut scheduler = SCHEDULER.lock().unwrap_or_else(PoisonError::into_inner);
    if scheduler.is_none() {
        rehearse(config)?;
    }
    let started = scheduler
        .get_or_insert_with(|| start_scheduler(config).map_err(|panic| panic.to_string()))
        .clone();
    let broken =
        |panic| StartError::Os { what: "scheduler of may", source: io::Error::other(panic) };
    let started = started.map_err(broken)?;
    if started.workers == config.workers {
        return Ok(started);
    }
    Err(StartError::SharedWorkers {
        runtime: DESCRIPTOR.name,
        requested: config.workers,
        running: started.workers,
    })
}

/// Tries what may's scheduler is going to need: it panics when it is refused anything, and stays
/// broken.
fn rehearse(config: &Config) -> Result<(), StartError> {
    // An epoll instance and an eventfd for each worker, and one thread more for timers.
    rehearsal::descriptors(2 * config.workers)?;
    rehearsal::threads(config.workers + 1)?;
    // After the threads: the C library has set aside memory for them then, which it keeps.
    let room = check_room_with_stacks(
        config.workers + 1,
        POOLED,
        stack_words(config) * size_of::<usize>(),
    );
    room.map_err(|source| StartError::Os { what: "stacks of may's pool", source })
}

/// The first coroutine starts may's scheduler.
fn start_scheduler(config: &Config) -> io::Result<Started> {
    let started = Started { workers: config.workers, stack_words: stack_words(config) };
    rehearsal::or_panic(|| {
        may::config().set_workers(started.workers).set_stack_size(started.stack_words);
        // SAFETY: the coroutine does nothing.
        drop(unsafe { Builder::new().spawn(|| ()) });
        started
    })
}

/// may counts stacks in words, and pools those of whole pages.
fn stack_words(config: &Config) -> usize {
    let bytes = config.stack_size.checked_next_multiple_of(rustix::param::page_size());
    bytes.unwrap_or(config.stack_size) / size_of::<usize>()
}

/// How many coroutines fit into the process: may maps each stack by itself, with a guard page,
/// which makes two memory mappings of the number that the kernel allows a process.
fn coroutine_limit() -> usize {
    /// The kernel's default.
    const DEFAULT_MAPPINGS: usize = 65_530;
    /// For the program, its libraries, threads and heaps, and for coroutines that may keeps in its
    /// pool.
    const OTHER_MAPPINGS: usize = 4_096;
    let allowed = fs::read_to_string("/proc/sys/vm/max_map_count")
        .ok()
        .and_then(|text| text.trim().parse().ok());
    allowed.unwrap_or(DEFAULT_MAPPINGS).saturating_sub(OTHER_MAPPINGS) / 2
}

/// Tasks on may's scheduler.
#[derive(Debug)]
pub struct Variant {
    spawner: MaySpawner,
    driver: Driver,
}

impl Variant {
    fn stop(&mut self) {
        self.spawner.shared.live.end();
        self.driver.stop();
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = MaySpawner;
    type Sockets = MaySockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        // First: what may has started stays.
        let driver = Driver::start()?;
        let started = scheduler(config)?;
        let words = stack_words(config);
        let own_stack_words = (words != started.stack_words).then_some(words);
        let one_worker = started.workers == 1;
        let shared = Shared {
            live: LiveTasks::new(),
            reactor: driver.handle().clone(),
            own_stack_words,
            one_worker,
        };
        Ok(Self { spawner: MaySpawner { shared: Arc::new(shared) }, driver })
    }

    fn spawner(&self) -> &MaySpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<MaySockets> {
        Some(MaySockets)
    }

    fn task_limit(&self) -> usize {
        coroutine_limit()
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        block_on(each_poll(future))
    }

    /// The reactor's counters; may has none.
    fn metrics(&self) -> Snapshot {
        self.driver.snapshot(&[])
    }

    fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }
}

/// Spawns coroutines.
#[derive(Clone, Debug)]
pub struct MaySpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    live: LiveTasks,
    reactor: reactor::Handle,
    /// Where it differs from the scheduler's: such coroutines are not pooled.
    own_stack_words: Option<usize>,
    /// Whether all coroutines run on one thread.
    one_worker: bool,
}

/// A task's place in the list, given up when this is dropped.
struct Listed {
    shared: Arc<Shared>,
    place: Place,
}

impl Drop for Listed {
    fn drop(&mut self) {
        self.shared.live.release(self.place);
    }
}

impl MaySpawner {
    /// Starts the future that `make` makes of the task whose coroutine polls it.
    #[inline]
    fn launch<F>(&self, make: impl FnOnce(&Arc<Task<F::Output>>) -> F) -> MayJoin<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let task = Arc::new(Task::new());
        let Some(place) = self.shared.live.admit(Arc::clone(&task) as _) else {
            return MayJoin::new(None);
        };
        let mut builder = Builder::new();
        if let Some(words) = self.shared.own_stack_words {
            builder = builder.stack_size(words);
        }
        let future = make(&task);
        let own = Arc::clone(&task);
        let listed = Listed { shared: Arc::clone(&self.shared), place };
        let body = move || {
            drive(future, &own);
            drop(listed);
        };
        // SAFETY: what may asks for is that no reference to something thread-local is kept while
        // the coroutine may move, and that the stack suffices. The body looks up thread-local
        // things only in functions that are not inlined and do not suspend; the future is safe
        // code, which cannot keep such a reference between polls. (may's own sockets suspend inside
        // a poll: see `own_net/may.rs`. So does code in direct style, where there is only one
        // thread to come back on: yields and unparks queue a coroutine for the workers, and only
        // may's own timers run one elsewhere.) The stack is as large as the configuration says,
        // with a guard page below, and a large future does not lie on it.
        let spawned = unsafe { builder.spawn(body) };
        // may's own handle would block a thread; dropping it detaches. Without memory for a stack
        // may panics by itself.
        drop(spawned.expect("may's spawn returns no error"));
        MayJoin::new(Some(task))
    }
}

impl Spawner for MaySpawner {
    type Join<T: Send + 'static> = MayJoin<T>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        if const { size_of::<F>() > LARGE_FUTURE } {
            return self.launch(|_| Box::pin(future));
        }
        self.launch(|_| future)
    }

    /// The code runs inside the one poll of a future: that has the coroutine's stack under it. Only
    /// with one worker: with more the code could come back on another thread, with references into
    /// the thread-locals of the old one and whatever else is not `Send` on its stack.
    fn go<C, T>(&self, code: C) -> Option<Self::Join<T>>
    where
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        self.shared.one_worker.then(|| {
            self.launch(|task| {
                let stack = InCoroutine::new(Arc::clone(task));
                async move { code(&stack) }
            })
        })
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
