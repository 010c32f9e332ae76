//! Nothing is left after 1,000 starts and stops of a peer: no descriptor, no thread, no memory.
//!
//! One test in a process of its own, because it counts what the whole process holds.

#[path = "../../tests/leaks/holdings.rs"]
mod holdings;

use holdings::{Leavings, check};
use peers::{
    async_executor, async_local, async_static, futures_local, futures_pool, may, monoio, tokio_ct,
    tokio_mt,
};

#[test]
fn a_thousand_starts_and_stops_leave_nothing() {
    let nothing = Leavings::default();
    check::<tokio_ct::Variant>("tokio-ct", 1, nothing);
    check::<tokio_mt::Variant>("tokio-mt", 2, nothing);
    check::<async_executor::Variant>("async-executor", 2, nothing);
    // A StaticExecutor is leaked.
    check::<async_static::Variant>("async-static", 2, Leavings { bytes: 4_096, ..nothing });
    check::<async_local::Variant>("async-local", 1, nothing);
    check::<futures_local::Variant>("futures-local", 1, nothing);
    check::<futures_pool::Variant>("futures-pool", 2, nothing);
    check::<may::Variant>("may", 2, nothing);
    // It keeps, for each thread that ever woke one of its tasks from outside, a channel's end per
    // runtime, until that thread ends: one cycle is one thread then, and nothing may be left when
    // it has ended.
    check::<monoio::Variant>("monoio", 1, Leavings { in_threads: true, ..nothing });
}
