//! Taking connections off a listening socket: what TCP and Unix listeners share.
//!
//! # Edges and errors
//! An accept that fails for lack of descriptors (`EMFILE`, `ENFILE`) or memory leaves the
//! connection in the kernel's queue, and epoll has reported its edge already. So such an error
//! keeps the listener's readiness: the next accept asks the kernel at once. Only "would block" ever
//! clears it.

use std::future::Future;
use std::io;
use std::os::fd::{AsFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{SocketAddrAny, acceptfrom_with};

use super::FLAGS;
use crate::reactor::{Interest, Left, Source};

/// The next connection, as a non-blocking socket, and the address of its peer if it has one.
pub(super) fn accept<T: AsFd>(
    listener: &Source<T>,
) -> impl Future<Output = io::Result<(OwnedFd, Option<SocketAddrAny>)>> + use<'_, T> {
    listener.attempt(Interest::Readable, |socket, _| {
        loop {
            match acceptfrom_with(socket, FLAGS) {
                Ok(accepted) => return Ok((accepted, Left::Unknown)),
                Err(error) if is_of_the_connection(error) => {}
                Err(error) => return Err(error.into()),
            }
        }
    })
}

/// Whether an error of `accept4` is about the one connection that it took off the queue. Linux
/// passes errors that are pending on the new socket through; accept(2) says to treat them like "try
/// again". Each retry takes a connection, so it ends.
fn is_of_the_connection(error: Errno) -> bool {
    matches!(
        error,
        Errno::CONNABORTED
            | Errno::NETDOWN
            | Errno::PROTO
            | Errno::NOPROTOOPT
            | Errno::HOSTDOWN
            | Errno::NONET
            | Errno::HOSTUNREACH
            | Errno::NETUNREACH
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_errors_of_one_connection_are_skipped() {
        for error in [Errno::CONNABORTED, Errno::PROTO, Errno::HOSTUNREACH] {
            assert!(is_of_the_connection(error), "{error}");
        }
        for error in [
            Errno::MFILE,
            Errno::NFILE,
            Errno::NOBUFS,
            Errno::NOMEM,
            Errno::AGAIN,
            Errno::INVAL,
            Errno::INTR,
        ] {
            assert!(!is_of_the_connection(error), "{error}");
        }
    }
}
