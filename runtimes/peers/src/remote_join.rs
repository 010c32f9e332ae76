//! The join handle of the futures-executor peers: a futures-util `RemoteHandle` with our manners.

use std::future::Future;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll, Waker};

use futures_channel::oneshot::Canceled;
use futures_util::future::RemoteHandle;

use runtimes::{Join, JoinError};

/// Awaits a future that was spawned with `spawn_with_handle`. Unlike `RemoteHandle` it detaches on
/// drop, and a panic or a lost task arrives as an error.
#[derive(Debug)]
pub struct RemoteJoin<T: 'static>(State<T>);

#[derive(Debug)]
enum State<T: 'static> {
    Running(RemoteHandle<T>),
    /// Aborted after the task had finished.
    Finished(Box<Result<T, JoinError>>),
    /// The task was refused or aborted, or its outcome is taken.
    Gone,
}

impl<T> RemoteJoin<T> {
    /// `None` stands for a task that was refused.
    #[inline]
    pub(super) fn new(spawned: Option<RemoteHandle<T>>) -> Self {
        Self(spawned.map_or(State::Gone, State::Running))
    }
}

/// `RemoteHandle` resumes the task's panic in whoever polls it; a task that was dropped unfinished
/// shows as a panic with [`Canceled`].
#[inline]
fn poll_outcome<T: 'static>(
    handle: &mut RemoteHandle<T>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, JoinError>> {
    match catch_unwind(AssertUnwindSafe(|| Pin::new(handle).poll(cx))) {
        Ok(poll) => poll.map(Ok),
        Err(payload) if payload.is::<Canceled>() => Poll::Ready(Err(JoinError::Cancelled)),
        Err(payload) => Poll::Ready(Err(JoinError::Panicked(payload))),
    }
}

impl<T: 'static> Future for RemoteJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        if let State::Running(handle) = &mut self.0 {
            return poll_outcome(handle, cx);
        }
        match mem::replace(&mut self.0, State::Gone) {
            State::Finished(outcome) => Poll::Ready(*outcome),
            _ => Poll::Ready(Err(JoinError::Cancelled)),
        }
    }
}

impl<T: Send + 'static> Join<T> for RemoteJoin<T> {
    fn abort(&mut self) {
        if let State::Running(handle) = &mut self.0 {
            self.0 = match poll_outcome(handle, &mut Context::from_waker(Waker::noop())) {
                Poll::Ready(outcome) => State::Finished(Box::new(outcome)),
                // Dropping the handle is how futures-util cancels: the task is woken and returns
                // early.
                Poll::Pending => State::Gone,
            };
        }
    }
}

impl<T: 'static> Drop for RemoteJoin<T> {
    #[inline]
    fn drop(&mut self) {
        if let State::Running(handle) = mem::replace(&mut self.0, State::Gone) {
            handle.forget();
        }
    }
}
