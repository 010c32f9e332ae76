//! `stackful-10ms`: `stackful` with time slices of 10 ms.

use std::time::Duration;

use crate::card::{Body, Card, Origin, Workers};
use crate::stackful::{Slice, Sliced};

/// What the registry knows.
pub const CARD: Card = Card {
    name: Length::NAME,
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 10 ms in a preemptible region.",
    isolates: "Go's default slice: its distance to stackful is what slicing changes and costs.",
    origin: Origin::Ours,
    workers: Workers::Many,
    body: Body::Sliced,
};

/// The executor.
pub type Variant = Sliced<Length>;

/// The slice.
#[derive(Debug)]
pub enum Length {}

impl Slice for Length {
    const NAME: &'static str = "stackful-10ms";
    const LENGTH: Duration = Duration::from_millis(10);
}
