//! `stackful-200us`: `stackful` with time slices of 200 µs.

use std::time::Duration;

use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::runtime::Config;
use crate::stackful::{Preconfigured, Preset};

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: Length::NAME,
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 200 µs \
     in a preemptible region.",
    isolates: "A very short slice: where the cost of a signal for each begins to show.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Sliced,
};

/// The executor.
pub type Variant = Preconfigured<Length>;

/// The slice.
#[derive(Debug)]
pub enum Length {}

impl Preset for Length {
    const NAME: &'static str = "stackful-200us";

    fn apply(config: &mut Config) {
        config.slice.get_or_insert(Duration::from_micros(200));
    }
}
