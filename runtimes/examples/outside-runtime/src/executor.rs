//! The executor: one queue of tasks, and a loop that polls them and turns the reactor.

use std::collections::VecDeque;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::thread::{self, ThreadId};
use std::time::Duration;

use futures_channel::oneshot::{self, Receiver};
use futures_util::future::{BoxFuture, FutureExt};
use runtimes::metrics::{Block, Counter, Snapshot};
use runtimes::net::NetSockets;
use runtimes::reactor::{self, Reactor};
use runtimes::{Config, Join, JoinError, Runtime, Spawner, StartError, adapter, budget};
use slab::Slab;

use crate::DESCRIPTOR;

/// So many tasks run before the reactor is asked again, although there are more.
const TURN_EVERY: u32 = 64;

/// What is counted, and shown beside the charts.
const COUNTED: [Counter; 4] =
    [Counter::Parks, Counter::ReactorTurns, Counter::IoEvents, Counter::TimersFired];

/// Nothing panics while it holds a lock: code of others runs without one, or is contained.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Keeps the panic of a destructor from the loop. The hook has reported it; the payload is leaked,
/// because its own destructor might panic as well.
fn contain<R>(code: impl FnOnce() -> R) -> Option<R> {
    catch_unwind(AssertUnwindSafe(code)).map_err(mem::forget).ok()
}

/// What the loop, the tasks and the spawners share.
struct Shared {
    state: Mutex<State>,
    reactor: reactor::Handle,
}

#[derive(Default)]
struct State {
    /// Who wants to be polled, the longest waiting first.
    queue: VecDeque<Arc<Task>>,
    /// All tasks that have not ended: shutdown finds here those that nobody would wake.
    live: Slab<Arc<Task>>,
    /// The thread that waits in the reactor because the queue was empty.
    asleep: Option<ThreadId>,
    closed: bool,
}

impl Shared {
    /// Ends all tasks. Their destructors may spawn, so new ones are refused first.
    fn close(&self) {
        let State { live, .. } =
            mem::replace(&mut *lock(&self.state), State { closed: true, ..State::default() });
        live.iter().for_each(|(_, task)| task.end());
    }
}

/// A task is its own waker.
struct Task {
    shared: Arc<Shared>,
    /// Its place among the live ones.
    key: usize,
    /// It is in the queue, or will be in a moment.
    queued: AtomicBool,
    aborted: AtomicBool,
    /// `None` once it has ended. The loop alone takes the lock, so it may poll under it.
    future: Mutex<Option<BoxFuture<'static, ()>>>,
}

impl Task {
    fn new(shared: &Arc<Shared>, key: usize, future: Option<BoxFuture<'static, ()>>) -> Arc<Self> {
        let (shared, future) = (Arc::clone(shared), Mutex::new(future));
        Arc::new(Self { shared, key, queued: false.into(), aborted: false.into(), future })
    }

    fn run(self: &Arc<Self>) {
        // Before the poll: a wake-up during it queues the task again. A swap, because a store does
        // not see what was written before the wake-ups that it ends.
        self.queued.swap(false, SeqCst);
        let waker = Waker::from(Arc::clone(self));
        let mut place = lock(&self.future);
        let Some(future) = &mut *place else { return };
        let poll = || future.as_mut().poll(&mut Context::from_waker(&waker));
        if self.aborted.load(SeqCst) || contain(poll).is_none_or(|poll| poll.is_ready()) {
            drop(place);
            self.end();
        }
    }

    /// Drops the future. A handle that still waits for the output learns of it by that.
    fn end(&self) {
        let future = lock(&self.future).take();
        contain(|| drop(future));
        lock(&self.shared.state).live.try_remove(self.key);
    }
}

impl Wake for Task {
    fn wake(self: Arc<Self>) {
        if self.queued.swap(true, SeqCst) {
            return;
        }
        let shared = Arc::clone(&self.shared);
        let mut state = lock(&shared.state);
        // A task refers to the queue: in one that nobody empties any more it would leak.
        if !state.closed {
            state.queue.push_back(self);
            let asleep = state.asleep.take();
            drop(state);
            // A turn in which the reactor itself wakes a task is over anyway.
            if asleep.is_some_and(|thread| thread != thread::current().id()) {
                shared.reactor.notify();
            }
        }
    }
}

/// The handle of a task.
pub struct Handle<T>(Arc<Task>, Receiver<Result<T, JoinError>>);

impl<T> Future for Handle<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.1.poll_unpin(cx).map(|sent| sent.unwrap_or(Err(JoinError::Cancelled)))
    }
}

impl<T: Send + 'static> Join<T> for Handle<T> {
    fn abort(&mut self) {
        self.0.aborted.store(true, SeqCst);
        Arc::clone(&self.0).wake();
    }
}

#[derive(Clone)]
pub struct Spawn(Arc<Shared>);

impl Spawner for Spawn {
    type Join<T: Send + 'static> = Handle<T>;

    fn spawn<F>(&self, future: F) -> Handle<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (sender, receiver) = oneshot::channel();
        let future = AssertUnwindSafe(budget::each_poll(future)).catch_unwind();
        // Named in this order, the future is dropped before the sender if it is never polled.
        let future = async move {
            let outcome = future.await;
            drop(sender.send(outcome.map_err(JoinError::Panicked)));
        };
        let mut state = lock(&self.0.state);
        let refused = state.closed;
        let task = Task::new(&self.0, state.live.vacant_key(), Some(future.boxed()));
        if !refused {
            state.live.insert(Arc::clone(&task));
        }
        drop(state);
        if refused {
            task.end();
        } else {
            Arc::clone(&task).wake();
        }
        Handle(task, receiver)
    }

    fn reactor(&self) -> &reactor::Handle {
        &self.0.reactor
    }
}

/// The runtime. Who has the right to drive its reactor runs its tasks.
pub struct Minimal {
    spawner: Spawn,
    reactor: Reactor,
    counters: Block,
}

impl Drop for Minimal {
    fn drop(&mut self) {
        self.spawner.0.close(); // the reactor, which goes next, is there for what they deregister
    }
}

impl Runtime for Minimal {
    type Spawner = Spawn;
    type Sockets = NetSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        let (runtime, requested) = (DESCRIPTOR.name, config.workers);
        if requested != 1 {
            return Err(StartError::Workers { runtime, requested, limit: 1 });
        }
        let reactor =
            Reactor::new().map_err(|source| StartError::Os { what: "reactor", source })?;
        // Refused only by sandboxes; timers are then up to 50 µs late.
        let _ = reactor::set_timer_slack_min();
        let shared = Shared { state: Mutex::default(), reactor: reactor.handle().clone() };
        let (spawner, counters) = (Spawn(Arc::new(shared)), Block::new());
        Ok(Self { spawner, reactor, counters })
    }

    fn spawner(&self) -> &Spawn {
        &self.spawner
    }

    fn sockets(&self) -> Option<NetSockets> {
        Some(NetSockets::new(self.reactor.handle().clone()))
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = adapter::enter(DESCRIPTOR.name);
        let shared = &self.spawner.0;
        let mut driver = self.reactor.try_driver().expect("one block_on at a time");
        let mut future = pin!(budget::each_poll(future));
        // The future itself stays here: this is how it is woken, and where it stands in the queue.
        let root = Task::new(shared, usize::MAX, None);
        let waker = Waker::from(Arc::clone(&root));
        waker.wake_by_ref();
        let mut tick = 0_u32;
        loop {
            let mut state = lock(&shared.state);
            let next = state.queue.pop_front();
            let idle = next.is_none();
            state.asleep = idle.then(|| thread::current().id());
            drop(state);
            if let Some(task) = next {
                task.run();
                if Arc::ptr_eq(&task, &root)
                    && let Poll::Ready(output) =
                        future.as_mut().poll(&mut Context::from_waker(&waker))
                {
                    return output;
                }
            }
            tick = tick.wrapping_add(1);
            if idle || tick.is_multiple_of(TURN_EVERY) {
                let timeout = if idle { None } else { Some(Duration::ZERO) };
                let turn = driver.turn(timeout).expect("it fails in a forked child only");
                let counts = [u32::from(idle), turn.waits, turn.events, turn.timers];
                COUNTED.iter().zip(counts).for_each(|(&c, n)| self.counters.add(c, n.into()));
            }
        }
    }

    fn metrics(&self) -> Snapshot {
        Snapshot::only(&COUNTED.map(|counter| (counter, self.counters.get(counter))))
    }

    fn shutdown(self) -> Snapshot {
        self.spawner.0.close();
        self.metrics()
    }
}
