//! `tokio::net`, on tokio's own I/O driver.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

use runtimes::sockets::{Listener, Sockets, Stream, Transfer};

/// Tokio's sockets. They find the driver of the runtime whose task makes them.
#[derive(Clone, Copy, Debug)]
pub struct TokioSockets(());

impl TokioSockets {
    /// For a runtime whose I/O driver is enabled.
    pub(crate) fn new() -> Self {
        Self(())
    }
}

impl Sockets for TokioSockets {
    type Listener = TokioListener;
    type Stream = TokioStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<TokioListener> {
        TcpListener::bind(address).await.map(TokioListener)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TokioStream> {
        TcpStream::connect(address).await.map(TokioStream)
    }
}

/// Tokio's listener.
#[derive(Debug)]
pub struct TokioListener(TcpListener);

impl Listener for TokioListener {
    type Stream = TokioStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<TokioStream> {
        let (stream, _) = self.0.accept().await?;
        Ok(TokioStream(stream))
    }
}

/// Tokio's stream.
#[derive(Debug)]
pub struct TokioStream(TcpStream);

impl Stream for TokioStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    async fn read(&mut self, mut buffer: Box<[u8]>) -> Transfer<usize> {
        (AsyncReadExt::read(&mut self.0, &mut buffer).await, buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        let read = AsyncReadExt::read_exact(&mut self.0, &mut buffer).await;
        (read.map(drop), buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (AsyncWriteExt::write_all(&mut self.0, &buffer[..length]).await, buffer)
    }
}
