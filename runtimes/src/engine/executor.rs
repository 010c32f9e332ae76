//! Our side of the outer trait: starts the workers of a policy, runs `block_on`, shuts down.

use std::cell::UnsafeCell;
use std::future::Future;
use std::io::{self, Write};
use std::marker::PhantomData;
use std::process;
use std::sync::{Arc, Barrier};
use std::thread;

use super::body::{Stackless, TaskBody};
use super::core::Core;
use super::spawner::EngineSpawner;
use super::worker::{Pause, Worker};
use super::{MAX_WORKERS, block_on, diagnosis};
use crate::contract;
use crate::enter::enter;
use crate::metrics::Snapshot;
use crate::net::NetSockets;
use crate::reactor::Reactor;
use crate::runtime::{Config, Runtime, Spawner, StartError};
use crate::scheduler::{Placement, Scheduler};
use crate::sync::Mutex;
use crate::sync::{Unsuspended, barrier};
use crate::threads::{WorkerNames, check_room};

/// A runtime of our own: the shared mechanism with one policy and one kind of task body.
pub struct Executor<S: Scheduler, B: TaskBody = Stackless> {
    core: Arc<Core<S>>,
    spawner: EngineSpawner<S, B>,
    seats: Seats<S>,
    /// Tasks that are not `Send` may live on the thread that started the runtime.
    not_send: PhantomData<*const ()>,
}

/// Where the workers are.
enum Seats<S: Scheduler> {
    /// The one worker, which runs whenever the caller blocks on something.
    Caller(UnsafeCell<Option<Box<Worker<S>>>>),
    /// Threads, which return their workers when they stop.
    Threads(Vec<thread::JoinHandle<Box<Worker<S>>>>),
}

impl<S: Scheduler, B: TaskBody> Executor<S, B> {
    fn start_threads(
        core: &Arc<Core<S>>,
        body: &Arc<B::Shared>,
        locals: Vec<S::Local>,
    ) -> Result<Seats<S>, StartError> {
        let stopped = Arc::new((Barrier::new(locals.len()), Mutex::new(())));
        let mut threads = Vec::with_capacity(locals.len());
        let mut workers: Vec<_> = locals
            .into_iter()
            .enumerate()
            .map(|(i, local)| Worker::new(core.clone(), i, local))
            .collect();
        let names = WorkerNames::new(core.name, workers.len());
        // A worker that cannot get a thread would leave the others at the barrier, so they all wait
        // for the word that everybody is there.
        let (go, wait) = (Arc::new(std::sync::OnceLock::<bool>::new()), core.clone());
        let mut failed = None;
        while let Some(worker) = workers.pop() {
            let (go, stopped, body) = (go.clone(), stopped.clone(), body.clone());
            let run = move || {
                if *go.wait() {
                    Self::work(&worker, &body, &stopped.0, &stopped.1);
                }
                worker
            };
            match thread::Builder::new().name(names.of(workers.len())).spawn(run) {
                Ok(thread) => threads.push(thread),
                Err(source) => {
                    failed = Some(source);
                    break;
                }
            }
        }
        let _ = go.set(failed.is_none());
        let Some(source) = failed else { return Ok(Seats::Threads(threads)) };
        workers.extend(threads.into_iter().filter_map(|thread| thread.join().ok()));
        wait.begin_shutdown();
        // SAFETY: no worker ever ran, so there are no tasks; called once.
        unsafe { wait.finish_shutdown(workers) };
        Err(StartError::Os { what: "worker thread", source })
    }

    /// The life of a worker's thread.
    fn work(worker: &Worker<S>, body: &B::Shared, stopped: &Barrier, turn: &Mutex<()>) {
        let _vital = Vital(worker.name(), worker.index());
        let _entered = enter(worker.name());
        reactor_thread_setup();
        // SAFETY: this thread is the worker until it ends; what it is given is dropped at the end
        // of this function.
        let _seat = unsafe { B::enter(body, worker.index(), worker.counters()) };
        let pause = worker.run(|_idle| false);
        debug_assert_eq!(pause, Pause::Stopping);
        worker.finish_preempted();
        // From here on no worker runs a task; each in turn drops those that only it may drop.
        stopped.wait();
        let _turn = turn.lock();
        worker.drop_pinned();
    }

    /// A handle that spawns futures which need not be `Send`, for a runtime on its caller's thread.
    pub(crate) fn engine_spawner(&self) -> &EngineSpawner<S, B> {
        &self.spawner
    }

    fn stop(&mut self) {
        assert!(
            self.core.here().is_none(),
            "runtime `{}` was dropped inside one of its own tasks: it cannot wait there for that \
             task to end",
            self.core.name
        );
        // What is dropped here must not suspend the code that drops the runtime: the rest would be
        // left half done.
        let _unsuspended = Unsuspended::new();
        self.core.begin_shutdown();
        let workers = match &mut self.seats {
            Seats::Caller(worker) => {
                let worker = worker.get_mut().take();
                worker.iter().for_each(|worker| {
                    // SAFETY: on the thread that is the worker while it blocks, and not now;
                    // dropped before the worker.
                    let _seat =
                        unsafe { B::enter(self.spawner.body(), worker.index(), worker.counters()) };
                    worker.finish_preempted();
                    worker.drop_pinned();
                });
                worker.into_iter().collect()
            }
            Seats::Threads(threads) => threads
                .drain(..)
                .map(|thread| {
                    thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
                })
                .collect(),
        };
        // SAFETY: `stop` runs once, from drop; the gate is closed and the workers have stopped.
        // Futures that are not `Send` were spawned on this thread (the executor never leaves it) or
        // are gone with their workers.
        unsafe { self.core.finish_shutdown(workers) };
        diagnosis::forget(&self.core);
        // SAFETY: `stop` runs once; the workers and the futures are gone, and the seats with them.
        unsafe { B::stopped(self.spawner.body()) };
    }
}

/// A worker's loop. What tasks and wakers panic with is caught further up, so a panic that gets
/// here is the policy's, or our own. Tasks of this worker would never run again, and shutdown would
/// wait for it: rather than hang, the process ends. (A policy on its caller's thread panics out of
/// `block_on`.)
struct Vital(&'static str, usize);

impl Drop for Vital {
    fn drop(&mut self) {
        if thread::panicking() {
            let Self(runtime, worker) = self;
            // Written past what captures the output of tests.
            let _ = writeln!(
                io::stderr(),
                "worker {worker} of runtime `{runtime}` panicked outside of any task: its policy \
                 is at fault, or the engine. \
                 Its tasks cannot go on; aborting."
            );
            process::abort();
        }
    }
}

/// What every thread that waits in a reactor does first.
fn reactor_thread_setup() {
    // Refused only by sandboxes; timers are then up to 50 µs late.
    let _ = crate::reactor::set_timer_slack_min();
}

impl<S: Scheduler, B: TaskBody> Runtime for Executor<S, B> {
    type Spawner = EngineSpawner<S, B>;
    type Sockets = NetSockets;

    fn check_policy(rule: contract::Rule) -> Result<(), contract::Broken> {
        contract::check_rule::<S>(rule)
    }

    fn start(config: &Config) -> Result<Self, StartError> {
        let name = config.name;
        if name.contains('\0') {
            return Err(StartError::Name { name });
        }
        let limit = match S::PLACEMENT {
            Placement::Caller => 1,
            Placement::Threads => MAX_WORKERS,
        };
        if !(1..=limit).contains(&config.workers) {
            return Err(StartError::Workers { runtime: name, requested: config.workers, limit });
        }
        if let Placement::Threads = S::PLACEMENT {
            // One more for the monitor of a runtime that slices.
            let room = check_room(config.workers + 1);
            room.map_err(|source| StartError::Os { what: "worker threads", source })?;
        }
        barrier::register();
        let reactor =
            Reactor::new().map_err(|source| StartError::Os { what: "epoll instance", source })?;
        let body = B::shared(config)?;
        let (core, mut locals) = Core::<S>::new(name, config, reactor, body.clone());
        let seats = match (S::PLACEMENT, locals.pop()) {
            (Placement::Caller, Some(local)) => {
                reactor_thread_setup();
                Seats::Caller(UnsafeCell::new(Some(Worker::new(core.clone(), 0, local))))
            }
            (_, last) => {
                locals.extend(last);
                Self::start_threads(&core, &body, locals)?
            }
        };
        let spawner = EngineSpawner::new(core.clone(), body);
        diagnosis::register(&core);
        Ok(Self { core, spawner, seats, not_send: PhantomData })
    }

    fn spawner(&self) -> &Self::Spawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<NetSockets> {
        Some(NetSockets::new(self.spawner.reactor().clone()))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = enter(self.core.name);
        match &self.seats {
            Seats::Threads(_) => block_on::on_thread(future),
            Seats::Caller(worker) => {
                // SAFETY: `enter` refuses a second `block_on` on this thread, which the executor
                // never leaves, so nothing else refers to the worker until it is stopped.
                let worker = unsafe { &*worker.get() };
                match worker {
                    Some(worker) => {
                        // SAFETY: as above, this call alone is the worker; dropped when it returns.
                        let _seat = unsafe {
                            B::enter(self.spawner.body(), worker.index(), worker.counters())
                        };
                        block_on::on_worker(&self.core, worker, future)
                    }
                    None => unreachable!("the worker is there until the runtime stops"),
                }
            }
        }
    }

    fn metrics(&self) -> Snapshot {
        self.core.snapshot()
    }

    fn shutdown(self) -> Snapshot {
        let core = self.core.clone();
        drop(self);
        core.snapshot()
    }
}

impl<S: Scheduler, B: TaskBody> Drop for Executor<S, B> {
    fn drop(&mut self) {
        self.stop();
    }
}
