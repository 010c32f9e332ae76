//! The sockets that a runtime's own authors provide with it.
//!
//! On the shared reactor only schedulers differ. A user of a peer gets its reactor as well, so some
//! workloads compare whole stacks, each on its own sockets. These traits are what an echo needs, in
//! the shape that suits all of them: buffers are lent by value, as monoio asks; borrowing them
//! meanwhile, as the others do, costs nothing. may's sockets block their coroutine, so their
//! futures are ready at the first poll.
//!
//! A socket is used by the tasks of the runtime that it came from.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::BorrowedFd;

/// What came of a transfer, and the buffer back.
pub type Transfer<T> = (io::Result<T>, Box<[u8]>);

/// Makes sockets, inside the tasks of a runtime.
pub trait Sockets: Clone + Send + Sync + 'static {
    /// What listens.
    type Listener: Listener<Stream = Self::Stream>;
    /// A connection.
    type Stream: Stream;

    /// Listens on `address`.
    ///
    /// # Errors
    /// Those of `socket`, `bind` and `listen`, and of the reactor.
    fn listen(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::Listener>> + Send;

    /// Connects to `address`.
    ///
    /// # Errors
    /// Why there is no connection, and those of the reactor.
    fn connect(&self, address: SocketAddr)
    -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A listening TCP socket.
pub trait Listener: Send + 'static {
    /// What it accepts.
    type Stream: Stream;

    /// The address on which it listens.
    ///
    /// # Errors
    /// Those of `getsockname`.
    fn local_addr(&self) -> io::Result<SocketAddr>;

    /// The next connection.
    ///
    /// # Errors
    /// Those of `accept` and of the reactor.
    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send;
}

/// A connected TCP socket.
pub trait Stream: Send + 'static {
    /// Its descriptor, to set options.
    fn descriptor(&self) -> BorrowedFd<'_>;

    /// Reads what is there into `buffer`, and waits while nothing is. 0 is the end of the stream.
    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<usize>> + Send;

    /// Fills `buffer`.
    fn read_exact(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<()>> + Send;

    /// Writes the first `length` bytes of `buffer`.
    ///
    /// # Panics
    /// When the buffer is shorter.
    fn write_all(
        &mut self,
        buffer: Box<[u8]>,
        length: usize,
    ) -> impl Future<Output = Transfer<()>> + Send;
}

/// Of a runtime whose authors provide none: there is no value of it.
#[derive(Clone, Copy, Debug)]
pub enum NoSockets {}

impl Sockets for NoSockets {
    type Listener = Self;
    type Stream = Self;

    async fn listen(&self, _: SocketAddr) -> io::Result<Self> {
        match *self {}
    }

    async fn connect(&self, _: SocketAddr) -> io::Result<Self> {
        match *self {}
    }
}

impl Listener for NoSockets {
    type Stream = Self;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        match *self {}
    }

    async fn accept(&mut self) -> io::Result<Self> {
        match *self {}
    }
}

impl Stream for NoSockets {
    fn descriptor(&self) -> BorrowedFd<'_> {
        match *self {}
    }

    async fn read(&mut self, _: Box<[u8]>) -> Transfer<usize> {
        match *self {}
    }

    async fn read_exact(&mut self, _: Box<[u8]>) -> Transfer<()> {
        match *self {}
    }

    async fn write_all(&mut self, _: Box<[u8]>, _: usize) -> Transfer<()> {
        match *self {}
    }
}
