//! `may::net`, on the epoll instances of may's workers: calls that block the coroutine. A task of ours on may is a
//! coroutine, so the futures here block it inside its poll, and are ready at once. Such a task can be aborted only
//! between two transfers.
//!
//! The calls are not inlined into the poll: the coroutine may come back from them on another thread, and nothing
//! thread-local that a poll has looked up before may be used after that.

use std::io::{self, Read, Write};
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use may::net::{TcpListener, TcpStream};

use crate::sockets::{Listener, Sockets, Stream, Transfer};

/// may's sockets.
#[derive(Clone, Copy, Debug)]
pub struct MaySockets;

impl Sockets for MaySockets {
    type Listener = TcpListener;
    type Stream = TcpStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<TcpListener> {
        TcpListener::bind(address)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<TcpStream> {
        connect(address)
    }
}

impl Listener for TcpListener {
    type Stream = TcpStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.local_addr()
    }

    async fn accept(&mut self) -> io::Result<TcpStream> {
        accept(self)
    }
}

impl Stream for TcpStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.inner().as_fd()
    }

    async fn read(&mut self, mut buffer: Box<[u8]>) -> Transfer<usize> {
        (read(self, &mut buffer), buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        (read_exact(self, &mut buffer), buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (write_all(self, &buffer[..length]), buffer)
    }
}

#[inline(never)]
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    TcpStream::connect(address)
}

#[inline(never)]
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    let (stream, _) = listener.accept()?;
    Ok(stream)
}

#[inline(never)]
fn read(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    Read::read(stream, buffer)
}

#[inline(never)]
fn read_exact(stream: &mut TcpStream, buffer: &mut [u8]) -> io::Result<()> {
    Read::read_exact(stream, buffer)
}

#[inline(never)]
fn write_all(stream: &mut TcpStream, buffer: &[u8]) -> io::Result<()> {
    Write::write_all(stream, buffer)
}
