//! Channels that look as if they blocked: only the calling direct-style code waits, not its worker.
//!
//! They are those of async-channel, called as those of the standard library are. Both ends may be
//! cloned, and every message goes to one receiver. Futures use the same channel through
//! [`Sender::get_ref`] and [`Receiver::get_ref`].
//!
//! ```
//! use runtimes::stackful::{direct::channel, go, wait};
//! use runtimes::{Config, Runtime, stackful::StackfulExecutor};
//!
//! let runtime = StackfulExecutor::start(&Config::new(2))?;
//! let (sender, receiver) = channel::bounded(1);
//! let squares = go(runtime.spawner(), move || {
//!     for n in 1..=4_u64 {
//!         sender.send(n * n).expect("somebody receives");
//!     }
//! });
//! let sum = go(runtime.spawner(), move || receiver.iter().sum::<u64>());
//! assert_eq!(runtime.block_on(sum)?, 30);
//! runtime.block_on(squares)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::fmt;
use std::mem::ManuallyDrop;
use std::sync::mpsc::{RecvError, SendError};

use super::{unwinds, wait};
use crate::budget;
use crate::sync::no_preempt::guard;

/// A channel in which `capacity` messages wait at most.
///
/// # Panics
/// When `capacity` is zero.
pub fn bounded<T>(capacity: usize) -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = async_channel::bounded(capacity);
    (sender.into(), receiver.into())
}

/// A channel in which any number of messages wait.
pub fn unbounded<T>() -> (Sender<T>, Receiver<T>) {
    let (sender, receiver) = async_channel::unbounded();
    (sender.into(), receiver.into())
}

/// Sends messages from direct-style code.
pub struct Sender<T>(Closed<async_channel::Sender<T>>);

/// Receives messages in direct-style code.
pub struct Receiver<T>(Closed<async_channel::Receiver<T>>);

impl<T> Sender<T> {
    /// Sends `message`; waits while the channel is full.
    ///
    /// # Errors
    /// When all receivers are gone: the message comes back. Also when the channel is full and the
    /// code [unwinds](super::Unwinding).
    ///
    /// # Panics
    /// As [`wait`], where it has to wait or not.
    pub fn send(&self, message: T) -> Result<(), SendError<T>> {
        if unwinds("wait") {
            let _closed = guard();
            return self.get_ref().try_send(message).map_err(|error| SendError(error.into_inner()));
        }
        // An async block drops what it awaited in its last poll, where nobody preempts it.
        wait(async {
            // Neither end need ever find the channel full or empty.
            budget::consume().await;
            self.get_ref().send(message).await
        })
        .map_err(|error| SendError(error.0))
    }

    /// The channel's end for futures.
    pub fn get_ref(&self) -> &async_channel::Sender<T> {
        &self.0.0
    }
}

impl<T> Receiver<T> {
    /// Takes the oldest message; waits for one while the channel is empty.
    ///
    /// # Errors
    /// When it is empty and all senders are gone. Also when it is empty and the code
    /// [unwinds](super::Unwinding).
    ///
    /// # Panics
    /// As [`wait`], where it has to wait or not.
    pub fn recv(&self) -> Result<T, RecvError> {
        if unwinds("wait") {
            let _closed = guard();
            return self.get_ref().try_recv().map_err(|_| RecvError);
        }
        wait(async {
            budget::consume().await;
            self.get_ref().recv().await
        })
        .map_err(|_| RecvError)
    }

    /// The messages until all senders are gone. Each step waits as [`recv`](Self::recv) does.
    pub fn iter(&self) -> impl Iterator<Item = T> {
        std::iter::from_fn(|| self.recv().ok())
    }

    /// The channel's end for futures.
    pub fn get_ref(&self) -> &async_channel::Receiver<T> {
        &self.0.0
    }
}

impl<T> From<async_channel::Sender<T>> for Sender<T> {
    fn from(sender: async_channel::Sender<T>) -> Self {
        Self(Closed(ManuallyDrop::new(sender)))
    }
}

impl<T> From<async_channel::Receiver<T>> for Receiver<T> {
    fn from(receiver: async_channel::Receiver<T>) -> Self {
        Self(Closed(ManuallyDrop::new(receiver)))
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        self.get_ref().clone().into()
    }
}

impl<T> Clone for Receiver<T> {
    fn clone(&self) -> Self {
        self.get_ref().clone().into()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.get_ref().fmt(f)
    }
}

/// An end of a channel. The last one that is dropped wakes those who wait on the other side, under
/// a lock, with which a coroutine must not be preempted.
struct Closed<E>(ManuallyDrop<E>);

impl<E> Drop for Closed<E> {
    fn drop(&mut self) {
        let _closed = guard();
        // SAFETY: dropped once, here.
        unsafe { ManuallyDrop::drop(&mut self.0) };
    }
}
