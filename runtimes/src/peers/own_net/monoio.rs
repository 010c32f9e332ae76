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

use crate::sockets::{Listener, Sockets, Stream, Transfer};

/// monoio's sockets.
#[derive(Clone, Copy, Debug)]
pub struct MonoioSockets;

impl Sockets for MonoioSockets {
    type Listener = SendWrapper<TcpListener>;
    type Stream = SendWrapper<TcpStream>;

    async fn listen(&self, address: SocketAddr) -> io::Result<Self::Listener> {
        TcpListener::bind(address).map(SendWrapper::new)
    }

    fn connect(
        &self,
        address: SocketAddr,
    ) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        SendWrapper::new(
            async move { TcpStream::connect_addr(address).await.map(SendWrapper::new) },
        )
    }
}

impl Listener for SendWrapper<TcpListener> {
    type Stream = SendWrapper<TcpStream>;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        TcpListener::local_addr(self)
    }

    fn accept(&mut self) -> impl Future<Output = io::Result<Self::Stream>> + Send {
        SendWrapper::new(async move {
            let (stream, _) = TcpListener::accept(self).await?;
            Ok(SendWrapper::new(stream))
        })
    }
}

impl Stream for SendWrapper<TcpStream> {
    fn descriptor(&self) -> BorrowedFd<'_> {
        // SAFETY: the descriptor is the stream's, which the result borrows.
        unsafe { BorrowedFd::borrow_raw(self.as_raw_fd()) }
    }

    fn read(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<usize>> + Send {
        SendWrapper::new(AsyncReadRent::read(&mut **self, buffer))
    }

    fn read_exact(&mut self, buffer: Box<[u8]>) -> impl Future<Output = Transfer<()>> + Send {
        SendWrapper::new(async move {
            let (read, buffer) = AsyncReadRentExt::read_exact(&mut **self, buffer).await;
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
                AsyncWriteRentExt::write_all(&mut **self, buffer.slice(..length)).await;
            (written.map(drop), part.into_inner())
        })
    }
}
