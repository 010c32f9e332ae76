//! A registered descriptor, and the future of an operation on it.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, RawFd};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use super::notifier::Reason;
use super::operation::{Attempt, Left, poll_operation};
use super::readiness::{Arm, Clear};
use super::slots::{Key, Slot};
use super::waiters::Token;
use super::{Handle, Interest};
use crate::budget::{self, Share};

/// Anything with a descriptor that epoll can watch, registered with a reactor until it is dropped.
///
/// The descriptor must be in non-blocking mode, and `T` must give the same open descriptor for as
/// long as it is registered. One descriptor can be registered with a reactor once; duplicate it for
/// a second registration.
///
/// Each operation is tried first and waits only if the kernel would block, so a source is both
/// cheap when data is there and exact when it is not. Several tasks may wait for the same
/// direction: an event wakes all of them.
#[derive(Debug)]
pub struct Source<T: AsFd> {
    /// Taken out only by `into_inner`, which consumes the source.
    io: Option<T>,
    handle: Handle,
    key: Key,
}

impl<T: AsFd> Source<T> {
    /// Registers `io` for both directions. It is first thought to be ready for both, so that the
    /// first operation tries its system call at once.
    ///
    /// # Errors
    /// When the reactor has shut down; when epoll cannot watch the descriptor (`EPERM`: a regular
    /// file), knows it already (`EEXIST`), or has no resources for it (`ENOSPC`, `ENOMEM`).
    pub fn new(handle: &Handle, io: T) -> io::Result<Self> {
        Self::register(handle, io, true)
    }

    /// Registers a descriptor that is ready for nothing until epoll says so: a socket that is
    /// connecting.
    pub(crate) fn new_pending(handle: &Handle, io: T) -> io::Result<Self> {
        Self::register(handle, io, false)
    }

    fn register(handle: &Handle, io: T, optimistic: bool) -> io::Result<Self> {
        // A driver that waits for timers and notifications alone must wait in epoll from now on.
        let key = handle
            .shared
            .slots
            .insert(optimistic, || handle.shared.notifier.raise(Reason::Rearm))?;
        if let Err(error) = handle.shared.epoll.add(&io, key.data()) {
            handle.shared.slots.remove(key);
            return Err(error);
        }
        Ok(Self { io: Some(io), handle: handle.clone(), key })
    }

    /// The registered object.
    pub fn get_ref(&self) -> &T {
        match &self.io {
            Some(io) => io,
            None => {
                unreachable!("only into_inner takes the object out, and it consumes the source")
            }
        }
    }

    /// The reactor with which it is registered.
    pub fn handle(&self) -> &Handle {
        &self.handle
    }

    /// Ends the registration and gives the object back.
    pub fn into_inner(mut self) -> T {
        match self.deregister() {
            Some(io) => io,
            None => unreachable!("a source holds its object until it is consumed"),
        }
    }

    fn deregister(&mut self) -> Option<T> {
        let io = self.io.take()?;
        // Fails only if the object has closed its descriptor, and then epoll has forgotten it
        // already.
        let _ = self.handle.shared.epoll.delete(&io);
        self.handle.shared.slots.remove(self.key);
        Some(io)
    }

    fn slot(&self) -> &Slot {
        match self.handle.shared.slots.get(self.key) {
            Some(slot) => slot,
            None => unreachable!("a page of slots stays until the reactor is gone"),
        }
    }

    /// Waits until a read is worth trying. May be wrong: follow it by [`try_io`](Self::try_io), and
    /// repeat.
    pub fn readable(&self) -> Ready<'_, T> {
        Ready {
            source: self,
            interest: Interest::Readable,
            token: Token::default(),
            share: Share::default(),
        }
    }

    /// Waits until a write is worth trying. May be wrong: follow it by [`try_io`](Self::try_io),
    /// and repeat.
    pub fn writable(&self) -> Ready<'_, T> {
        Ready {
            source: self,
            interest: Interest::Writable,
            token: Token::default(),
            share: Share::default(),
        }
    }

    /// Tries an operation once. If it would block, the readiness that it contradicts is forgotten,
    /// so that [`readable`](Self::readable) or [`writable`](Self::writable) will wait.
    ///
    /// # Errors
    /// Those of `operation`; kind [`WouldBlock`](io::ErrorKind::WouldBlock) also without a call if
    /// the source is known not to be ready; and when the reactor has shut down.
    pub fn try_io<R>(
        &self,
        interest: Interest,
        operation: impl FnOnce(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let slot = self.slot();
        let seen = slot.readiness.load();
        if seen.is_shut_down() {
            return Err(super::shut_down_error());
        }
        if !seen.is_ready(interest) {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let result = operation(self.get_ref());
        if let Err(error) = &result
            && error.kind() == io::ErrorKind::WouldBlock
        {
            slot.readiness.clear(seen, interest, Clear::WouldBlock);
        }
        result
    }

    /// Runs `operation` as soon and as often as it takes until it does not block.
    ///
    /// # Errors
    /// Those of `operation` (an interrupted one is repeated), and when the reactor has shut down.
    pub async fn io<R>(
        &self,
        interest: Interest,
        mut operation: impl FnMut(&T) -> io::Result<R>,
    ) -> io::Result<R> {
        let attempt = move |io: &T, _: Attempt| operation(io).map(|result| (result, Left::Unknown));
        self.attempt(interest, attempt).await
    }

    /// As [`io`](Self::io), for an operation that can tell whether it has left anything.
    pub(crate) fn attempt<F, R>(&self, interest: Interest, operation: F) -> Io<'_, T, F>
    where
        F: FnMut(&T, Attempt) -> io::Result<(R, Left)>,
    {
        Io { source: self, interest, token: Token::default(), share: Share::default(), operation }
    }
}

impl<T: AsFd> Drop for Source<T> {
    fn drop(&mut self) {
        // The registration ends before the descriptor is closed: a duplicate of it would keep it in
        // the epoll set.
        drop(self.deregister());
    }
}

impl<T: AsFd> AsFd for Source<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.get_ref().as_fd()
    }
}

/// The future of an operation on a [`Source`].
#[must_use = "an operation does nothing unless it is awaited"]
pub(crate) struct Io<'a, T: AsFd, F> {
    source: &'a Source<T>,
    interest: Interest,
    token: Token,
    share: Share,
    operation: F,
}

// No field is ever pinned.
impl<T: AsFd, F> Unpin for Io<'_, T, F> {}

impl<T: AsFd, F, R> Future for Io<'_, T, F>
where
    F: FnMut(&T, Attempt) -> io::Result<(R, Left)>,
{
    type Output = io::Result<R>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { source, interest, token, share, operation } = &mut *self;
        ready!(share.poll_proceed(cx));
        let io = source.get_ref();
        let result =
            ready!(poll_operation(source.slot(), *interest, token, cx, |attempt| operation(
                io, attempt
            )));
        budget::spend();
        Poll::Ready(result)
    }
}

impl<T: AsFd, F> Drop for Io<'_, T, F> {
    fn drop(&mut self) {
        self.source.slot().disarm(self.interest, self.token);
    }
}

/// The future of [`Source::readable`] and [`Source::writable`].
///
/// # Errors
/// When the reactor has shut down.
#[derive(Debug)]
#[must_use = "an operation does nothing unless it is awaited"]
pub struct Ready<'a, T: AsFd> {
    source: &'a Source<T>,
    interest: Interest,
    token: Token,
    share: Share,
}

impl<T: AsFd> Unpin for Ready<'_, T> {}

impl<T: AsFd> Future for Ready<'_, T> {
    type Output = io::Result<()>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        let Self { source, interest, token, share } = &mut *self;
        ready!(share.poll_proceed(cx));
        let result = match source.slot().arm(*interest, token, cx.waker()) {
            Arm::Waiting => return Poll::Pending,
            Arm::Ready => Ok(()),
            Arm::ShutDown => Err(super::shut_down_error()),
        };
        budget::spend();
        Poll::Ready(result)
    }
}

impl<T: AsFd> Drop for Ready<'_, T> {
    fn drop(&mut self) {
        self.source.slot().disarm(self.interest, self.token);
    }
}

/// Lets an object that has only [`AsRawFd`] be registered.
#[derive(Debug)]
pub struct RawSource<T>(T);

impl<T: AsRawFd> RawSource<T> {
    /// # Safety
    /// `object.as_raw_fd()` must return the same descriptor each time, and it must stay open for as
    /// long as the returned value exists.
    pub unsafe fn new(object: T) -> Self {
        Self(object)
    }

    /// The object.
    pub fn get_ref(&self) -> &T {
        &self.0
    }

    /// Gives the object back.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: AsRawFd> AsFd for RawSource<T> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        let fd: RawFd = self.0.as_raw_fd();
        // SAFETY: whoever made this value has promised that the descriptor is open as long as the
        // value exists, and the result borrows the value.
        unsafe { BorrowedFd::borrow_raw(fd) }
    }
}
