//! Other people's executors behind our outer trait, on our reactor.
//!
//! Each file is one peer, run as its authors recommend: their own best spawn call, their own
//! `block_on`, nothing boxed or counted on their behalf. The adapters share a few pieces: `gate`
//! and `inbox` let a spawner outlive its runtime and then refuse tasks instead of leaking them, the
//! `*_join` and `*_task` files turn a peer's handle into ours, `live_tasks` and `monoio_live` list
//! the tasks of peers that keep no list, `driver` is what turns our reactor, `async_io_host` is
//! where it waits in async-io's, and `rehearsal` makes an error of what a peer would panic at as it starts.

pub mod async_executor;
mod async_io_host;
pub mod async_local;
pub mod async_static;
mod async_task_join;
mod async_workers;
mod driver;
pub mod futures_local;
pub mod futures_pool;
mod gate;
mod inbox;
mod live_tasks;
pub mod may;
mod may_task;
pub mod monoio;
mod monoio_host;
mod monoio_live;
mod monoio_root;
mod monoio_task;
mod own_net;
mod rehearsal;
mod remote_join;
mod tokio_common;
pub mod tokio_ct;
pub mod tokio_mt;

use runtimes::adapter::{MAX_WORKERS, check_room};
use runtimes::{Config, Descriptor, StartError, Workers};

/// Refuses a worker count that `descriptor` does not allow, or for which the process has no room.
/// The limit of peers with threads of their own is ours: they set none, but long before the largest
/// counts the kernel's default limit of mappings makes them abort.
fn check_workers(descriptor: &'static Descriptor, config: &Config) -> Result<(), StartError> {
    /// The reactor's, and may's for timers.
    const OTHER_THREADS: usize = 2;
    let limit = match descriptor.workers {
        Workers::Caller => 1,
        Workers::Many => MAX_WORKERS,
    };
    if !(1..=limit).contains(&config.workers) {
        return Err(StartError::Workers {
            runtime: descriptor.name,
            requested: config.workers,
            limit,
        });
    }
    let room = check_room(config.workers + OTHER_THREADS);
    room.map_err(|source| StartError::Os { what: "worker threads", source })
}
