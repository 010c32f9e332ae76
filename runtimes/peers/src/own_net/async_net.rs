//! async-net on async-io: the pair that smol recommends with async-executor. Its reactor is the
//! process's, turned by threads in `async_io::block_on` and by one of its own.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use async_net::{TcpListener, TcpStream};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt};

use crate::rehearsal;
use runtimes::StartError;
use runtimes::sockets::{Listener, Sockets, Stream, Transfer};

/// Descriptors of async-io's reactor: an epoll instance, an eventfd and a timerfd.
const DESCRIPTORS: usize = 3;

/// Starts the process's reactor and its thread, if nobody has: async-io panics at its first use
/// when it cannot. So many `threads` must have room beside it.
pub(crate) fn start_reactor(threads: usize) -> Result<(), StartError> {
    static STARTED: Mutex<bool> = Mutex::new(false);
    let mut started = STARTED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*started {
        rehearsal::threads(threads + 1)?;
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
    type Listener = AsyncNetListener;
    type Stream = AsyncNetStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<AsyncNetListener> {
        TcpListener::bind(address).await.map(AsyncNetListener)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<AsyncNetStream> {
        TcpStream::connect(address).await.map(AsyncNetStream)
    }
}

/// async-net's listener.
#[derive(Debug)]
pub struct AsyncNetListener(TcpListener);

impl Listener for AsyncNetListener {
    type Stream = AsyncNetStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<AsyncNetStream> {
        let (stream, _) = self.0.accept().await?;
        Ok(AsyncNetStream(stream))
    }
}

/// async-net's stream.
#[derive(Debug)]
pub struct AsyncNetStream(TcpStream);

impl Stream for AsyncNetStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }

    async fn read(&mut self, mut buffer: Box<[u8]>) -> Transfer<usize> {
        (AsyncReadExt::read(&mut self.0, &mut buffer).await, buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        (AsyncReadExt::read_exact(&mut self.0, &mut buffer).await, buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (AsyncWriteExt::write_all(&mut self.0, &buffer[..length]).await, buffer)
    }
}
