//! `local`: one thread, no synchronisation. The worker is the thread that calls `block_on`.

use std::collections::VecDeque;

use crate::engine::Executor;
use crate::queue::{Injector, InjectorBatcher};
use crate::scheduler::{Caller, Cause, NextTask, Notify, Placement, Scheduler, TaskSource};
use crate::task::{JoinHandle, Runnable};

/// Ticks between looks at the inbox while there are tasks: each takes its cache line from the
/// threads that write it. A prime, as in `work_stealing`.
const INBOX_INTERVAL: u32 = 61;

/// After this many new tasks in a row one woken task runs, so that a task that spawns without end
/// cannot starve the others. Large enough to keep fork–join trees depth-first.
const FRESH_RUN: u32 = 64;

/// After this many such turns the *oldest* new task joins the woken ones: newest first would leave
/// it at the bottom for as long as tasks spawn tasks. Rare, because in a fork–join tree the oldest
/// is the largest piece left.
const OLDEST_INTERVAL: u32 = 64;

/// The policy's shared part: the inbox.
#[derive(Debug)]
pub struct Local {
    inbox: Injector,
}

/// The worker's own queues.
#[derive(Debug, Default)]
pub struct Queues {
    fresh: VecDeque<Runnable>,
    woken: VecDeque<Runnable>,
    batcher: InjectorBatcher,
    /// New tasks run since the last woken one.
    run: u32,
    /// Turns of the woken since the oldest new task had one.
    turns: u32,
}

impl Scheduler for Local {
    const PLACEMENT: Placement = Placement::Caller;
    type Local = Queues;

    fn new(workers: usize) -> (Self, Vec<Queues>) {
        (Self { inbox: Injector::new() }, (0..workers).map(|_| Queues::default()).collect())
    }

    #[inline]
    fn schedule(&self, at: Caller<'_, Queues>, task: Runnable, cause: Cause) -> Notify {
        match at {
            Caller::Worker(queues) => {
                match cause {
                    Cause::Spawned => queues.fresh.push_back(task),
                    Cause::Woken | Cause::Yielded => queues.woken.push_back(task),
                }
                Notify::Nobody
            }
            Caller::Remote => {
                self.inbox.push(task);
                Notify::Worker(0)
            }
        }
    }

    #[inline]
    fn next(&self, queues: &mut Queues, tick: u32) -> Option<NextTask> {
        if tick.is_multiple_of(INBOX_INTERVAL) {
            self.inbox.take_into(&mut queues.woken);
        }
        if queues.run < FRESH_RUN
            && let Some(task) = queues.fresh.pop_back()
        {
            queues.run += 1;
            return Some(NextTask::new(task, TaskSource::Local));
        }
        if queues.run == FRESH_RUN {
            queues.turns += 1;
            if queues.turns == OLDEST_INTERVAL {
                queues.turns = 0;
                queues.woken.extend(queues.fresh.pop_front());
            }
        }
        queues.run = 0;
        if let Some(task) = queues.woken.pop_front().or_else(|| queues.fresh.pop_back()) {
            return Some(NextTask::new(task, TaskSource::Local));
        }
        queues.batcher.take(&self.inbox, |task| queues.woken.push_back(task));
        queues.woken.pop_front().map(|task| NextTask::new(task, TaskSource::Shared))
    }

    #[inline]
    fn queued(&self, queues: &Queues) -> usize {
        queues.fresh.len() + queues.woken.len() + usize::from(!self.inbox.is_empty())
    }

    #[inline]
    fn has_work(&self, queues: &Queues) -> bool {
        self.queued(queues) != 0
    }
}

impl Executor<Local> {
    /// Spawns a future that need not be `Send`; it runs on this thread, whenever it blocks on
    /// something.
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: std::future::Future + 'static,
        F::Output: 'static,
    {
        self.local_spawner().spawn_local(future)
    }

    /// A handle for [`spawn_local`](LocalSpawner::spawn_local) that tasks can take along.
    pub fn local_spawner(&self) -> LocalSpawner {
        LocalSpawner { spawner: self.engine_spawner().clone(), not_send: std::marker::PhantomData }
    }
}

/// Spawns futures that need not be `Send`. It stays on the thread that started the runtime.
#[derive(Clone, Debug)]
pub struct LocalSpawner {
    spawner: crate::engine::EngineSpawner<Local>,
    not_send: std::marker::PhantomData<*const ()>,
}

impl LocalSpawner {
    /// Makes a task of `future`; see [`Executor::spawn_local`].
    pub fn spawn_local<F>(&self, future: F) -> JoinHandle<F::Output>
    where
        F: std::future::Future + 'static,
        F::Output: 'static,
    {
        // SAFETY: `local` runs on its caller's thread, and `not_send` keeps this handle there.
        unsafe { self.spawner.spawn_unsend(future) }
    }
}
