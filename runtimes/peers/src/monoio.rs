//! monoio on its epoll driver, which it calls legacy.
//!
//! Its io_uring driver would put another way of doing I/O beside everybody else's epoll. Our
//! reactor is a guest in its epoll driver. The feature `sync` is on: wakes come from other threads,
//! the reactor's among them.

use std::cell::RefCell;
use std::future::Future;
use std::mem;
use std::panic::resume_unwind;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use monoio::task::JoinHandle;
use monoio::{LegacyDriver, RuntimeBuilder};

use crate::driver::Driver;
use crate::inbox::{Inbox, LocalJoin};
use crate::monoio_host::{self, End, Host};
use crate::monoio_live::Live;
use crate::monoio_root::Root;
use crate::monoio_task::{MonoioJoin, announce, retract, spawn};
use crate::own_net::monoio::MonoioSockets;
use runtimes::metrics::Snapshot;
use runtimes::{
    Config, Descriptor, Deviation, Origin, Property, Runtime, Spawner, StartError, TaskKind,
    Workers, reactor,
};

/// monoio as lists and pages show it.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: "monoio",
    summary: "monoio on its epoll driver, on the caller's thread: one queue; a task that yields \
     goes to its front and runs \
              again at once",
    isolates: "what a thread-per-core runtime costs on the same reactor as `local`",
    relatives: &["local", "tokio-ct"],
    origin: Origin::Peer {
        package: "monoio",
        deviations: &[
            Deviation {
                property: Property::YieldLetsOthersRun,
                reason: "LocalScheduler::yield_now puts a task that woke itself at the front of the queue",
            },
            Deviation {
                property: Property::DropsInsideTasks,
                reason: "its tasks are ended by \
             another block_on: \"Can not start a runtime inside a runtime\"",
            },
        ],
    },
    workers: Workers::Caller,
    task: TaskKind::Stackless,
};

/// Numbers the runtimes of the process, from 1.
static NEXT: AtomicU64 = AtomicU64::new(1);

/// A monoio runtime.
#[derive(Debug)]
pub struct Variant {
    /// `None` once stopped. Borrowed during `block_on`, which cannot nest.
    runtime: RefCell<Option<Monoio>>,
    number: u64,
    live: Rc<Live>,
    spawner: LocalSpawner,
    driver: Driver,
}

struct Monoio {
    runtime: monoio::Runtime<LegacyDriver>,
    turner: Turner,
}

/// What turns the reactor.
enum Turner {
    /// Nothing has been polled yet. The first `block_on` makes its task and the inbox's: only there
    /// one can spawn.
    Waits(Host, End),
    /// Its task, and what ends that.
    Serves(JoinHandle<()>, End),
    /// The first `block_on` did not come as far as that.
    None,
}

impl std::fmt::Debug for Monoio {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Monoio").finish_non_exhaustive()
    }
}

impl Variant {
    fn stop(&mut self) {
        let Some(Monoio { mut runtime, turner }) = self.runtime.get_mut().take() else { return };
        let inbox = &self.spawner.shared.inbox;
        inbox.close();
        if let Turner::Serves(task, end) = turner {
            self.live.attend(|| {
                runtime.block_on(async {
                    self.live.end().await;
                    drop(end);
                    task.await;
                })
            });
        }
        retract(self.number);
        inbox.seal();
        drop(runtime);
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
    type Sockets = MonoioSockets;

    fn start(config: &Config) -> Result<Self, StartError> {
        crate::check_workers(&DESCRIPTOR, config)?;
        let (driver, host, end) = monoio_host::start()?;
        let built = RuntimeBuilder::<LegacyDriver>::new().build();
        let runtime = built.map_err(|source| StartError::Os { what: "monoio runtime", source })?;
        // Relaxed: only its uniqueness counts.
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let (live, inbox) = (Rc::new(Live::new(number)), Arc::new(Inbox::new()));
        announce(number, &inbox);
        let spawner =
            LocalSpawner { shared: Arc::new(Shared { inbox, reactor: driver.handle().clone() }) };
        let runtime = RefCell::new(Some(Monoio { runtime, turner: Turner::Waits(host, end) }));
        Ok(Self { runtime, number, live, spawner, driver })
    }

    fn spawner(&self) -> &LocalSpawner {
        &self.spawner
    }

    fn sockets(&self) -> Option<MonoioSockets> {
        Some(MonoioSockets)
    }

    fn block_on<F: Future>(&self, future: F) -> F::Output {
        let _entered = runtimes::adapter::enter(DESCRIPTOR.name);
        let mut runtime = self.runtime.borrow_mut();
        let Monoio { runtime, turner } = runtime.as_mut().expect(
            "a runtime is stopped only when \
         it is consumed",
        );
        let inbox = &self.spawner.shared.inbox;
        let root = Root::new(future);
        let output = inbox.attend(&self.live, || {
            self.live.attend(|| {
                *turner = match mem::replace(turner, Turner::None) {
                    Turner::Waits(host, end) => runtime.block_on(async {
                        drop(monoio::spawn(Arc::clone(inbox).serve()));
                        Turner::Serves(monoio::spawn(host.serve()), end)
                    }),
                    other => other,
                };
                runtime.block_on(root)
            })
        });
        output.unwrap_or_else(|payload| resume_unwind(payload))
    }

    /// The reactor's counters; monoio has none.
    fn metrics(&self) -> Snapshot {
        self.driver.snapshot(&[])
    }

    fn shutdown(mut self) -> Snapshot {
        self.stop();
        self.metrics()
    }
}

/// Spawns on a monoio runtime: directly on its thread, through an inbox from others.
#[derive(Clone, Debug)]
pub struct LocalSpawner {
    shared: Arc<Shared>,
}

#[derive(Debug)]
struct Shared {
    inbox: Arc<Inbox<Rc<Live>>>,
    reactor: reactor::Handle,
}

impl Spawner for LocalSpawner {
    type Join<T: Send + 'static> = LocalJoin<MonoioJoin<T>>;

    #[inline]
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        self.shared.inbox.spawn(future, spawn)
    }

    #[inline]
    fn reactor(&self) -> &reactor::Handle {
        &self.shared.reactor
    }
}
