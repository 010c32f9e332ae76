//! Sockets as leaf futures: accept, connect, read, write on a reactor of the caller's choice.
//!
//! Every method takes `&self`, allocates nothing, and works on any executor: it needs the waker of
//! the task that awaits it and a reactor that somebody drives. Several tasks may use one socket;
//! each direction wakes all who wait for it.
//!
//! Dropping the future of a single transfer (`read`, `write`, `accept`, `recv`, …) loses nothing.
//! Dropping `read_exact` or `write_all` loses the count of what was done so far.
//!
//! # Errors
//! Those of the system call, as the kernel gives them, except that `EINTR` is repeated; and when
//! the reactor has shut down ([`is_shut_down_error`](crate::reactor::is_shut_down_error)).

mod accept;
mod own;
mod stream;
mod tcp;
mod udp;
mod unix;

pub use own::NetSockets;
pub use tcp::{TcpListener, TcpStream};
pub use udp::UdpSocket;
pub use unix::{UnixListener, UnixStream};

use rustix::net::{AddressFamily, SocketFlags};
use std::net::SocketAddr;

/// Every socket of ours: never blocks, and is closed by `exec`.
const FLAGS: SocketFlags = SocketFlags::NONBLOCK.union(SocketFlags::CLOEXEC);

/// Connections that may wait to be accepted; the kernel lowers it to its own limit
/// (`net.core.somaxconn`).
const BACKLOG: i32 = 4096;

fn family(address: &SocketAddr) -> AddressFamily {
    match address {
        SocketAddr::V4(_) => AddressFamily::INET,
        SocketAddr::V6(_) => AddressFamily::INET6,
    }
}
