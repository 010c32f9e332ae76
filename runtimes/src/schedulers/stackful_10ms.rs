//! `stackful-10ms`: `stackful` with time slices of 10 ms.

use crate::card::{Body, Card, Origin, Workers};
use crate::stackful::Sliced;

/// What the registry knows.
pub const CARD: Card = Card {
    name: "stackful-10ms",
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 10 ms in a preemptible region.",
    isolates: "Go's default slice: its distance to stackful is what slicing changes and costs.",
    origin: Origin::Ours,
    workers: Workers::Many,
    body: Body::Sliced,
};

/// The executor.
pub type Variant = Sliced<10_000>;
