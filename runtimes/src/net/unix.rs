//! Unix stream sockets: listen, accept, connect, read, write, shut down.

use std::future::Future;
use std::io;
use std::net::Shutdown;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net as std_unix;
use std::path::Path;

use rustix::net::{AddressFamily, SocketAddrUnix, SocketType};

use super::stream::{self, Short};
use super::{BACKLOG, FLAGS, accept};
use crate::reactor::{Handle, Source};

/// A listening Unix socket. The file at its path stays when it is dropped.
#[derive(Debug)]
pub struct UnixListener {
    source: Source<std_unix::UnixListener>,
}

impl UnixListener {
    /// Listens on `path`, which must not exist.
    ///
    /// # Errors
    /// Those of `socket`, `bind`, `listen`, and [`Source::new`].
    pub fn bind(handle: &Handle, path: impl AsRef<Path>) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path.as_ref())?;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self { source: Source::new(handle, socket.into())? })
    }

    /// Takes over a listener of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// Those of [`Source::new`].
    pub fn from_std(handle: &Handle, listener: std_unix::UnixListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        Ok(Self { source: Source::new(handle, listener)? })
    }

    /// The next connection, registered with the listener's reactor.
    ///
    /// # Errors
    /// As [`TcpListener::accept`](super::TcpListener::accept).
    pub async fn accept(&self) -> io::Result<UnixStream> {
        let (socket, _) = accept::accept(&self.source).await?;
        Ok(UnixStream { source: Source::new(self.source.handle(), socket.into())? })
    }
}

impl AsFd for UnixListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

/// A connected Unix stream socket.
///
/// Nothing is concluded from a transfer that stops short, as it does where descriptors were passed
/// along.
#[derive(Debug)]
pub struct UnixStream {
    source: Source<std_unix::UnixStream>,
}

impl UnixStream {
    /// Connects to the listener at `path`. The kernel does this at once or not at all, so nothing
    /// is awaited.
    ///
    /// # Errors
    /// Those of `socket`, `connect`, and [`Source::new`]; [`WouldBlock`](io::ErrorKind::WouldBlock)
    /// when the listener's queue is full, for which the kernel offers no way to wait.
    pub fn connect(handle: &Handle, path: impl AsRef<Path>) -> io::Result<Self> {
        let address = SocketAddrUnix::new(path.as_ref())?;
        let socket =
            rustix::net::socket_with(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
        rustix::net::connect(&socket, &address)?;
        Ok(Self { source: Source::new(handle, socket.into())? })
    }

    /// Two sockets that are connected with each other.
    ///
    /// # Errors
    /// Those of `socketpair`, and of [`Source::new`].
    pub fn pair(handle: &Handle) -> io::Result<(Self, Self)> {
        let (a, b) = rustix::net::socketpair(AddressFamily::UNIX, SocketType::STREAM, FLAGS, None)?;
        Ok((
            Self { source: Source::new(handle, a.into())? },
            Self { source: Source::new(handle, b.into())? },
        ))
    }

    /// Takes over a connection of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// Those of [`Source::new`].
    pub fn from_std(handle: &Handle, stream: std_unix::UnixStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        Ok(Self { source: Source::new(handle, stream)? })
    }

    /// Reads what is there, at most the length of `buffer`, and waits while nothing is. 0 is the
    /// end of the stream.
    pub fn read<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a> {
        stream::read(&self.source, Short::Unknown, buffer)
    }

    /// Writes a part of `buffer`, at least one byte of one that is not empty.
    pub fn write<'a>(
        &'a self,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a> {
        stream::write(&self.source, Short::Unknown, buffer)
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends before that.
    pub fn read_exact<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + use<'a> {
        stream::read_exact(&self.source, Short::Unknown, buffer)
    }

    /// Writes all of `buffer`.
    pub fn write_all<'a>(
        &'a self,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + use<'a> {
        stream::write_all(&self.source, Short::Unknown, buffer)
    }

    /// Ends one direction or both. Never waits.
    ///
    /// # Errors
    /// Those of `shutdown`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get_ref().shutdown(how)
    }
}

impl AsFd for UnixStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
