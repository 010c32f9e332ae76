//! The join handle of the async-executor peers: an async-task `Task` with our manners.

use std::future::{Future, ready};
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::task::{Context, Poll, Waker};

use async_executor::{FallibleTask, Task};

use runtimes::{Join, JoinError};

/// Awaits an async-task task. Unlike `Task` it detaches on drop, and a panic arrives as an error.
#[derive(Debug)]
pub struct TaskJoin<T>(State<T>);

/// As large as one wide pointer: awaiting, the common case, allocates nothing.
enum State<T> {
    Running(FallibleTask<T>),
    /// After `abort`: `Task::cancel` consumes the handle, so its future (unnameable) takes the
    /// handle's place.
    Aborting(Pin<Box<dyn Future<Output = Result<T, JoinError>> + Send>>),
    /// The task was never made, or the state is being exchanged.
    Gone,
}

impl<T> std::fmt::Debug for State<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Running(_) => "Running",
            Self::Aborting(_) => "Aborting",
            Self::Gone => "Gone",
        })
    }
}

impl<T> TaskJoin<T> {
    /// `None` stands for a task that was refused.
    #[inline]
    pub(super) fn new(spawned: Option<Task<T>>) -> Self {
        Self(spawned.map_or(State::Gone, |task| State::Running(task.fallible())))
    }
}

/// Polls the outcome of a task that was spawned with panic propagation, as async-executor does it:
/// the panic resumes in whoever polls the handle.
#[inline]
fn poll_outcome<T>(
    task: Pin<&mut impl Future<Output = Option<T>>>,
    cx: &mut Context<'_>,
) -> Poll<Result<T, JoinError>> {
    match catch_unwind(AssertUnwindSafe(|| task.poll(cx))) {
        Ok(Poll::Pending) => Poll::Pending,
        Ok(Poll::Ready(Some(output))) => Poll::Ready(Ok(output)),
        Ok(Poll::Ready(None)) => Poll::Ready(Err(JoinError::Cancelled)),
        Err(payload) => Poll::Ready(Err(JoinError::Panicked(payload))),
    }
}

impl<T> Future for TaskJoin<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        match &mut self.0 {
            State::Running(task) => poll_outcome(Pin::new(task), cx),
            State::Aborting(outcome) => outcome.as_mut().poll(cx),
            State::Gone => Poll::Ready(Err(JoinError::Cancelled)),
        }
    }
}

impl<T: Send + 'static> Join<T> for TaskJoin<T> {
    fn abort(&mut self) {
        self.0 = match mem::replace(&mut self.0, State::Gone) {
            State::Running(task) => {
                let mut outcome: Pin<Box<dyn Future<Output = _> + Send>> = Box::pin(async move {
                    let mut cancel = pin!(task.cancel());
                    std::future::poll_fn(|cx| poll_outcome(cancel.as_mut(), cx)).await
                });
                // `cancel` marks the task at its first poll; whoever awaits the handle registers a
                // waker later.
                match outcome.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
                    Poll::Pending => State::Aborting(outcome),
                    Poll::Ready(finished) => State::Aborting(Box::pin(ready(finished))),
                }
            }
            other => other,
        };
    }
}

impl<T> Drop for TaskJoin<T> {
    #[inline]
    fn drop(&mut self) {
        if let State::Running(task) = mem::replace(&mut self.0, State::Gone) {
            task.detach();
        }
    }
}
