//! A guest in monoio's driver: a task waits there until our reactor has something, and takes a turn
//! of it.
//!
//! monoio registers nothing but its own types. Its `TcpStream` asks a descriptor for readiness and
//! for no more, so it serves for a copy of the reactor's epoll descriptor, which is never read.

use std::net;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;

use futures_channel::oneshot;
use futures_lite::future::or;
use monoio::net::TcpStream;
use runtimes::StartError;
use runtimes::reactor::Guest;

use crate::driver::Driver;

/// A reactor, and what waits for it once monoio runs: only there one can register and spawn.
pub(super) fn start() -> Result<(Driver, Host, End), StartError> {
    let (driver, guest) = Driver::guest()?;
    let copy = guest.as_fd().try_clone_to_owned();
    let copy = copy.map_err(|source| StartError::Os { what: "place in monoio", source })?;
    let (end, ended) = oneshot::channel();
    Ok((driver, Host { guest, copy, ended }, End(end)))
}

/// Dropped, it ends the task: monoio's driver keeps the waker of a task that waits in it, which
/// keeps the task, which keeps the driver.
#[derive(Debug)]
pub(super) struct End(#[expect(dead_code, reason = "it tells by its end")] oneshot::Sender<()>);

/// What turns the reactor, for as long as somebody polls [`serve`](Self::serve).
#[derive(Debug)]
pub(super) struct Host {
    guest: Arc<Guest>,
    copy: OwnedFd,
    ended: oneshot::Receiver<()>,
}

impl Host {
    /// Takes a turn whenever there is something, until [`End`] is dropped.
    ///
    /// # Panics
    /// When the kernel has no memory for one more registration.
    pub(super) async fn serve(self) {
        let Self { guest, copy, ended } = self;
        let place = TcpStream::from_std(net::TcpStream::from(copy));
        let place = place.expect("registering a descriptor fails only for want of memory");
        // monoio keeps an edge until a poll(2) finds the descriptor not readable, which it is not
        // after a turn: the next edge is one that nobody has forgotten (see `Guest`). `false` asks
        // for that poll: an edge that the turn has taken already must not be another turn.
        let serves = async { while guest.turn().is_ok() && place.readable(false).await.is_ok() {} };
        or(serves, async { _ = ended.await }).await;
    }
}
