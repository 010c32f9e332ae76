//! futures-executor's `LocalPool`.

use std::cell::RefCell;
use std::future::Future;
use std::sync::Arc;

use futures_executor::LocalPool;
use futures_util::task::LocalSpawnExt;

use crate::driver::Driver;
use crate::inbox::{Inbox, LocalJoin};
use crate::remote_join::RemoteJoin;
use runtimes::budget::each_poll;
use runtimes::metrics::Snapshot;
use runtimes::sockets::NoSockets;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, TaskKind,
    Workers, reactor,
};

/// futures-executor's local pool as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "futures-local",
    summary: "futures-executor's LocalPool on the caller's thread: all tasks in one \
     FuturesUnordered",
    isolates: "what an intrusive ready list of boxed futures costs against one allocation per task",
    relatives: &["local", "tokio-ct"],
    origin: Origin::Peer {
        package: "futures-executor",
        deviations: &[
            Deviation {
                property: Property::AbortWaitsForDrop,
                reason: "dropping a RemoteHandle \
             is the only way to cancel: \"the remote future will be woken up to be dropped\"",
            },
            Deviation {
                property: Property::ContainsDestructorPanics,
                reason: "LocalPool drops \
             futures without catching: the panic leaves run_until",
            },
            Deviation {
                property: Property::OffspringLetsOthersRun,
                reason: "LocalPool takes new \
             tasks in, and polls on, until none is new: only then is run_until's future polled",
            },
        ],
    },
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

/// A `LocalPool`, driven by `run_until`.
#[derive(Debug)]
pub struct Variant {
    /// `None` once stopped. Borrowed during `block_on`, which cannot nest.
    pool: RefCell<Option<LocalPool>>,
    /// The pool's own handle, which stays on its thread.
    local: futures_executor::LocalSpawner,
    spawner: LocalSpawner,
    driver: Driver,
}

impl Variant {
    fn stop(&mut self) {
        self.spawner.shared.inbox.close();
        let pool = self.pool.get_mut().take();
        drop(pool); // its futures deregister from the reactor, which is still there
        self.driver.stop();
    }
}

impl Drop for Variant {
    fn drop(&mut self) {
        self.stop();
    }
}

impl Runtime for Variant {
    type Spawner = LocalSpawner;
    type Sockets = NoSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let driver = Driver::start()?;
        let pool = LocalPool::new();
        let local = pool.spawner();
        let inbox = Arc::new(Inbox::new());
        local.spawn_local(Arc::clone(&inbox).serve()).expect("the pool exists");
        let spawner =
            LocalSpawner { shared: Arc::new(Shared { inbox, reactor: driver.handle().clone() }) };
        Ok(Self { pool: RefCell::new(Some(pool)), local, spawner, driver })
    }

    fn spawner(&self) -> &LocalSpawner {
        &self.spawner
    }

    /// futures-executor comes without.
    fn sockets(&self) -> Option<NoSockets> {
        None
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        let mut pool = self.pool.borrow_mut();
        let pool = pool.as_mut().expect("a runtime is stopped only when it is consumed");
        self.spawner.shared.inbox.attend(&self.local, || pool.run_until(each_poll(future)))
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

/// Spawns on a [`LocalPool`]: directly on its thread, through an inbox from others.
#[derive(Clone, Debug)]
pub struct LocalSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inbox: Arc<Inbox<futures_executor::LocalSpawner>>,
    reactor: reactor::Handle,
}

impl Spawner for LocalSpawner {
    type Join<T: Send + 'static> = LocalJoin<RemoteJoin<T>>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.inbox.spawn(future, |local, future| {
            RemoteJoin::new(local.spawn_local_with_handle(each_poll(future)).ok())
        })
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
