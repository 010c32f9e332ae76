//! Sockets that look as if they blocked: only the calling direct-style code waits, not its worker.
//!
//! All methods that wait panic as [`wait`](super::wait) does when they are called elsewhere. Called
//! by a destructor while the code unwinds, where it cannot be suspended, they fail with
//! [`Unwinding`].

use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};

use super::{Unwinding, try_wait};
use crate::net;
use crate::reactor::Handle;

/// [`super::wait`] for what can say that it cannot wait.
#[inline(always)]
fn wait<T>(future: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    try_wait(future).unwrap_or_else(|Unwinding| Err(io::Error::other(Unwinding)))
}

/// A listening TCP socket for direct-style code.
#[derive(Debug)]
pub struct TcpListener(net::TcpListener);

impl TcpListener {
    /// Binds and listens; port 0 lets the system choose.
    ///
    /// # Errors
    /// As [`net::TcpListener::bind`].
    pub fn bind(reactor: &Handle, address: impl Into<SocketAddr>) -> io::Result<Self> {
        net::TcpListener::bind(reactor, address).map(Self)
    }

    /// Waits for a connection.
    ///
    /// # Errors
    /// As [`net::TcpListener::accept`].
    pub fn accept(&self) -> io::Result<(TcpStream, SocketAddr)> {
        let (stream, peer) = wait(self.0.accept())?;
        Ok((TcpStream(stream), peer))
    }

    /// The address it is bound to.
    ///
    /// # Errors
    /// What `getsockname` says.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.0.local_addr()
    }
}

impl From<net::TcpListener> for TcpListener {
    fn from(listener: net::TcpListener) -> Self {
        Self(listener)
    }
}

/// A TCP connection for direct-style code. It reads and writes through [`Read`] and [`Write`], so
/// buffered readers and everything else that is written for blocking streams works with it.
#[derive(Debug)]
pub struct TcpStream(net::TcpStream);

impl TcpStream {
    /// Connects, and waits until the connection stands.
    ///
    /// # Errors
    /// As [`net::TcpStream::connect`].
    pub fn connect(reactor: &Handle, address: impl Into<SocketAddr>) -> io::Result<Self> {
        wait(net::TcpStream::connect(reactor, address)).map(Self)
    }

    /// Closes one or both directions.
    ///
    /// # Errors
    /// What `shutdown` says.
    pub fn shutdown(&self, how: Shutdown) -> io::Result<()> {
        self.0.shutdown(how)
    }

    /// The asynchronous stream itself.
    pub fn get_ref(&self) -> &net::TcpStream {
        &self.0
    }
}

impl From<net::TcpStream> for TcpStream {
    fn from(stream: net::TcpStream) -> Self {
        Self(stream)
    }
}

/// Through a shared reference too, as for the standard library's stream: one task reads while
/// another writes.
impl Read for &TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        wait(self.0.read(buffer))
    }
}

impl Write for &TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        wait(self.0.write(bytes))
    }

    /// Does nothing: what was written is with the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Read for TcpStream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        (&*self).read(buffer)
    }
}

impl Write for TcpStream {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        (&*self).write(bytes)
    }

    /// Does nothing: what was written is with the kernel.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
