//! The body of a stackful runtime's tasks: what its engine polls.

use std::future::Future;
use std::marker::PhantomPinned;
use std::ops::Deref;
use std::pin::Pin;
use std::ptr::NonNull;
use std::sync::Arc;

use super::preempt::{Registered, SliceStats, Slicer};
use super::{Coroutine, Pool, PoolRef};
use crate::engine::{EngineSpawner, Executor, TaskBody};
use crate::metrics::Block;
use crate::runtime::{Config, StartError, Suspend};
use crate::scheduler::Scheduler;
use crate::task::JoinHandle;

/// Tasks that drive their future on a stack of its own.
#[derive(Debug)]
pub enum Stackful {}

/// A thread while it runs a stackful worker.
#[derive(Debug)]
pub struct Seat<'a>(
    #[expect(dead_code, reason = "dropped when the thread leaves")] Option<Registered<'a>>,
);

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        super::direct::before_leaving();
    }
}

/// The pool of a task's runtime. It is not counted: two updates of one shared counter for every
/// task would bounce its cache line between the workers.
#[derive(Debug)]
pub struct RuntimePool(NonNull<Pool>, PhantomPinned);

// SAFETY: it is used as a `&Pool`, and a pool is `Sync`.
unsafe impl Send for RuntimePool {}

impl Deref for RuntimePool {
    type Target = Pool;

    #[inline]
    fn deref(&self) -> &Pool {
        // SAFETY: made only by `Stackful::wrap`, whose caller keeps the pool alive as long as the
        // future.
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: made only by `Stackful::wrap`, whose result the engine spawns as the body of a task;
// `PhantomPinned`.
unsafe impl PoolRef for RuntimePool {
    const OWN_TASK: bool = true;
}

// SAFETY: between polls nothing of the future is on its stack; a preempted one, of which that is
// not true, is held by its worker; see `Coroutine`.
unsafe impl TaskBody for Stackful {
    type Shared = Pool;
    type Future<F: Future> = Coroutine<F, RuntimePool>;

    type Worker<'a> = Seat<'a>;

    /// Maps nothing yet: stacks are made when tasks start.
    fn shared(config: &Config) -> Result<Arc<Pool>, StartError> {
        let slicer = config.slice.map(|slice| Slicer::start(config.workers, slice)).transpose()?;
        Ok(Pool::configured(config, slicer))
    }

    unsafe fn enter<'a>(pool: &'a Pool, worker: usize, counters: &'a Block) -> Seat<'a> {
        // SAFETY: the caller's.
        Seat(pool.slicer().map(|slicer| unsafe { slicer.register(worker, counters) }))
    }

    unsafe fn stopped(pool: &Pool) {
        if let Some(slicer) = pool.slicer() {
            slicer.stop();
        }
        pool.end();
    }

    fn go<S, C, T>(spawner: &EngineSpawner<S, Self>, code: C) -> Option<JoinHandle<T>>
    where
        S: Scheduler,
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        Some(super::go(spawner, || code(&CurrentStack)))
    }

    #[inline]
    unsafe fn wrap<F: Future>(pool: &Arc<Pool>, future: F) -> Coroutine<F, RuntimePool> {
        Coroutine::new(RuntimePool(NonNull::from(&**pool), PhantomPinned), future)
    }
}

/// The stack of the direct-style code that runs on this thread.
struct CurrentStack;

impl Suspend for CurrentStack {
    fn yield_now(&self) {
        super::suspend();
    }

    fn wait(&self, future: Pin<&mut (dyn Future<Output = ()> + '_)>) {
        let _ = super::try_wait(future);
    }
}

impl<S: Scheduler> Executor<S, Stackful> {
    /// What time slicing did so far; `None` if it is off.
    pub fn slicing(&self) -> Option<SliceStats> {
        self.engine_spawner().body().slicer().map(Slicer::stats)
    }
}
