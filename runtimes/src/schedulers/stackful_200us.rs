//! `stackful-200us`: `stackful` with time slices of 200 µs.

use crate::card::{Body, Card, Origin, Workers};
use crate::stackful::Sliced;

/// What the registry knows.
pub const CARD: Card = Card {
    name: "stackful-200us",
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 200 µs in a preemptible region.",
    isolates: "A very short slice: where the cost of a signal for each begins to show.",
    origin: Origin::Ours,
    workers: Workers::Many,
    body: Body::Sliced,
};

/// The executor.
pub type Variant = Sliced<200>;
