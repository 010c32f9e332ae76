//! Tasks that are preempted by signals: nothing they compute changes, and everything around them goes on.
#![cfg(target_arch = "x86_64")]

mod hogs;
mod registers;

use std::time::Duration;

use runtimes::metrics::{Counter, Snapshot};
use runtimes::schedulers::stackful::Variant;
use runtimes::{Config, Runtime};

/// A runtime that slices.
fn start(workers: usize, slice: Duration) -> Variant {
    let mut config = Config::new(workers);
    config.slice = Some(slice);
    Variant::start(&config).unwrap()
}

fn preemptions(metrics: &Snapshot) -> u64 {
    metrics.get(Counter::Preemptions).unwrap()
}
