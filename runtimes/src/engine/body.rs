//! What a task is made of: a future polled on the worker's stack, or something that drives it.

use std::future::Future;
use std::sync::Arc;

use super::EngineSpawner;
use crate::metrics::Block;
use crate::runtime::{Config, StartError, Suspend};
use crate::scheduler::Scheduler;
use crate::task::JoinHandle;

/// Turns the future that is spawned into the future that the engine polls.
///
/// What the engine calls of it is no one else's to call:
/// ```compile_fail,E0133
/// use runtimes::{Config, TaskBody, stackful::Stackful};
/// let shared = Stackful::shared(&Config::new(1)).unwrap();
/// Stackful::stopped(&shared);
/// ```
///
/// # Safety
/// `Self::Future<F>` may be moved between threads between polls whenever `F` may, even where the
/// compiler cannot see it.
pub unsafe trait TaskBody: 'static {
    /// What all tasks of one runtime share: a pool of stacks, or nothing.
    type Shared: Send + Sync + 'static;
    /// What the engine polls.
    type Future<F: Future>: Future<Output = F::Output>;

    /// What a worker's thread has while it runs tasks.
    type Worker<'a>;

    /// Makes what the tasks of one runtime share.
    ///
    /// # Errors
    /// When the system refuses a resource, or does not have what the configuration asks for.
    fn shared(config: &Config) -> Result<Arc<Self::Shared>, StartError>;

    /// Called on a worker's thread before it runs tasks. What it returns is dropped there when it
    /// runs no more.
    ///
    /// # Safety
    /// For the engine alone, which promises: `worker` is one of the runtime that `shared` was made
    /// for, `counters` are its own, and the calling thread is that worker from here on until it
    /// drops what is returned. It drops it, and before what it was given earlier.
    unsafe fn enter<'a>(
        shared: &'a Self::Shared,
        worker: usize,
        counters: &'a Block,
    ) -> Self::Worker<'a>;

    /// Called when the workers have stopped and the last future is dropped.
    ///
    /// # Safety
    /// For the engine alone, once for each runtime, when that is so and what [`enter`](Self::enter)
    /// returned is gone.
    unsafe fn stopped(shared: &Self::Shared);

    /// Runs `code` in direct style; see [`Spawner::go`](crate::Spawner::go).
    fn go<S, C, T>(_: &EngineSpawner<S, Self>, _: C) -> Option<JoinHandle<T>>
    where
        Self: Sized,
        S: Scheduler,
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        None
    }

    /// Wraps one future.
    ///
    /// # Safety
    /// `shared` outlives the future that is returned.
    unsafe fn wrap<F: Future>(shared: &Arc<Self::Shared>, future: F) -> Self::Future<F>;
}

/// The future itself: a task without a stack of its own.
#[derive(Debug)]
pub enum Stackless {}

// SAFETY: the future is passed through.
unsafe impl TaskBody for Stackless {
    type Shared = ();
    type Future<F: Future> = F;

    type Worker<'a> = ();

    fn shared(_: &Config) -> Result<Arc<()>, StartError> {
        Ok(Arc::new(()))
    }

    #[inline]
    unsafe fn enter(_: &(), _: usize, _: &Block) {}

    unsafe fn stopped(_: &()) {}

    #[inline]
    unsafe fn wrap<F: Future>(_: &Arc<()>, future: F) -> F {
        future
    }
}
