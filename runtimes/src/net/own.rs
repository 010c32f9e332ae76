//! Our sockets behind the traits of [`sockets`](crate::sockets).

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use super::{TcpListener, TcpStream};
use crate::reactor::Handle;
use crate::sockets::{Listener, Sockets, Stream, Transfer};

/// Our sockets on one reactor.
#[derive(Clone, Debug)]
pub struct NetSockets(Handle);

impl NetSockets {
    /// Those that register with `handle`.
    pub fn new(handle: Handle) -> Self {
        Self(handle)
    }
}

impl Sockets for NetSockets {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(&self.0, address)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(&self.0, address).await
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn accept(&mut self) -> io::Result<TcpStream> {
        let (stream, _) = TcpListener::accept(self).await?;
        Ok(stream)
    }
}

impl Stream for TcpStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.as_fd()
    }

    async fn read(&mut self, mut buffer: Box<[u8]>) -> Transfer<usize> {
        (TcpStream::read(self, &mut buffer).await, buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        (TcpStream::read_exact(self, &mut buffer).await, buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (TcpStream::write_all(self, &buffer[..length]).await, buffer)
    }
}
