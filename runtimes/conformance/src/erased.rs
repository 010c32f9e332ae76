//! A runtime whose type is hidden, so that the suite is compiled once and not once per runtime.
//!
//! Every future travels in a box and every output as `dyn Any`. The runtime under test then sees
//! one type of task; what depends on a future's own size, alignment or address is in `layout`,
//! which is compiled for the runtime itself.

use std::any::Any;
use std::future::Future;
use std::marker::PhantomData;
use std::panic::{RefUnwindSafe, UnwindSafe};
use std::pin::{Pin, pin};
use std::task::{Context, Poll};

use pin_project_lite::pin_project;
use runtimes::metrics::Snapshot;
use runtimes::net::NetSockets;
use runtimes::{Config, Join, JoinError, Runtime, Spawner, StartError, Suspend, reactor};

type Output = Box<dyn Any + Send>;
type Task = Pin<Box<dyn Future<Output = Output> + Send>>;
type Code = Box<dyn FnOnce(&dyn Suspend) -> Output + Send>;

/// Any runtime.
pub(crate) struct Erased {
    runtime: Box<dyn AnyRuntime>,
    spawner: ErasedSpawner,
}

// A runtime that is used again after a panic went through it is what some tests are about.
impl UnwindSafe for Erased {}
impl RefUnwindSafe for Erased {}

impl Erased {
    /// Starts an `R`.
    pub(crate) fn start_as<R: Runtime>(config: &Config) -> Result<Self, StartError> {
        let runtime = R::start(config)?;
        let spawner = ErasedSpawner(Box::new(runtime.spawner().clone()));
        Ok(Self { runtime: Box::new(runtime), spawner })
    }
}

trait AnyRuntime {
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>);
    fn metrics(&self) -> Snapshot;
    fn shutdown(self: Box<Self>) -> Snapshot;
}

impl<R: Runtime> AnyRuntime for R {
    fn block_on(&self, future: Pin<&mut dyn Future<Output = ()>>) {
        Runtime::block_on(self, future);
    }

    fn metrics(&self) -> Snapshot {
        Runtime::metrics(self)
    }

    fn shutdown(self: Box<Self>) -> Snapshot {
        Runtime::shutdown(*self)
    }
}

impl Runtime for Erased {
    type Spawner = ErasedSpawner;
    type Sockets = NetSockets;

    /// Which runtime is meant is known only to [`Case`](crate::support::Case), through which all
    /// tests start theirs.
    fn start(_: &Config) -> Result<Self, StartError> {
        let source = std::io::ErrorKind::Unsupported.into();
        Err(StartError::Os { what: "runtime without its type", source })
    }

    fn spawner(&self) -> &ErasedSpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<NetSockets> {
        None
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let mut output = None;
        self.runtime.block_on(pin!(async { output = Some(future.await) }));
        output.expect("block_on returns when the future is ready")
    }

    fn metrics(&self) -> Snapshot {
        self.runtime.metrics()
    }

    fn shutdown(self) -> Snapshot {
        // A spawner that lives on is one that a test has cloned.
        drop(self.spawner);
        self.runtime.shutdown()
    }
}

/// The spawner of any runtime.
pub(crate) struct ErasedSpawner(Box<dyn AnySpawner>);

impl Clone for ErasedSpawner {
    fn clone(&self) -> Self {
        Self(self.0.boxed_clone())
    }
}

trait AnySpawner: Send + Sync {
    fn boxed_clone(&self) -> Box<dyn AnySpawner>;
    fn spawn(&self, task: Task) -> Box<dyn AnyJoin>;
    fn go(&self, code: Code) -> Option<Box<dyn AnyJoin>>;
    fn reactor(&self) -> &reactor::Handle;
}

impl<S: Spawner> AnySpawner for S {
    fn boxed_clone(&self) -> Box<dyn AnySpawner> {
        Box::new(self.clone())
    }

    fn spawn(&self, task: Task) -> Box<dyn AnyJoin> {
        Box::new(Spawner::spawn(self, task))
    }

    fn go(&self, code: Code) -> Option<Box<dyn AnyJoin>> {
        Some(Box::new(Spawner::go(self, code)?))
    }

    fn reactor(&self) -> &reactor::Handle {
        Spawner::reactor(self)
    }
}

impl Spawner for ErasedSpawner {
    type Join<T: Send + 'static> = ErasedJoin<T>;

    fn spawn<F>(&self, future: F) -> ErasedJoin<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        ErasedJoin(self.0.spawn(Box::pin(Boxing { future })), PhantomData)
    }

    fn go<C, T>(&self, code: C) -> Option<ErasedJoin<T>>
    where
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        let join = self.0.go(Box::new(|suspend| Box::new(code(suspend)) as Output))?;
        Some(ErasedJoin(join, PhantomData))
    }

    fn reactor(&self) -> &reactor::Handle {
        self.0.reactor()
    }
}

pin_project! {
    /// Boxes the output. Not an `async` block: that would drop the future before its output is
    /// delivered, and when a future is dropped is one of the things that are tested.
    struct Boxing<F> {
        #[pin]
        future: F,
    }
}

impl<F> Future for Boxing<F>
where
    F: Future,
    F::Output: Send + 'static,
{
    type Output = Output;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Output> {
        self.project().future.poll(cx).map(|output| Box::new(output) as Output)
    }
}

trait AnyJoin: Send {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Output, JoinError>>;
    fn abort(&mut self);
}

impl<J: Join<Output>> AnyJoin for J {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Result<Output, JoinError>> {
        Pin::new(self).poll(cx)
    }

    fn abort(&mut self) {
        Join::abort(self);
    }
}

/// The handle of a task of any runtime.
pub(crate) struct ErasedJoin<T>(Box<dyn AnyJoin>, PhantomData<fn() -> T>);

impl<T: 'static> Future for ErasedJoin<T> {
    type Output = Result<T, JoinError>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.0
            .poll(cx)
            .map_ok(|output| *output.downcast().expect("the task was spawned with this output"))
    }
}

impl<T: Send + 'static> Join<T> for ErasedJoin<T> {
    fn abort(&mut self) {
        self.0.abort();
    }
}
