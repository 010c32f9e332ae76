//! How a workload's body gets onto the workers, and how work enters from a thread outside.

use std::future::Future;
use std::sync::mpsc;
use std::thread;

use futures_channel::oneshot;
use runtimes::{Runtime, Spawner};

use crate::Failure;

/// Runs `body` as a task and waits for its result.
///
/// As a task, not inside `block_on` itself: many runtimes poll that future on the calling thread,
/// where every spawn would count as coming from outside.
pub(crate) fn drive<R: Runtime, T: Send + 'static>(
    runtime: &R,
    body: impl Future<Output = Result<T, Failure>> + Send + 'static,
) -> Result<T, Failure> {
    let task = runtime.spawner().spawn(body);
    runtime.block_on(task)?
}

/// Leaves the cell out when `runtime` cannot hold `tasks` unfinished tasks at once.
pub(crate) fn require_room<R: Runtime>(runtime: &R, tasks: u64) -> Result<(), Failure> {
    if tasks <= runtime.task_limit() as u64 {
        return Ok(());
    }
    Err(Failure::NotOffered("this runtime cannot hold so many tasks at once on this system"))
}

/// Runs `work` on a thread that is not the runtime's while the calling thread sits in `block_on`: a
/// runtime that lives on its caller's thread makes progress too. The thread exists before `work`
/// begins, and `work` begins only once `block_on` has polled.
pub(crate) fn drive_from_outside<R: Runtime, T: Send>(
    runtime: &R,
    work: impl FnOnce() -> Result<T, Failure> + Send,
) -> Result<T, Failure> {
    let (polled, start) = mpsc::channel();
    let (finish, result) = oneshot::channel();
    thread::scope(|scope| {
        let body = move || {
            if start.recv().is_ok() {
                // Fails only when the receiver is gone, and then `block_on` has panicked.
                let _ = finish.send(work());
            }
        };
        let thread = thread::Builder::new().name("outside".to_owned()).spawn_scoped(scope, body);
        thread.map_err(|source| Failure::Io {
            what: "starting the thread outside the runtime",
            source,
        })?;
        let waiting = async move {
            // Fails only when the thread is gone, and then `result` says so.
            let _ = polled.send(());
            result.await
        };
        runtime.block_on(waiting).unwrap_or(Err(Failure::Lost("the thread outside the runtime")))
    })
}

/// 0 + 1 + … + (n − 1): what the outputs of `n` tasks sum to when each returns its own number. The
/// definitions keep `n` below 2³².
pub(crate) fn sum_below(n: u64) -> u64 {
    n * n.saturating_sub(1) / 2
}
