//! The registry of other people's executors, each behind our outer trait and on our reactor.

crate::registry::registry! { peers, for_each_peer, $, [] }
