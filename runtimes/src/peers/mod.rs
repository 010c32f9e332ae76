//! Other people's executors behind our outer trait, on our reactor.
//!
//! Each file is one peer, run as its authors recommend: their own best spawn call, their own block_on, nothing boxed or
//! counted on their behalf. The adapters share three pieces: [`gate`] and [`inbox`] let a spawner that outlives
//! its runtime be refused instead of leaking tasks, and the `*_join` files turn a peer's handle into ours.
//!
//! Leaf futures register with a reactor that runs on a thread of its own, as async-io does it: no peer has a hook through
//! which another reactor could be polled from its idle workers.

mod async_task_join;
mod gate;
mod inbox;
mod remote_join;
mod tokio_common;

crate::registry::registry! { peers, for_each_peer, $, [
    tokio_ct,
    tokio_mt,
    async_executor,
    async_local,
    futures_local,
    futures_pool,
] }

use crate::reactor::{self, Reactor};
use crate::{Card, Config, StartError, Workers};

/// Refuses a worker count that `card` does not allow.
fn check_workers(card: &'static Card, config: &Config) -> Result<(), StartError> {
    let limit = match card.workers {
        Workers::Caller => 1,
        Workers::Many => usize::MAX,
    };
    if (1..=limit).contains(&config.workers) {
        return Ok(());
    }
    Err(StartError::Workers { runtime: card.name, requested: config.workers, limit })
}

/// Starts the thread that waits in epoll on a peer's behalf.
fn start_reactor() -> Result<reactor::Thread, StartError> {
    let reactor = Reactor::new().map_err(|source| StartError::Os { what: "reactor", source })?;
    reactor::Thread::start(reactor).map_err(|source| StartError::Os { what: "reactor thread", source })
}
