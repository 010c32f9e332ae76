//! TCP: listen, accept, connect, read, write, shut down.

use std::future::Future;
use std::io;
use std::net::{Shutdown, SocketAddr};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, SocketType, sockopt};

use super::stream::{self, Short};
use super::{BACKLOG, FLAGS, accept, family};
use crate::budget;
use crate::reactor::{Handle, Interest, Left, Source};

/// A listening TCP socket.
#[derive(Debug)]
pub struct TcpListener {
    source: Source<std::net::TcpListener>,
    /// Of the connections.
    short: Short,
}

impl TcpListener {
    /// Listens on `address`, with `SO_REUSEADDR`.
    ///
    /// # Errors
    /// Those of `socket`, `bind`, `listen`, and [`Source::new`].
    pub fn bind(handle: &Handle, address: impl Into<SocketAddr>) -> io::Result<Self> {
        let address = address.into();
        let socket = rustix::net::socket_with(family(&address), SocketType::STREAM, FLAGS, None)?;
        sockopt::set_socket_reuseaddr(&socket, true)?;
        rustix::net::bind(&socket, &address)?;
        rustix::net::listen(&socket, BACKLOG)?;
        Ok(Self { source: Source::new(handle, socket.into())?, short: Short::WouldBlock })
    }

    /// Takes over a listener of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// Those of [`Source::new`].
    pub fn from_std(handle: &Handle, listener: std::net::TcpListener) -> io::Result<Self> {
        listener.set_nonblocking(true)?;
        let short = Short::of(&listener);
        Ok(Self { source: Source::new(handle, listener)?, short })
    }

    /// The next connection, registered with the listener's reactor, and its peer's address.
    ///
    /// Connections that ended while they waited in the queue with a network error are skipped.
    ///
    /// # Errors
    /// `EMFILE` and its like when the process or the system is out of descriptors: the connection
    /// stays queued, and a later call takes it. Retry after closing something, or after a pause.
    pub async fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (socket, address) = accept::accept(&self.source).await?;
        let address = internet(address)?;
        let source = Source::new(self.source.handle(), std::net::TcpStream::from(socket))?;
        Ok((TcpStream { source, short: self.short }, address))
    }

    /// The address on which it listens.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
    }
}

impl AsFd for TcpListener {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}

fn internet(address: Option<SocketAddrAny>) -> io::Result<SocketAddr> {
    let address = address.ok_or_else(|| io::Error::other("the kernel gave no peer address"))?;
    Ok(SocketAddr::try_from(address)?)
}

/// A connected TCP socket.
#[derive(Debug)]
pub struct TcpStream {
    source: Source<std::net::TcpStream>,
    short: Short,
}

impl TcpStream {
    /// Connects to `address`.
    ///
    /// # Errors
    /// Why there is no connection: refused, unreachable, timed out, …
    pub async fn connect(handle: &Handle, address: impl Into<SocketAddr>) -> io::Result<Self> {
        // The kernel may refuse or connect at once, as often as it is asked.
        budget::consume().await;
        let address = address.into();
        let socket: OwnedFd =
            rustix::net::socket_with(family(&address), SocketType::STREAM, FLAGS, None)?;
        // Before it is registered: epoll calls a socket that is neither connected nor connecting
        // "hung up".
        match rustix::net::connect(&socket, &address) {
            Ok(()) => {
                return Ok(Self {
                    source: Source::new(handle, socket.into())?,
                    short: Short::WouldBlock,
                });
            }
            Err(Errno::INPROGRESS | Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let source = Source::new_pending(handle, std::net::TcpStream::from(socket))?;
        // Not ready before the first event, which says that the attempt is over; how it ended is
        // the socket's error.
        let outcome =
            |socket: &std::net::TcpStream, _| Ok((sockopt::socket_error(socket)??, Left::Unknown));
        source.attempt(Interest::Writable, outcome).await?;
        Ok(Self { source, short: Short::WouldBlock })
    }

    /// Takes over a connection of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// Those of [`Source::new`].
    pub fn from_std(handle: &Handle, stream: std::net::TcpStream) -> io::Result<Self> {
        stream.set_nonblocking(true)?;
        let short = Short::of(&stream);
        Ok(Self { source: Source::new(handle, stream)?, short })
    }

    /// Ends the registration and gives the socket back, in non-blocking mode.
    pub fn into_std(self) -> std::net::TcpStream {
        self.source.into_inner()
    }

    /// Reads what is there, at most the length of `buffer`, and waits while nothing is. 0 is the
    /// end of the stream.
    pub fn read<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a> {
        stream::read(&self.source, self.short, buffer)
    }

    /// Writes a part of `buffer`, at least one byte of one that is not empty.
    pub fn write<'a>(
        &'a self,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + use<'a> {
        stream::write(&self.source, self.short, buffer)
    }

    /// Fills `buffer`.
    ///
    /// # Errors
    /// [`UnexpectedEof`](io::ErrorKind::UnexpectedEof) when the stream ends before that.
    pub fn read_exact<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + use<'a> {
        stream::read_exact(&self.source, self.short, buffer)
    }

    /// Writes all of `buffer`.
    pub fn write_all<'a>(
        &'a self,
        buffer: &'a [u8],
    ) -> impl Future<Output = io::Result<()>> + Send + use<'a> {
        stream::write_all(&self.source, self.short, buffer)
    }

    /// Ends one direction or both. Never waits.
    ///
    /// # Errors
    /// Those of `shutdown`.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.source.get_ref().shutdown(how)
    }

    /// Whether small writes are sent at once (`TCP_NODELAY`).
    ///
    /// # Errors
    /// Those of `setsockopt`.
    pub fn set_nodelay(&self, nodelay: bool) -> io::Result<()> {
        self.source.get_ref().set_nodelay(nodelay)
    }

    /// The peer's address.
    ///
    /// # Errors
    /// Those of `getpeername`.
    pub fn peer_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().peer_addr()
    }

    /// This end's address.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
    }
}

impl AsFd for TcpStream {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
