//! What monoio leaves to its users and the outer trait asks for: contained panics, aborting, and an
//! end for idle tasks.
//!
//! monoio keeps no list of its tasks, and its join handle cannot cancel. So each future is wrapped
//! ([`Guarded`]), and a list on the executor's thread (`monoio_live`) holds, for each unfinished
//! task, a mark and, once it has been pending, a waker. The waker also keeps the task from being
//! freed by whoever drops a last waker of it elsewhere: a future is polled and dropped on its own
//! thread. That costs no allocation, one count of a waker up and down for a task that waits, and no
//! atomic operation for one that does not. Against monoio without it, measured: 12 % of a
//! `ping_pong`, 7 % of a spawn, 5 % of a yield.
//!
//! One fault of monoio's is kept away from: `JoinHandle::drop` reads and then overwrites the task's
//! state in two steps. On another thread, while the task starts, that would be a race. Such handles
//! are sent home to be dropped ([`MonoioJoin`]).

use std::collections::BTreeMap;
use std::fmt;
use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};

use monoio::task::JoinHandle;
use pin_project_lite::pin_project;

use crate::inbox::Inbox;
use crate::monoio_live::{Id, Live};
use runtimes::budget;
use runtimes::{Join, JoinError};

/// The inboxes of all runtimes that have not shut down, by the number of the runtime. Only handles
/// on other threads look here.
static INBOXES: Mutex<BTreeMap<u64, Arc<Inbox<Rc<Live>>>>> = Mutex::new(BTreeMap::new());

fn inboxes() -> MutexGuard<'static, BTreeMap<u64, Arc<Inbox<Rc<Live>>>>> {
    INBOXES.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Lets handles on other threads find the runtime.
pub(super) fn announce(runtime: u64, inbox: &Arc<Inbox<Rc<Live>>>) {
    inboxes().insert(runtime, Arc::clone(inbox));
}

/// The opposite of [`announce`].
pub(super) fn retract(runtime: u64) {
    let inbox = inboxes().remove(&runtime);
    drop(inbox); // not under the lock: it may own futures
}

/// Has `job` done on the thread of `runtime`; drops it when that has shut down.
fn send_home(runtime: u64, job: impl FnOnce(&Rc<Live>) + Send + 'static) {
    let inbox = inboxes().get(&runtime).cloned();
    if let Some(inbox) = inbox {
        inbox.post(Box::new(job));
    }
}

/// Spawns `future` on the monoio runtime that runs on this thread, whose list is `live`.
#[inline]
pub(super) fn spawn<F>(live: &Rc<Live>, future: F) -> MonoioJoin<F::Output>
where
    F: Future + Send + 'static,
    F::Output: Send + 'static,
{
    let id = live.admit();
    let guarded = Guarded { future: Some(future), live: Rc::clone(live), id, listed: false };
    MonoioJoin { handle: Some(monoio::spawn(guarded)), runtime: live.runtime(), id }
}

pin_project! {
    /// A task's future with our manners.
    #[project = GuardedProjection]
    struct Guarded<F> {
        #[pin]
        future: Option<F>,
        live: Rc<Live>,
        id: Id,
        listed: bool,
    }
}

impl<F: Future> Future for Guarded<F> {
    type Output = Result<F::Output, JoinError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let mut this = self.project();
        budget::refill();
        let polled = match this.future.as_mut().as_pin_mut() {
            Some(future) if !this.live.is_aborted(*this.id) => {
                catch_unwind(AssertUnwindSafe(|| future.poll(cx)))
            }
            _ => return Poll::Ready(finish(this, Err(JoinError::Cancelled))),
        };
        match polled {
            Ok(Poll::Pending) => {
                if !mem::replace(this.listed, true) {
                    this.live.keep(*this.id, cx.waker());
                }
                Poll::Pending
            }
            Ok(Poll::Ready(output)) => Poll::Ready(finish(this, Ok(output))),
            Err(payload) => Poll::Ready(finish(this, Err(JoinError::Panicked(payload)))),
        }
    }
}

/// Drops the future, whose destructor may panic as its poll may, and then takes the task off the
/// list.
#[inline]
fn finish<F, T>(
    mut this: GuardedProjection<'_, F>,
    result: Result<T, JoinError>,
) -> Result<T, JoinError> {
    let dropped = catch_unwind(AssertUnwindSafe(|| this.future.set(None)));
    this.live.release(*this.id);
    dropped.map_err(JoinError::Panicked).and(result)
}

/// Awaits a task of monoio's. Unlike [`JoinHandle`] it may be dropped anywhere.
pub struct MonoioJoin<T: Send + 'static> {
    /// `None` only while this is being dropped.
    handle: Option<JoinHandle<Result<T, JoinError>>>,
    runtime: u64,
    id: Id,
}

impl<T: Send + 'static> fmt::Debug for MonoioJoin<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MonoioJoin")
            .field("runtime", &self.runtime)
            .field("id", &self.id)
            .finish_non_exhaustive()
    }
}

impl<T: Send + 'static> Future for MonoioJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.handle {
            Some(handle) => Pin::new(handle).poll(cx),
            None => Poll::Ready(Err(JoinError::Cancelled)),
        }
    }
}

impl<T: Send + 'static> MonoioJoin<T> {
    fn is_finished(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }
}

impl<T: Send + 'static> Join<T> for MonoioJoin<T> {
    fn abort(&mut self) {
        if self.is_finished() {
            return;
        }
        let id = self.id;
        match Live::here(self.runtime) {
            Some(live) => live.abort(id),
            None => send_home(self.runtime, move |live| live.abort(id)),
        }
    }
}

impl<T: Send + 'static> Drop for MonoioJoin<T> {
    #[inline]
    fn drop(&mut self) {
        if self.is_finished() || Live::is_here(self.runtime) {
            return; // and the field is dropped
        }
        let handle = self.handle.take();
        send_home(self.runtime, move |_| drop(handle));
    }
}
