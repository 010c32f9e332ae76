//! Reading from and writing to a connected stream socket: what TCP and Unix streams share.

use std::future::Future;
use std::io;
use std::os::fd::AsFd;

use rustix::net::{RecvFlags, SendFlags};

use crate::reactor::{Interest, Source};

pub(super) fn read<'a, T: AsFd>(
    source: &'a Source<T>,
    buffer: &'a mut [u8],
) -> impl Future<Output = io::Result<usize>> + use<'a, T> {
    source.attempt(Interest::Readable, move |socket, attempt| {
        let (n, _) = rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?;
        Ok((n, attempt.transferred(n, buffer.len())))
    })
}

pub(super) fn write<'a, T: AsFd>(
    source: &'a Source<T>,
    buffer: &'a [u8],
) -> impl Future<Output = io::Result<usize>> + use<'a, T> {
    source.attempt(Interest::Writable, move |socket, attempt| {
        // A peer that is gone is an error of this call, not a signal to the process.
        let n = rustix::net::send(socket, buffer, SendFlags::NOSIGNAL)?;
        Ok((n, attempt.transferred(n, buffer.len())))
    })
}

pub(super) async fn read_exact<T: AsFd>(source: &Source<T>, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match read(source, buffer).await? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}

pub(super) async fn write_all<T: AsFd>(source: &Source<T>, mut buffer: &[u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match write(source, buffer).await? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => buffer = &buffer[n..],
        }
    }
    Ok(())
}
