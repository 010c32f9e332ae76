//! Who turns our reactor for a peer, and what it counts.

use std::sync::Arc;

use runtimes::StartError;
use runtimes::metrics::{Counter, Snapshot};
use runtimes::reactor::{Guest, Handle, Reactor, Thread, Totals};

/// What turns our reactor.
#[derive(Debug)]
pub(super) struct Driver {
    turner: Turner,
    handle: Handle,
    /// What had been counted when it was stopped.
    last: Totals,
}

#[derive(Debug)]
enum Turner {
    /// A thread of its own: for a peer that has no driver, and to see what it costs one that has.
    Thread(Thread),
    /// A task of the peer, which waits in the peer's own driver.
    Guest(Arc<Guest>),
    Stopped,
}

impl Driver {
    /// On a thread of its own.
    pub(super) fn start() -> Result<Self, StartError> {
        let thread = Thread::start(reactor()?)
            .map_err(|source| StartError::Os { what: "reactor thread", source })?;
        let handle = thread.handle().clone();
        Ok(Self { turner: Turner::Thread(thread), handle, last: Totals::default() })
    }

    /// For a task that calls [`Guest::turn`] whenever it is readable.
    pub(super) fn guest() -> Result<(Self, Arc<Guest>), StartError> {
        let guest = Guest::new(reactor()?)
            .map_err(|source| StartError::Os { what: "timer descriptor", source })?;
        let guest = Arc::new(guest);
        let handle = guest.handle().clone();
        let turner = Turner::Guest(Arc::clone(&guest));
        Ok((Self { turner, handle, last: Totals::default() }, guest))
    }

    /// The handle with which leaf futures register.
    pub(super) fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Shuts the reactor down, which wakes every task that waits for it, and joins the thread if
    /// there is one.
    pub(super) fn stop(&mut self) {
        self.last = self.totals();
        self.turner = Turner::Stopped;
    }

    fn totals(&self) -> Totals {
        match &self.turner {
            Turner::Thread(thread) => thread.totals(),
            Turner::Guest(guest) => guest.totals(),
            Turner::Stopped => self.last,
        }
    }

    /// A snapshot of what the reactor counts and of `others`, which the peer itself counts.
    pub(super) fn snapshot(&self, others: &[(Counter, u64)]) -> Snapshot {
        let Totals { waits, events, timers } = self.totals();
        let own = [
            (Counter::ReactorTurns, waits),
            (Counter::IoEvents, events),
            (Counter::TimersFired, timers),
        ];
        Snapshot::only(&[&own, others].concat())
    }
}

fn reactor() -> Result<Reactor, StartError> {
    Reactor::new().map_err(|source| StartError::Os { what: "reactor", source })
}
