//! The outer trait: what a workload may ask of any executor, ours or a peer's.

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::time::Duration;

use crate::contract;
use crate::metrics::Snapshot;
use crate::reactor;
use crate::sockets::Sockets;
use crate::task::JoinError;

/// How a runtime is started. Build one with [`Config::new`] and change what differs.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// What the runtime is called in messages and by its threads. Only our own runtimes read it.
    pub name: &'static str,
    /// Threads that run tasks, 1 or more. A runtime that runs on its caller's thread accepts only
    /// 1.
    pub workers: usize,
    /// Bytes of stack for each coroutine; only stackful runtimes read it. Rounded up to whole
    /// pages.
    pub stack_size: usize,
    /// Whether stacks are used again. Without it each task that starts maps one and each that ends
    /// unmaps it, which takes microseconds: there to be measured. Only our stackful runtimes read
    /// it.
    pub pool_stacks: bool,
    /// How long a coroutine may run in a [`preemptible`](crate::stackful::preemptible) region
    /// before it is preempted. `None`, the default, starts no monitor and installs no signal
    /// handler. Only stackful runtimes read it. Slices below 20 µs are possible but not kept.
    pub slice: Option<Duration>,
    /// Whether [`Runtime::sockets`] will be asked for. Some peers then start the reactor of their
    /// own authors as well; it changes how their workers wait, so it is off elsewhere.
    pub own_sockets: bool,
}

impl Config {
    /// The default configuration with `workers` worker threads.
    pub fn new(workers: usize) -> Self {
        Self {
            name: "executor",
            workers,
            stack_size: 64 * 1024,
            pool_stacks: true,
            slice: None,
            own_sockets: false,
        }
    }
}

/// Why a runtime did not start.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// The runtime cannot have that many workers.
    Workers {
        /// Registered name of the runtime.
        runtime: &'static str,
        /// What [`Config::workers`] asked for.
        requested: usize,
        /// The largest number that this runtime accepts.
        limit: usize,
    },
    /// The runtime's workers serve the whole process, which has another number of them already.
    SharedWorkers {
        /// Registered name of the runtime.
        runtime: &'static str,
        /// What [`Config::workers`] asked for.
        requested: usize,
        /// How many there are.
        running: usize,
    },
    /// No thread can be called so: [`Config::name`] has a zero byte.
    Name {
        /// What [`Config::name`] asked for.
        name: &'static str,
    },
    /// Tasks cannot be preempted here, and [`Config::slice`] asks for it.
    Slicing {
        /// What is missing.
        why: &'static str,
    },
    /// The operating system refused a resource.
    Os {
        /// What was being made: "epoll instance", "worker thread", …
        what: &'static str,
        /// The error as the system gave it.
        source: io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Workers { runtime, requested, limit } => {
                write!(f, "{runtime} cannot run with {requested} workers: it takes 1 to {limit}")
            }
            Self::SharedWorkers { runtime, requested, running } => {
                write!(
                    f,
                    "{runtime} cannot run with {requested} workers: this process has {running} of \
                     it already"
                )
            }
            Self::Name { name } => write!(f, "no thread can be called {name:?}"),
            Self::Slicing { why } => {
                write!(f, "tasks cannot be preempted: {why}; start without a slice")
            }
            Self::Os { what, source } => write!(f, "could not make the {what}: {source}"),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Os { source, .. } => Some(source),
            Self::Workers { .. }
            | Self::SharedWorkers { .. }
            | Self::Name { .. }
            | Self::Slicing { .. } => None,
        }
    }
}

/// An executor as the workloads see it.
///
/// A `Runtime` stays on the thread that started it; the [`Spawner`] goes everywhere. Dropping the
/// runtime (or calling [`shutdown`](Runtime::shutdown)) drops every future that is left, joins the
/// runtime's threads and closes its descriptors.
pub trait Runtime: Sized + 'static {
    /// The cloneable handle that spawns.
    type Spawner: Spawner;
    /// The sockets that its authors provide with it.
    type Sockets: Sockets;

    /// Whether its policy keeps `rule`, checked without starting anything; see [`contract`]. A
    /// runtime that has no policy of this crate's kind has nothing to break.
    ///
    /// # Errors
    /// [`Broken`](contract::Broken) says what the policy promised and did.
    fn check_policy(rule: contract::Rule) -> Result<(), contract::Broken> {
        let _ = rule;
        Ok(())
    }

    /// Starts the runtime's threads and its reactor.
    ///
    /// # Errors
    /// [`StartError`] when the worker count does not suit or the system refuses a resource.
    fn start(config: &Config) -> Result<Self, StartError>;

    /// The handle through which tasks are spawned.
    fn spawner(&self) -> &Self::Spawner;

    /// The sockets that its authors provide with it, on their reactor. `None` when there are none,
    /// or when [`Config::own_sockets`] was not set and they need it.
    fn sockets(&self) -> Option<Self::Sockets>;

    /// How many unfinished tasks it can hold at once on this system, when that is less than the
    /// memory allows.
    fn task_limit(&self) -> usize {
        usize::MAX
    }

    /// Runs `future` on the calling thread until it is ready. Tasks of a runtime that lives on its
    /// caller's thread make progress only during this call.
    ///
    /// # Panics
    /// When called from inside any runtime's task or `block_on`, with a message that says so; and
    /// with the panic of `future` itself.
    fn block_on<F: Future>(&self, future: F) -> F::Output;

    /// What the counters read now. Exact once the runtime is idle.
    fn metrics(&self) -> Snapshot;

    /// Stops the runtime as dropping it does, and returns the final counters.
    fn shutdown(self) -> Snapshot;
}

/// Spawns tasks from inside a task, from another task's destructor, or from any thread.
pub trait Spawner: Clone + Send + Sync + 'static {
    /// The handle of a spawned task.
    type Join<T: Send + 'static>: Join<T>;

    /// Makes a task of `future`. It runs whether or not the handle is kept.
    ///
    /// After the runtime has shut down the future is dropped at once and the handle reports
    /// [`JoinError::Cancelled`].
    fn spawn<F>(&self, future: F) -> Self::Join<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static;

    /// Runs `code` as a task in direct style: it looks as if it blocked, and where it calls its
    /// [`Suspend`] its whole stack is suspended, however deep the call. It stays on one thread.
    /// `None` where tasks have no stack of their own, or where the runtime cannot keep one on its
    /// thread.
    fn go<C, T>(&self, code: C) -> Option<Self::Join<T>>
    where
        C: FnOnce(&dyn Suspend) -> T + Send + 'static,
        T: Send + 'static,
    {
        drop(code);
        None
    }

    /// The reactor with which leaf futures of this runtime register.
    fn reactor(&self) -> &reactor::Handle;
}

/// How a task in direct style suspends itself. An aborted one unwinds from either call.
///
/// While a task unwinds, from an abort or a panic, its destructors may call both. It cannot be
/// suspended then: what would have to suspend it returns at once, also if the future is not ready.
pub trait Suspend {
    /// Lets other tasks have their turn.
    fn yield_now(&self);

    /// Returns when `future` is ready (or see above).
    fn wait(&self, future: Pin<&mut (dyn Future<Output = ()> + '_)>);
}

/// Awaits the output of a task. Dropping it detaches the task.
pub trait Join<T>: Future<Output = Result<T, JoinError>> + Send + Unpin + 'static {
    /// Asks that the task be dropped at its next suspension. A task that finishes first still
    /// yields its output; otherwise awaiting the handle gives [`JoinError::Cancelled`].
    fn abort(&mut self);
}
