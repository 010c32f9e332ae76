//! The thread that waits in epoll on a peer's behalf, and what it counts.

use runtimes::StartError;
use runtimes::metrics::{Counter, Snapshot};
use runtimes::reactor::{Handle, Reactor, Thread, Totals};

/// Our reactor on a thread of its own, as async-io runs its own: no peer has a hook through which
/// another reactor could be polled from its idle workers.
#[derive(Debug)]
pub(super) struct Driver {
    /// `None` once stopped.
    thread: Option<Thread>,
    /// What had been counted when it was stopped.
    last: Totals,
}

impl Driver {
    pub(super) fn start() -> Result<Self, StartError> {
        let reactor =
            Reactor::new().map_err(|source| StartError::Os { what: "reactor", source })?;
        let thread = Thread::start(reactor)
            .map_err(|source| StartError::Os { what: "reactor thread", source })?;
        Ok(Self { thread: Some(thread), last: Totals::default() })
    }

    /// The handle with which leaf futures register.
    ///
    /// # Panics
    /// Once stopped.
    pub(super) fn handle(&self) -> &Handle {
        self.thread.as_ref().expect("the reactor's handle is taken at the start").handle()
    }

    /// Shuts the reactor down, which wakes every task that waits for it, and joins the thread.
    pub(super) fn stop(&mut self) {
        if let Some(thread) = self.thread.take() {
            self.last = thread.totals();
        }
    }

    /// A snapshot of what the reactor counts and of `others`, which the peer itself counts.
    pub(super) fn snapshot(&self, others: &[(Counter, u64)]) -> Snapshot {
        let Totals { waits, events, timers } =
            self.thread.as_ref().map_or(self.last, Thread::totals);
        let own = [
            (Counter::ReactorTurns, waits),
            (Counter::IoEvents, events),
            (Counter::TimersFired, timers),
        ];
        Snapshot::only(&[&own, others].concat())
    }
}
