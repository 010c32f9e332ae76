//! The handle that awaits a task's output.

use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::MaybeUninit;
use std::pin::Pin;
use std::ptr::NonNull;
use std::task::{Context, Poll};

use super::cell::{self, Header};
use super::state::{Await, Engine, Reference};
use super::{JoinError, waker};

/// Awaits the output of a task of one of our own runtimes. Dropping it detaches the task.
///
/// # Panics
/// Polling it again after it gave its output.
pub struct JoinHandle<T> {
    /// `None` for a task that its runtime refused because it had shut down.
    task: Option<NonNull<Header>>,
    /// Whether the output was given out.
    taken: bool,
    output: PhantomData<T>,
}

// SAFETY: the handle moves the output to the thread that polls it, hence `T: Send`; the state word
// orders everything else.
unsafe impl<T: Send> Send for JoinHandle<T> {}
// SAFETY: a shared reference allows nothing.
unsafe impl<T: Send> Sync for JoinHandle<T> {}

impl<T> Unpin for JoinHandle<T> {}

impl<T> fmt::Debug for JoinHandle<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("JoinHandle").field("task", &self.task).finish()
    }
}

impl<T> JoinHandle<T> {
    /// # Safety
    /// The caller owns the handle bit of `task`, whose output is a `T`, and gives it to the value.
    pub(crate) unsafe fn from_raw(task: NonNull<Header>) -> Self {
        Self { task: Some(task), taken: false, output: PhantomData }
    }

    /// The handle of a task that was refused.
    pub(crate) fn refused() -> Self {
        Self { task: None, taken: false, output: PhantomData }
    }

    /// Asks that the task be dropped at its next suspension; see
    /// [`Join::abort`](crate::Join::abort).
    pub fn abort(&self) {
        if let Some(task) = self.task {
            // SAFETY: the handle keeps the task alive. If the engine has closed, the task is
            // cancelled without this.
            unsafe { cell::admit_raw(task, &mut || task.as_ref().state.cancel()) };
        }
    }

    /// Whether the output is there.
    pub fn is_finished(&self) -> bool {
        // SAFETY: the handle keeps the task alive.
        self.task.is_none_or(|task| unsafe { task.as_ref() }.state.is_done())
    }

    fn take(&mut self, task: NonNull<Header>) -> Result<T, JoinError> {
        assert!(!self.taken, "JoinHandle polled after it gave its output");
        self.taken = true;
        let mut output = MaybeUninit::<Result<T, JoinError>>::uninit();
        // SAFETY: the callers saw DONE; `taken` makes this the only time; the type is the task's
        // own.
        unsafe {
            cell::take_output_raw(task, output.as_mut_ptr().cast());
            output.assume_init()
        }
    }
}

impl<T> Future for JoinHandle<T> {
    type Output = Result<T, JoinError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Some(task) = self.task else { return Poll::Ready(Err(JoinError::Cancelled)) };
        // SAFETY: the handle keeps the task alive.
        let state = unsafe { &task.as_ref().state };
        // SAFETY: the same.
        let slot = unsafe { cell::awaiter(task) };
        match state.await_output() {
            Await::Done => return Poll::Ready(self.take(task)),
            Await::Occupied => {
                // SAFETY: the slot was filled by an earlier poll, and nobody writes it while
                // AWAITER is set: a completing worker only reads it.
                if unsafe { (*slot).assume_init_ref() }.will_wake(cx.waker()) {
                    return Poll::Pending;
                }
                if !state.reclaim_slot() {
                    return Poll::Ready(self.take(task));
                }
                // SAFETY: reclaimed, so the slot is the handle's again, and it holds a waker.
                unsafe { (*slot).assume_init_drop() };
            }
            Await::Vacant => {}
        }
        // SAFETY: AWAITER is clear, so the slot is the handle's and holds nothing.
        unsafe { (*slot).write(cx.waker().clone()) };
        if state.offer_slot() {
            return Poll::Pending;
        }
        // SAFETY: the offer failed, so the slot is still the handle's, and it holds the waker just
        // written.
        unsafe { (*slot).assume_init_drop() };
        Poll::Ready(self.take(task))
    }
}

impl<T> Drop for JoinHandle<T> {
    #[inline]
    fn drop(&mut self) {
        let Some(task) = self.task else { return };
        // SAFETY: the handle keeps the task alive until `drop_handle` gives it up.
        let state = unsafe { &task.as_ref().state };
        if state.await_output() == Await::Occupied && state.reclaim_slot() {
            // SAFETY: reclaimed, so the slot is the handle's, and it holds a waker.
            unsafe { (*cell::awaiter(task)).assume_init_drop() };
        }
        // SAFETY: the value owns the handle bit, and is dropped once; an output that was taken is
        // gone.
        let release = unsafe { waker::drop_handle(task, self.taken, Engine::MayBeOpen) };
        // SAFETY: as above, and this is what the word said.
        unsafe { waker::settle(task, Reference::Handle, release) };
    }
}
