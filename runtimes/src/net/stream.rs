//! Reading from and writing to a connected stream socket: what TCP and Unix streams share.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendFlags, ipproto, sockopt};

use crate::reactor::{Attempt, Interest, Left, Source};

/// What a transfer says that stops short: of a read that does not fill its buffer, or a write that
/// takes a part.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Short {
    /// The next one would block; see [`Attempt::transferred`].
    WouldBlock,
    /// Nothing.
    Unknown,
}

impl Short {
    /// Of a socket that somebody else made: it may be of any kind, whatever its type in the
    /// standard library says.
    pub(super) fn of(socket: impl AsFd) -> Self {
        match sockopt::socket_protocol(socket) {
            Ok(Some(ipproto::TCP)) => Self::WouldBlock,
            _ => Self::Unknown,
        }
    }

    fn left(self, attempt: Attempt, done: usize, wanted: usize) -> Left {
        match self {
            Self::WouldBlock => attempt.transferred(done, wanted),
            Self::Unknown => Left::Unknown,
        }
    }
}

pub(super) fn read<'a, T: AsFd>(
    source: &'a Source<T>,
    short: Short,
    buffer: &'a mut [u8],
) -> impl Future<Output = io::Result<usize>> + use<'a, T> {
    source.attempt(Interest::Readable, move |socket, attempt| {
        let (n, _) = rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?;
        Ok((n, short.left(attempt, n, buffer.len())))
    })
}

pub(super) fn write<'a, T: AsFd>(
    source: &'a Source<T>,
    short: Short,
    buffer: &'a [u8],
) -> impl Future<Output = io::Result<usize>> + use<'a, T> {
    source.attempt(Interest::Writable, move |socket, attempt| {
        // A peer that is gone is an error of this call, not a signal to the process.
        let n = rustix::net::send(socket, buffer, SendFlags::NOSIGNAL)?;
        Ok((n, short.left(attempt, n, buffer.len())))
    })
}

pub(super) async fn read_exact<T: AsFd>(
    source: &Source<T>,
    short: Short,
    mut buffer: &mut [u8],
) -> io::Result<()> {
    while !buffer.is_empty() {
        match read(source, short, buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}

pub(super) async fn write_all<T: AsFd>(
    source: &Source<T>,
    short: Short,
    mut buffer: &[u8],
) -> io::Result<()> {
    while !buffer.is_empty() {
        match write(source, short, buffer).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => buffer = &buffer[n..],
        }
    }
    Ok(())
}
