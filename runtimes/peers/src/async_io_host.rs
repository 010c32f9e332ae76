//! A guest in async-io's driver: our reactor waits there, and whoever turns that driver turns ours.
//!
//! smol's threads wait in `async_io::block_on`, which turns async-io's reactor when there is
//! nothing to run. A task waits there until our reactor has something, and takes a turn of it.

use std::future::pending;
use std::sync::Arc;

use async_io::Async;

use crate::driver::Driver;
use crate::own_net::async_net;
use runtimes::StartError;
use runtimes::reactor::Guest;

/// A reactor, and where it waits. The runtime is about to start so many `threads` of its own.
pub(super) fn start(threads: usize) -> Result<(Driver, Host), StartError> {
    let (driver, guest) = Driver::guest()?;
    // Last, and with room for what comes after: async-io's reactor stays for good.
    async_net::start_reactor(threads)?;
    // Registering is all that can fail: an epoll descriptor need not be made non-blocking.
    let place = Async::new_nonblocking(guest);
    let place = place.map_err(|source| StartError::Os { what: "place in async-io", source })?;
    Ok((driver, Host(Arc::new(place))))
}

/// What turns the reactor, for as long as somebody polls [`serve`](Self::serve).
#[derive(Clone, Debug)]
pub(super) struct Host(Arc<Async<Arc<Guest>>>);

impl Host {
    /// Takes a turn whenever there is something. Never ready.
    pub(super) async fn serve<T>(self) -> T {
        let Self(place) = self;
        // What a turn's caller has to forget before it (see `Guest`) is forgotten: async-io waits for
        // the level, and is told of it once for each wait. A turn fails once the reactor has shut
        // down, and the wait once async-io has.
        while place.get_ref().turn().is_ok() && place.readable().await.is_ok() {}
        pending().await
    }
}
