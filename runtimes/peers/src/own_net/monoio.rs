//! `monoio::net`, on the epoll instance of the runtime whose task makes the socket. Sockets and
//! futures stay on its thread: `SendWrapper` lets them pass as `Send` and checks, at each use, that
//! they did.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsRawFd, BorrowedFd};

use monoio::buf::IoBuf;
use monoio::io::{AsyncReadRent, AsyncReadRentExt, AsyncWriteRentExt};
use monoio::net::{TcpListener, TcpStream};
use send_wrapper::SendWrapper;

use runtimes::sockets::{Listener, Sockets, Stream, Transfer};

/// monoio's sockets.
#[derive(Clone, Copy, Debug)]
pub struct MonoioSockets;

impl Sockets for MonoioSockets {
    type Listener = MonoioListener;
    type Stream = MonoioStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<Self::Listener> {
        TcpListener::bind(address).map(SendWrapper::new).map(MonoioListener)
    }

    fn connect(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        SendWrapper::new(async move {
            TcpStream::connect_addr(address).await.map(SendWrapper::new).map(MonoioStream)
        })
    }
}

/// monoio's listener.
#[derive(Debug)]
pub struct MonoioListener(SendWrapper<TcpListener>);

impl Listener for MonoioListener {
    type Stream = MonoioStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        SendWrapper::new(async move {
            let (stream, _) = self.0.accept().await?;
            Ok(MonoioStream(SendWrapper::new(stream)))
        })
    }
}

/// monoio's stream.
#[derive(Debug)]
pub struct MonoioStream(SendWrapper<TcpStream>);

impl Stream for MonoioStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is the stream's, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(self.0.as_raw_fd()) }
    }

    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<usize>> + Send {
        SendWrapper::new(AsyncReadRent::read(&mut *self.0, buffer))
    }

    fn read_exact(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<()>> + Send {
        SendWrapper::new(async move {
            let (read, buffer) = AsyncReadRentExt::read_exact(&mut *self.0, buffer).await;
            (read.map(drop), buffer)
        })
    }

    fn write_all(
        &mut self,
        buffer: Box<[u8]>,
        length: usize,
    ) -> impl Future<Output = Transfer<()>> + Send {
        SendWrapper::new(async move {
            let (written, part) =
                AsyncWriteRentExt::write_all(&mut *self.0, buffer.slice(..length)).await;
            (written.map(drop), part.into_inner())
        })
    }
}
