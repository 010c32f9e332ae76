//! Other people's executors behind our outer trait, on our reactor.
//!
//! Each file is one peer, run as its authors recommend: their own best spawn call, their own `block_on`, nothing boxed
//! or counted on their behalf. The adapters share a few pieces: `gate` and `inbox` let a spawner outlive its runtime
//! and then refuse tasks instead of leaking them, the `*_join` and `*_task` files turn a peer's handle into ours,
//! `live_tasks` and `monoio_live` list the tasks of peers that keep no list, and `driver` is the thread that runs our
//! reactor.

mod async_task_join;
mod async_workers;
mod driver;
mod gate;
mod inbox;
mod live_tasks;
mod may_task;
mod monoio_live;
mod monoio_root;
mod monoio_task;
mod own_net;
mod remote_join;
mod tokio_common;

crate::registry::registry! { peers, for_each_peer, $, [
    tokio_ct,
    tokio_mt,
    async_executor,
    async_static,
    async_local,
    futures_local,
    futures_pool,
    may,
    monoio,
] }

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
