//! Closing connections without leaving their ports behind.

use std::os::fd::AsFd;
use std::time::Duration;

use rustix::net::sockopt::set_socket_linger;

use crate::Failure;
use crate::workload::io;

/// Makes closing `socket` send a reset and forget the connection at once, on both ends.
///
/// An orderly close keeps the port of whoever closes first in TIME_WAIT for a minute; some 28,000
/// connections later there is none left. A reset discards what the other end has not received, so
/// only the end that closes last, or has verified its answer, may use it.
pub(crate) fn reset_on_close(socket: impl AsFd) -> Result<(), Failure> {
    // A linger time of zero never blocks the close, unlike any other.
    set_socket_linger(socket, Some(Duration::ZERO)).map_err(|e| io("setting SO_LINGER")(e.into()))
}
