//! UDP: datagrams to and from anywhere, or one peer.

use std::future::Future;
use std::io;
use std::net::SocketAddr;
use std::os::fd::{AsFd, BorrowedFd};

use rustix::net::{RecvFlags, SendFlags, SocketType};

use super::{FLAGS, family};
use crate::reactor::{Handle, Interest, Left, Source};

/// A UDP socket.
///
/// Nothing is concluded from the size of a datagram: the socket counts as empty when the kernel
/// says so.
#[derive(Debug)]
pub struct UdpSocket {
    source: Source<std::net::UdpSocket>,
}

impl UdpSocket {
    /// A socket bound to `address`.
    ///
    /// # Errors
    /// Those of `socket`, `bind`, and [`Source::new`].
    pub fn bind(handle: &Handle, address: impl Into<SocketAddr>) -> io::Result<Self> {
        let address = address.into();
        let socket = rustix::net::socket_with(family(&address), SocketType::DGRAM, FLAGS, None)?;
        rustix::net::bind(&socket, &address)?;
        Ok(Self { source: Source::new(handle, socket.into())? })
    }

    /// Takes over a socket of the standard library and makes it non-blocking.
    ///
    /// # Errors
    /// Those of [`Source::new`].
    pub fn from_std(handle: &Handle, socket: std::net::UdpSocket) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { source: Source::new(handle, socket)? })
    }

    /// Fixes the peer for [`send`](Self::send) and [`recv`](Self::recv). Never waits.
    ///
    /// # Errors
    /// Those of `connect`.
    pub fn connect(&self, peer: impl Into<SocketAddr>) -> io::Result<()> {
        Ok(rustix::net::connect(&self.source, &peer.into())?)
    }

    /// Sends one datagram to `target`.
    pub fn send_to<'a>(
        &'a self,
        datagram: &'a [u8],
        target: impl Into<SocketAddr>,
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        let target = target.into();
        self.source.attempt(Interest::Writable, move |socket, _| {
            let n = rustix::net::sendto(socket, datagram, SendFlags::NOSIGNAL, &target)?;
            Ok((n, Left::Unknown))
        })
    }

    /// Receives one datagram, cut to the length of `buffer`, and its sender.
    pub fn recv_from<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<(usize, SocketAddr)>> + Send + 'a {
        self.source.attempt(Interest::Readable, move |socket, _| {
            let (n, _, sender) = rustix::net::recvfrom(socket, &mut *buffer, RecvFlags::empty())?;
            let sender = sender.ok_or_else(|| io::Error::other("the kernel gave no sender"))?;
            Ok(((n, SocketAddr::try_from(sender)?), Left::Unknown))
        })
    }

    /// Sends one datagram to the connected peer.
    pub fn send<'a>(
        &'a self,
        datagram: &'a [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.source.attempt(Interest::Writable, move |socket, _| {
            Ok((rustix::net::send(socket, datagram, SendFlags::NOSIGNAL)?, Left::Unknown))
        })
    }

    /// Receives one datagram of the connected peer, cut to the length of `buffer`.
    ///
    /// # Errors
    /// Also those that earlier datagrams ran into, such as `ECONNREFUSED`.
    pub fn recv<'a>(
        &'a self,
        buffer: &'a mut [u8],
    ) -> impl Future<Output = io::Result<usize>> + Send + 'a {
        self.source.attempt(Interest::Readable, move |socket, _| {
            let (n, _) = rustix::net::recv(socket, &mut *buffer, RecvFlags::empty())?;
            Ok((n, Left::Unknown))
        })
    }

    /// The address to which it is bound.
    ///
    /// # Errors
    /// Those of `getsockname`.
    pub fn local_addr(&self) -> io::Result<SocketAddr> {
        self.source.get_ref().local_addr()
    }
}

impl AsFd for UdpSocket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.source.as_fd()
    }
}
