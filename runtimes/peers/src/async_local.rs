//! async-executor's `LocalExecutor`.

use std::future::Future;
use std::rc::Rc;
use std::sync::Arc;

use async_executor::LocalExecutor;
use futures_lite::future;

use crate::async_io_host::{self, Host};
use crate::async_task_join::TaskJoin;
use crate::driver::Driver;
use crate::inbox::{Inbox, LocalJoin};
use crate::own_net::async_net::AsyncNet;
use runtimes::budget::each_poll;
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, TaskKind,
    Workers, reactor,
};

/// async-executor's local executor as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "async-local",
    summary: "async-executor's LocalExecutor on the caller's thread: a lock-free queue and \
     async-task's task cell",
    isolates: "against `async-executor`: what the same executor costs without other threads",
    relatives: &["local", "tokio-ct"],
    origin: Origin::Peer {
        package: "async-executor",
        deviations: &[Deviation {
            property: Property::ContainsDestructorPanics,
            reason: "async-task drops \
             futures under its `abort_on_panic`: a destructor that panics ends the process",
        }],
    },
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

/// A `LocalExecutor`, driven by `block_on(executor.run(future))` as its documentation shows. The
/// `block_on` is async-io's, which turns its driver, and in it our reactor, when there is nothing
/// to run.
#[derive(Debug)]
pub struct Variant {
    /// `None` once stopped.
    executor: Option<Rc<LocalExecutor<'static>>>,
    spawner: LocalSpawner,
    driver: Driver,
    /// `None` once stopped.
    host: Option<Host>,
    own_sockets: bool,
}

impl Variant {
    fn stop(&mut self) {
        self.spawner.shared.inbox.close();
        // The reactor first: a wake-up of its that overlaps the executor's drop would leave the
        // woken task in a queue that nobody empties any more.
        self.host = None;
        self.driver.stop();
        self.executor = None;
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = LocalSpawner;
    type Sockets = AsyncNet;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let (driver, host) = async_io_host::start(0)?;
        let executor = Rc::new(LocalExecutor::new());
        let inbox = Arc::new(Inbox::new());
        executor.spawn(Arc::clone(&inbox).serve()).detach();
        let spawner =
            LocalSpawner { shared: Arc::new(Shared { inbox, reactor: driver.handle().clone() }) };
        let own_sockets = config.own_sockets;
        Ok(Self { executor: Some(executor), spawner, driver, host: Some(host), own_sockets })
    }

    fn spawner(&self) -> &LocalSpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<AsyncNet> {
        self.own_sockets.then_some(AsyncNet)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        let (Some(executor), Some(host)) = (&self.executor, &self.host) else {
            unreachable!("a runtime is stopped only when it is consumed")
        };
        self.spawner.shared.inbox.attend(executor, || {
            let turning = host.clone().serve();
            async_io::block_on(executor.run(future::or(each_poll(future), turning)))
        })
    }

    /// The reactor's counters; async-executor has none.
    fn metrics(&self) -> Snapshot {
        self.driver.snapshot(&[])
    }

    fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }
}

/// Spawns on a [`LocalExecutor`]: directly on its thread, through an inbox from others.
#[derive(Clone, Debug)]
pub struct LocalSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inbox: Arc<Inbox<Rc<LocalExecutor<'static>>>>,
    reactor: reactor::Handle,
}

impl Spawner for LocalSpawner {
    type Join<T: Send + 'static> = LocalJoin<TaskJoin<T>>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.inbox.spawn(future, |executor, future| {
            TaskJoin::new(Some(executor.spawn(each_poll(future))))
        })
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
