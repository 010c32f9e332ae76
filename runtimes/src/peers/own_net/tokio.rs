//! `tokio::net`, on tokio's own I/O driver.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use crate::sockets::{Listener, Sockets, Stream, Transfer};

/// Tokio's sockets. They find the driver of the runtime whose task makes them.
#[derive(Clone, Copy, Debug)]
pub struct TokioSockets(());

impl TokioSockets {
    /// For a runtime whose I/O driver is enabled.
    pub(in crate::peers) fn new() -> Self {
        Self(())
    }
}

impl Sockets for TokioSockets {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(address).await
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        TcpStream::connect(address).await
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
        (AsyncReadExt::read(self, &mut buffer).await, buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        let read = AsyncReadExt::read_exact(self, &mut buffer).await;
        (read.map(drop), buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (AsyncWriteExt::write_all(self, &buffer[..length]).await, buffer)
    }
}
