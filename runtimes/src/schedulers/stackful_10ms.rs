//! `stackful-10ms`: `stackful` with time slices of 10 ms.

use std::time::Duration;

use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::runtime::Config;
use crate::stackful::{Preconfigured, Preset};

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: Length::NAME,
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 10 ms in \
     a preemptible region.",
    isolates: "Go's default slice: its distance to stackful is what slicing changes and costs.",
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
    const NAME: &'static str = "stackful-10ms";

    fn apply(config: &mut Config) {
        config.slice.get_or_insert(Duration::from_millis(10));
    }
}
