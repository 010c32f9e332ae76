//! Try, and wait only if the kernel would block: the loop of every leaf future.

use std::io;
use std::task::{Context, Poll};

use super::Interest;
use super::readiness::{Arm, Clear, Snapshot};
use super::slots::Slot;
use super::waiters::Token;

/// What an operation is told about its source.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Attempt(Snapshot);

impl Attempt {
    /// What a transfer of `done` bytes out of `wanted` says, on a TCP socket and on no other: if it
    /// stopped short it has met the end of what the kernel had, and the second system call that
    /// would only say "would block" is saved.
    ///
    /// Linux takes from a TCP socket's queue until the buffer is full or the queue is empty, except
    /// that it stops before urgent data and before an error, of which the readiness knows. When a
    /// send finds no room it asks for the event that tells of it whether a part was taken or
    /// nothing. Other sockets stop elsewhere: those of Unix where descriptors or credentials come
    /// along, or for lack of memory; those with datagrams at the end of each.
    pub(crate) fn transferred(self, done: usize, wanted: usize) -> Left {
        /// The kernel transfers no more than this at once (`MAX_RW_COUNT`), whatever there is.
        const AT_ONCE: usize = 0x7fff_f000;
        let short = done != 0 && done < wanted.min(AT_ONCE);
        if short && self.0.short_transfer_drains() { Left::Nothing } else { Left::Unknown }
    }
}

/// What an operation has left behind.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Left {
    /// There may be more: the next operation tries again.
    Unknown,
    /// The next operation would block until there is an event.
    Nothing,
}

/// Tries `operation` while its source is thought to be ready, and arms the waiter when it is not.
///
/// The snapshot is taken **before** the operation's system call, and only what it showed is
/// cleared: see [`readiness`](super::readiness).
#[inline]
pub(super) fn poll_operation<R>(
    slot: &Slot,
    interest: Interest,
    token: &mut Token,
    cx: &mut Context<'_>,
    mut operation: impl FnMut(Attempt) -> io::Result<(R, Left)>,
) -> Poll<io::Result<R>> {
    loop {
        let seen = slot.readiness.load();
        if seen.is_shut_down() {
            return Poll::Ready(Err(super::shut_down_error()));
        }
        if seen.is_ready(interest) {
            match operation(Attempt(seen)) {
                Ok((result, left)) => {
                    if left == Left::Nothing {
                        slot.readiness.clear(seen, interest, Clear::Drained);
                    }
                    return Poll::Ready(Ok(result));
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    slot.readiness.clear(seen, interest, Clear::WouldBlock);
                }
                Err(error) => return Poll::Ready(Err(error)),
            }
        }
        match slot.arm(interest, token, cx.waker()) {
            Arm::Waiting => return Poll::Pending,
            Arm::Ready => {}
            Arm::ShutDown => return Poll::Ready(Err(super::shut_down_error())),
        }
    }
}
