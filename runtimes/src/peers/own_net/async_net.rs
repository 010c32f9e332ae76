//! async-net on async-io: the pair that smol recommends with async-executor. Its reactor is the
//! process's, turned by threads in `async_io::block_on` and by one of its own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_net::{TcpListener, TcpStream};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

use crate::StartError;
use crate::peers::rehearsal;
use crate::sockets::{Listener, Sockets, Stream, Transfer};

/// Descriptors of async-io's reactor: an epoll instance, an eventfd and a timerfd.
const DESCRIPTORS: usize = 3;

/// Starts the process's reactor and its thread, if nobody has: async-io panics at its first use
/// when it cannot.
pub(in crate::peers) fn start_reactor() -> Result<(), StartError> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        rehearsal::threads(1)?;
        rehearsal::descriptors(DESCRIPTORS)?;
        let first_use =
            rehearsal::or_panic(|| async_io::block_on(async_io::Timer::after(Duration::ZERO)));
        first_use.map_err(|source| StartError::Os { what: "reactor of async-io", source })?;
        *started = true;
    }
    Ok(())
}

/// async-net's sockets.
#[derive(Clone, Copy, Debug)]
pub struct AsyncNet;

impl Sockets for AsyncNet {
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
        (AsyncReadExt::read_exact(self, &mut buffer).await, buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (AsyncWriteExt::write_all(self, &buffer[..length]).await, buffer)
    }
}
