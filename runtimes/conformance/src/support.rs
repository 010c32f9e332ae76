//! What every check needs: a case to start runtimes from, probes that count drops, a shared signal.

use std::any::Any;
use std::future::{Future, poll_fn};
use std::panic::{self, AssertUnwindSafe};
use std::pin::Pin;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Condvar, Mutex};
use std::task::{Poll, Waker};
use std::thread::{self, ThreadId};

use runtimes::{Config, Descriptor, Runtime, Spawner, StartError, TaskKind, Workers};

use runtimes::Property;

/// One runtime with one worker count.
pub(crate) struct Case<R> {
    pub(crate) descriptor: &'static Descriptor,
    pub(crate) workers: usize,
    pub(crate) configure: fn(&mut Config),
    pub(crate) start: fn(&Config) -> Result<R, StartError>,
}

impl<R> Clone for Case<R> {
    fn clone(&self) -> Self {
        Self { ..*self }
    }
}

impl<R: Runtime> Case<R> {
    /// Starts the runtime under test.
    pub(crate) fn start(&self) -> R {
        self.start_with(&Config::new(self.workers))
    }

    /// Starts it with a configuration of the test's own.
    pub(crate) fn start_with(&self, config: &Config) -> R {
        self.try_start(config)
            .unwrap_or_else(|error| panic!("{} did not start: {error}", self.descriptor.name))
    }

    /// Starts it with a configuration that it may refuse.
    pub(crate) fn try_start(&self, config: &Config) -> Result<R, StartError> {
        let mut config = config.clone();
        config.name = self.descriptor.name;
        (self.configure)(&mut config);
        (self.start)(&config)
    }

    /// Whether this runtime by its own design does not promise `property`.
    pub(crate) fn deviates(&self, property: Property) -> bool {
        self.descriptor.deviation(property).is_some()
    }

    /// Whether each task has a stack of its own.
    pub(crate) fn has_stacks(&self) -> bool {
        self.descriptor.task != TaskKind::Stackless
    }

    /// Whether tasks run on threads of the runtime's own.
    pub(crate) fn has_threads(&self) -> bool {
        self.descriptor.workers == Workers::Many
    }
}

/// Shuts the runtime down and checks the conservation laws of its counters.
pub(crate) fn finish<R: Runtime>(runtime: R) {
    if let Err(broken) = runtime.shutdown().check_final() {
        panic!("a law of the counters is broken: {broken}");
    }
}

/// Spawns boxed futures: a spawner makes a task type of every future type, and a thousand of them
/// take long to compile; boxed there is one per output type.
pub(crate) trait Launch: Spawner {
    /// Spawns `future` in a box.
    fn launch<T: Send + 'static>(
        &self,
        future: impl Future<Output = T> + Send + 'static,
    ) -> Self::Join<T> {
        self.spawn(Box::pin(future) as Pin<Box<dyn Future<Output = T> + Send>>)
    }
}

impl<S: Spawner> Launch for S {}

/// Blocks on boxed futures, for the same reason.
pub(crate) trait Run: Runtime {
    /// Blocks on `future` in a box.
    fn run<'a, T>(&self, future: impl Future<Output = T> + 'a) -> T {
        self.block_on(Box::pin(future) as Pin<Box<dyn Future<Output = T> + 'a>>)
    }
}

impl<R: Runtime> Run for R {}

/// The text that `body` panics with.
pub(crate) fn panic_text(body: impl FnOnce()) -> String {
    let payload = panic::catch_unwind(AssertUnwindSafe(body)).expect_err("this must panic");
    text_of(&*payload).to_owned()
}

/// The text of a panic's payload.
pub(crate) fn text_of(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<&str>().copied();
    text.or_else(|| payload.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("a panic without a text")
}

/// Counts the drops of the probes made from it, and remembers their threads.
#[derive(Clone, Default)]
pub(crate) struct Drops(Arc<Mutex<Vec<ThreadId>>>);

impl Drops {
    /// Something to put into a future.
    pub(crate) fn probe(&self) -> Probe {
        Probe(self.clone())
    }

    /// How many probes have been dropped.
    pub(crate) fn count(&self) -> usize {
        self.threads().len()
    }

    /// The threads on which probes were dropped, in order.
    pub(crate) fn threads(&self) -> Vec<ThreadId> {
        self.0.lock().unwrap().clone()
    }
}

/// Reports its drop to the [`Drops`] that made it.
pub(crate) struct Probe(Drops);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.0.lock().unwrap().push(thread::current().id());
    }
}

/// Calls a closure when it is dropped.
pub(crate) struct OnDrop<F: FnOnce()>(Option<F>);

impl<F: FnOnce()> OnDrop<F> {
    pub(crate) fn new(f: F) -> Self {
        Self(Some(f))
    }
}

impl<F: FnOnce()> Drop for OnDrop<F> {
    fn drop(&mut self) {
        if let Some(f) = self.0.take() {
            f();
        }
    }
}

/// A number that tasks await and threads wait for: it only grows.
#[derive(Clone, Default)]
pub(crate) struct Signal(Arc<SignalState>);

#[derive(Default)]
struct SignalState {
    value: Mutex<(usize, Vec<Waker>)>,
    changed: Condvar,
}

impl Signal {
    /// Adds one and wakes everybody who waits.
    pub(crate) fn raise(&self) {
        let wakers = {
            let mut value = self.0.value.lock().unwrap();
            value.0 += 1;
            self.0.changed.notify_all();
            std::mem::take(&mut value.1)
        };
        wakers.into_iter().for_each(Waker::wake);
    }

    /// How often it was raised.
    pub(crate) fn get(&self) -> usize {
        self.0.value.lock().unwrap().0
    }

    /// Resolves once it was raised `count` times.
    pub(crate) fn reached(&self, count: usize) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let signal = self.clone();
        poll_fn(move |cx| {
            let mut value = signal.0.value.lock().unwrap();
            if value.0 >= count {
                return Poll::Ready(());
            }
            value.1.push(cx.waker().clone());
            Poll::Pending
        })
    }

    /// Blocks the thread until it was raised `count` times.
    pub(crate) fn wait_for(&self, count: usize) {
        let value = self.0.value.lock().unwrap();
        drop(self.0.changed.wait_while(value, |value| value.0 < count).unwrap());
    }
}

/// A counter shared between tasks.
#[derive(Clone, Default)]
pub(crate) struct Count(Arc<AtomicUsize>);

impl Count {
    /// Adds one.
    pub(crate) fn add(&self) {
        self.0.fetch_add(1, SeqCst);
    }

    /// What it reads.
    pub(crate) fn get(&self) -> usize {
        self.0.load(SeqCst)
    }
}

/// Keeps the waker of the task that awaits it, for ever pending: the caller decides when to wake.
#[derive(Clone, Default)]
pub(crate) struct WakerTrap(Arc<Mutex<Option<Waker>>>, Signal);

impl WakerTrap {
    /// Stores the waker at its first poll and is ready at the next one.
    pub(crate) fn once(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let trap = self.clone();
        let mut polled = false;
        poll_fn(move |cx| {
            if std::mem::replace(&mut polled, true) {
                return Poll::Ready(());
            }
            trap.store(cx.waker());
            Poll::Pending
        })
    }

    /// Stores the waker at every poll and is never ready.
    pub(crate) fn forever(&self) -> impl Future<Output = ()> + Send + Unpin + use<> {
        let trap = self.clone();
        poll_fn(move |cx| {
            trap.store(cx.waker());
            Poll::Pending
        })
    }

    fn store(&self, waker: &Waker) {
        *self.0.lock().unwrap() = Some(waker.clone());
        self.1.raise();
    }

    /// Resolves when a waker has been stored `count` times.
    pub(crate) fn stored(&self, count: usize) -> impl Future<Output = ()> + Send + Unpin + use<> {
        self.1.reached(count)
    }

    /// Wakes the task, when its waker is still here.
    pub(crate) fn wake(&self) {
        let waker = self.0.lock().unwrap().take();
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Takes the stored waker.
    pub(crate) fn take(&self) -> Waker {
        self.0.lock().unwrap().take().expect("a waker was stored")
    }
}
