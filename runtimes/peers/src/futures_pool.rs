//! futures-executor's `ThreadPool`.
//!
//! A pool ends when its last clone is dropped, and every pending task holds clones: left to itself
//! a pool with pending tasks would keep its threads for ever. The adapter therefore ends the
//! threads with a task each that unwinds out of the worker's loop (`Pill`), and lets no task be
//! polled once shutdown has begun (`Guarded`). What remains is a pending task that nobody wakes: it
//! and its waker own each other, out of anybody's reach.

use std::cell::{Cell, RefCell};
use std::future::Future;
use std::panic::resume_unwind;
use std::path::PathBuf;
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Condvar, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};

use futures_executor::{ThreadPool, block_on};
use futures_util::future::FutureExt;

use crate::driver::Driver;
use crate::gate::{self, Gate, Resident};
use crate::rehearsal::{self, own_entry, wait_until_gone};
use crate::remote_join::RemoteJoin;
use runtimes::adapter::Entered;
use runtimes::adapter::WorkerNames;
use runtimes::budget::{self, each_poll};
use runtimes::metrics::Snapshot;
use runtimes::sockets::NoSockets;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, TaskKind,
    Workers, reactor,
};

/// futures-executor's thread pool as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "futures-pool",
    summary: "futures-executor's ThreadPool: one mutex-protected channel feeds all threads",
    isolates: "a shared queue behind a lock, against `global-queue`",
    relatives: &["global-queue", "tokio-mt"],
    origin: Origin::Peer {
        package: "futures-executor",
        deviations: &[
            Deviation {
                property: Property::AbortWaitsForDrop,
                reason: "dropping a RemoteHandle \
             is the only way to cancel: \"the remote future will be woken up to be dropped\"",
            },
            Deviation {
                property: Property::DropsBeforeJoin,
                reason: "futures-util's Remote sends \
             the output while it still owns the future; the pool drops both afterwards",
            },
            Deviation {
                property: Property::ContainsDestructorPanics,
                reason: "ThreadPool drops \
             futures without catching: the panic ends the worker thread",
            },
            Deviation {
                property: Property::DropsUnwokenTasks,
                reason: "a ThreadPool's pending \
             task and its WakeHandle own each other, and the pool keeps no list of them",
            },
            Deviation {
                property: Property::YieldLetsOthersRun,
                reason: "a ThreadPool polls a \
             task that woke itself again at once, without putting it back into the channel",
            },
        ],
    },
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

/// A `ThreadPool`.
#[derive(Debug)]
pub struct Variant {
    spawner: PoolSpawner,
    driver: Driver,
}

#[derive(Debug)]
struct Shared {
    gate: Arc<Gate<ThreadPool>>,
    reactor: reactor::Handle,
    workers: usize,
    /// Workers that still take tasks from the channel.
    taking: AtomicUsize,
    /// Workers whose thread is about to end, by the entry that the kernel has for it.
    ended: Mutex<Vec<PathBuf>>,
    one_ended: Condvar,
}

thread_local! {
    /// Set on a pool's threads for as long as they live.
    static WORKER: RefCell<Option<Worker>> = const { RefCell::new(None) };
}

/// A worker thread's own state; dropped when the thread ends, in whatever way. The fields drop in
/// order.
struct Worker {
    shared: Arc<Shared>,
    taking: Cell<bool>,
    _resident: Resident<ThreadPool>,
    _entered: Entered,
    _ended: Ended,
}

/// Reports the end of its thread when dropped.
struct Ended(Arc<Shared>);

impl Worker {
    fn new(shared: Arc<Shared>) -> Self {
        Self {
            taking: Cell::new(true),
            _entered: runtimes::adapter::enter(DESCRIPTOR.name),
            _resident: Resident::new(Arc::clone(&shared.gate)),
            _ended: Ended(Arc::clone(&shared)),
            shared,
        }
    }

    /// Notes that this worker takes no more tasks; says whether it was the last that did.
    fn retire(&self) -> bool {
        // AcqRel: pairs with itself; what the others pushed before they retired is there for the
        // last to find.
        self.taking.replace(false) && self.shared.taking.fetch_sub(1, Ordering::AcqRel) == 1
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        self.retire();
    }
}

impl Drop for Ended {
    fn drop(&mut self) {
        self.0.ended.lock().unwrap_or_else(PoisonError::into_inner).push(own_entry());
        self.0.one_ended.notify_one();
    }
}

/// Ends the worker that polls it. The last worker first puts another pill behind whatever its late
/// colleagues spawned, so that nothing stays in the channel.
struct Pill {
    pool: ThreadPool,
    last: bool,
}

impl Future for Pill {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<()> {
        let last = WORKER.with_borrow(|worker| worker.as_ref().is_some_and(Worker::retire));
        if last && !self.last {
            self.pool.spawn_ok(Self { pool: self.pool.clone(), last: true });
            return Poll::Ready(());
        }
        // Not a panic: no hook runs and nothing is printed. The worker's loop has no other way out.
        resume_unwind(Box::new("the pool shuts down"))
    }
}

/// Ends early once the runtime is closing, which drops the future inside.
struct Guarded<F>(F);

impl<F: Future<Output = ()>> Future for Guarded<F> {
    type Output = ();

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        if gate::closing_here() {
            return Poll::Ready(());
        }
        budget::refill();
        // SAFETY: the one field is pinned when `self` is: it is not moved out, and there is no
        // `Drop`.
        unsafe { self.map_unchecked_mut(|guarded| &mut guarded.0) }.poll(cx)
    }
}

impl Variant {
    fn stop(&mut self) {
        let shared = &self.spawner.shared;
        let Some(pool) = shared.gate.pass(ThreadPool::clone) else { return };
        shared.gate.close();
        // Before the threads end: a task that the reactor wakes for the last time still gets
        // dropped by them.
        self.driver.stop();
        for _ in 0..shared.workers {
            pool.spawn_ok(Pill { pool: pool.clone(), last: false });
        }
        shared.wait_for_threads();
        drop(pool);
        drop(shared.gate.take());
    }
}

impl Shared {
    /// Waits until the kernel has forgotten every worker: futures-executor keeps no handles to
    /// join.
    fn wait_for_threads(&self) {
        let ended = self.ended.lock().unwrap_or_else(PoisonError::into_inner);
        let ended = self.one_ended.wait_while(ended, |ended| ended.len() < self.workers);
        ended
            .unwrap_or_else(PoisonError::into_inner)
            .iter()
            .for_each(|entry| wait_until_gone(entry));
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = PoolSpawner;
    type Sockets = NoSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let driver = Driver::start()?;
        // A pool that gets only some of its threads returns an error, but no handle with which to
        // wait for those.
        rehearsal::threads(config.workers)?;
        // The pool's threads start before there is a pool to share; they wait for it here.
        let announced: Arc<OnceLock<Option<Arc<Shared>>>> = Arc::default();
        let awaited = Arc::clone(&announced);
        let pool = ThreadPool::builder()
            .pool_size(config.workers)
            .name_prefix(WorkerNames::new(DESCRIPTOR.name, config.workers).prefix())
            .after_start(move |_| {
                if let Some(shared) = awaited.wait() {
                    WORKER.set(Some(Worker::new(Arc::clone(shared))));
                }
            })
            .create();
        let shared = pool.map(|pool| {
            Arc::new(Shared {
                gate: Arc::new(Gate::new(pool)),
                reactor: driver.handle().clone(),
                workers: config.workers,
                taking: AtomicUsize::new(config.workers),
                ended: Mutex::default(),
                one_ended: Condvar::new(),
            })
        });
        let _ = announced.set(shared.as_ref().ok().cloned());
        let shared = shared.map_err(|source| StartError::Os { what: "worker threads", source })?;
        Ok(Self { spawner: PoolSpawner { shared }, driver })
    }

    fn spawner(&self) -> &PoolSpawner {
        &self.spawner
    }

    /// futures-executor comes without.
    fn sockets(&self) -> Option<NoSockets> {
        None
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        let _resident = Resident::new(Arc::clone(&self.spawner.shared.gate));
        block_on(each_poll(future))
    }

    /// The reactor's counters; futures-executor has none.
    fn metrics(&self) -> Snapshot {
        self.driver.snapshot(&[])
    }

    fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }
}

/// Spawns on a [`ThreadPool`].
#[derive(Clone, Debug)]
pub struct PoolSpawner {
    shared: Arc<Shared>,
}

impl Spawner for PoolSpawner {
    type Join<T: Send + 'static> = RemoteJoin<T>;

    /// What `spawn_with_handle` does, with `Guarded` in between.
    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let spawned = self.shared.gate.pass(|pool| {
            let (remote, handle) = future.remote_handle();
            pool.spawn_ok(Guarded(remote));
            handle
        });
        RemoteJoin::new(spawned)
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
