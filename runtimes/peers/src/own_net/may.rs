//! `may::net`, on the epoll instances of may's workers: calls that block the coroutine. A task of
//! ours on may is a coroutine, so the futures here block it inside its poll, and are ready at once.
//! Such a task can be aborted only between two transfers.
//!
//! The sockets are may's, and so is the waiting ([`WaitIo`], as its author's own servers use it),
//! but the transfers between two waits are done here. may's own calls look up `errno` again after
//! their coroutine has been suspended. The compiler takes its address for the same as before, and
//! in optimised builds the call that was resumed on another worker reads that of the former one:
//! instead of "try again" it then returns whatever failed there last. The calls of rustix do not
//! use `errno`.
//!
//! The functions that wait are not inlined into the poll: the coroutine may come back from them on
//! another thread, and nothing thread-local that a poll has looked up before may be used after
//! that.

use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, IntoRawFd, OwnedFd};

use may::io::WaitIo;
use may::net::{TcpListener, TcpStream};
use rustix::io::{Errno, retry_on_intr};
use rustix::net::{AddressFamily, RecvFlags, SendFlags, SocketFlags, SocketType, sockopt};

use crate::rehearsal;
use runtimes::sockets::{Listener, Sockets, Stream, Transfer};

const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// may's sockets.
#[derive(Clone, Copy, Debug)]
pub struct MaySockets;

impl Sockets for MaySockets {
    type Listener = MayListener;
    type Stream = MayStream;

    async fn listen(&self, address: SocketAddr) -> io::Result<MayListener> {
        TcpListener::bind(address).map(MayListener)
    }

    async fn connect(&self, address: SocketAddr) -> io::Result<MayStream> {
        connect(address).map(MayStream)
    }
}

/// may's listener.
#[derive(Debug)]
pub struct MayListener(TcpListener);

impl Listener for MayListener {
    type Stream = MayStream;

    fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }

    async fn accept(&mut self) -> io::Result<MayStream> {
        accept(&self.0).map(MayStream)
    }
}

/// may's stream.
#[derive(Debug)]
pub struct MayStream(TcpStream);

impl Stream for MayStream {
    fn descriptor(&self) -> BorrowedFd<'_> {
        self.0.inner().as_fd()
    }

    async fn read(&mut self, mut buffer: Box<[u8]>) -> Transfer<usize> {
        (read(&self.0, &mut buffer), buffer)
    }

    async fn read_exact(&mut self, mut buffer: Box<[u8]>) -> Transfer<()> {
        (read_exact(&self.0, &mut buffer), buffer)
    }

    async fn write_all(&mut self, buffer: Box<[u8]>, length: usize) -> Transfer<()> {
        (write_all(&self.0, &buffer[..length]), buffer)
    }
}

/// Calls `attempt` until it does something else than to ask for another try, and waits for an event
/// of `socket` in between. An event that comes before the wait ends it at once.
fn when_ready<T>(
    socket: &impl WaitIo,
    mut attempt: impl FnMut() -> Result<T, Errno>,
) -> io::Result<T> {
    loop {
        match retry_on_intr(&mut attempt) {
            // Whatever the event was, the next attempt finds out.
            Err(Errno::AGAIN) => _ = socket.wait_io(),
            other => return Ok(other?),
        }
    }
}

/// Registers a socket with may's reactor.
fn adopt(socket: OwnedFd) -> io::Result<TcpStream> {
    // SAFETY: the descriptor was owned until here. may panics, and closes it, when it cannot
    // register it.
    rehearsal::or_panic(|| unsafe { TcpStream::from_raw_fd(socket.into_raw_fd()) })
}

#[inline(never)]
fn connect(address: SocketAddr) -> io::Result<TcpStream> {
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = rustix::net::socket_with(family, SocketType::STREAM, FLAGS, None)?;
    match rustix::net::connect(&socket, &address) {
        // Interrupted, it goes on by itself.
        Ok(()) | Err(Errno::INPROGRESS | Errno::INTR) => {}
        Err(refused) => return Err(refused.into()),
    }
    let stream = adopt(socket)?;
    when_ready(&stream, || {
        sockopt::socket_error(stream.inner())??;
        match rustix::net::getpeername(stream.inner()) {
            Err(Errno::NOTCONN) => Err(Errno::AGAIN),
            other => other,
        }
    })?;
    Ok(stream)
}

#[inline(never)]
fn accept(listener: &TcpListener) -> io::Result<TcpStream> {
    adopt(when_ready(listener, || rustix::net::accept_with(listener.inner(), FLAGS))?)
}

#[inline(never)]
fn read(stream: &TcpStream, buffer: &mut [u8]) -> io::Result<usize> {
    when_ready(stream, || {
        rustix::net::recv(stream.inner(), &mut *buffer, RecvFlags::empty()).map(|(read, _)| read)
    })
}

fn read_exact(stream: &TcpStream, mut buffer: &mut [u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match read(stream, buffer)? {
            0 => return Err(io::ErrorKind::UnexpectedEof.into()),
            n => buffer = &mut buffer[n..],
        }
    }
    Ok(())
}

#[inline(never)]
fn write(stream: &TcpStream, buffer: &[u8]) -> io::Result<usize> {
    when_ready(stream, || rustix::net::send(stream.inner(), buffer, SendFlags::NOSIGNAL))
}

fn write_all(stream: &TcpStream, mut buffer: &[u8]) -> io::Result<()> {
    while !buffer.is_empty() {
        match write(stream, buffer)? {
            0 => return Err(io::ErrorKind::WriteZero.into()),
            n => buffer = &buffer[n..],
        }
    }
    Ok(())
}
