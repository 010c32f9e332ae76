//! The cloneable handle that spawns onto an engine.

use std::fmt;
use std::future::Future;
use std::sync::Arc;

use super::body::{Stackless, TaskBody};
use super::core::Core;
use crate::reactor;
use crate::runtime::{Join, Spawner, Suspend};
use crate::scheduler::Scheduler;
use crate::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use crate::task::JoinHandle;

/// Spawns tasks onto one of our own runtimes, from any thread. Tasks clone and drop it as often as
/// they spawn, so it is one reference to what all of them share.
pub struct EngineSpawner<S: Scheduler, B: TaskBody = Stackless>(Arc<Inner<S, B>>);

struct Inner<S: Scheduler, B: TaskBody> {
    core: Arc<Core<S>>,
    body: Arc<B::Shared>,
    /// The worker that the next pinned task from outside goes to.
    turn: AtomicUsize,
}

impl<S: Scheduler, B: TaskBody> Clone for EngineSpawner<S, B> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<S: Scheduler, B: TaskBody> fmt::Debug for EngineSpawner<S, B> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("EngineSpawner").field("runtime", &self.0.core.name).finish_non_exhaustive()
    }
}

impl<S: Scheduler, B: TaskBody> EngineSpawner<S, B> {
    pub(super) fn new(core: Arc<Core<S>>, body: Arc<B::Shared>) -> Self {
        Self(Arc::new(Inner { core, body, turn: AtomicUsize::new(0) }))
    }

    /// What the runtime's task bodies share.
    pub fn body(&self) -> &Arc<B::Shared> {
        &self.0.body
    }

    /// Spawns a future that need not be `Send` on a runtime whose one worker is the calling thread.
    ///
    /// # Safety
    /// The runtime's placement is [`Caller`](crate::scheduler::Placement::Caller), and the calling
    /// thread is the one that started it.
    pub(crate) unsafe fn spawn_unsend<F: Future + 'static>(
        &self,
        future: F,
    ) -> JoinHandle<F::Output> {
        // SAFETY: the core keeps what bodies share until the last future is dropped.
        let future = unsafe { B::wrap(&self.0.body, future) };
        // SAFETY: the executor never leaves its thread, which runs, cancels and joins the task.
        unsafe { self.0.core.spawn(future, 0) }
    }

    /// Spawns the future that `make` makes onto one worker, where it is made, run and dropped: it
    /// need not be `Send`. The worker is the calling one, or from outside each in turn.
    pub fn spawn_pinned<M, F>(&self, make: M) -> JoinHandle<F::Output>
    where
        M: FnOnce() -> F + Send + 'static,
        F: Future + 'static,
        F::Output: Send + 'static,
    {
        let worker = match self.0.core.here() {
            Some(worker) => worker.index(),
            None => self.0.turn.fetch_add(1, Relaxed) % self.0.core.workers.len(),
        };
        let future = async move { make().await };
        // SAFETY: the future that is not `Send` is made by the first poll, and a pinned task is
        // polled and, once polled, dropped by its worker alone. Before that it holds only `make`,
        // which is `Send`.
        unsafe { self.0.core.spawn(future, worker as u32 + 1) }
    }
}

impl<S: Scheduler, B: TaskBody> Spawner for EngineSpawner<S, B> {
    type Join<T: Send + 'static> = JoinHandle<T>;

    #[inline]
    fn spawn<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        // SAFETY: the core keeps what bodies share until the last future is dropped.
        let future = unsafe { B::wrap(&self.0.body, future) };
        // SAFETY: future and output are `Send`, and a body keeps them so.
        unsafe { self.0.core.spawn(future, 0) }
    }

    fn go<C, T>(&self, code: C) -> Option<JoinHandle<T>>
    where
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        B::go(self, code)
    }

    fn reactor(&self) -> &reactor::Handle {
        self.0.core.reactor()
    }
}

impl<T: Send + 'static> Join<T> for JoinHandle<T> {
    fn abort(&mut self) {
        JoinHandle::abort(self);
    }
}
