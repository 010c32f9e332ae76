//! The peers' own sockets behind the traits of [`sockets`](runtimes::sockets): one file a family.

pub(super) mod async_net;
pub(super) mod may;
pub(super) mod monoio;
pub(super) mod tokio;
