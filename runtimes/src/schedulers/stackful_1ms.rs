//! `stackful-1ms`: `stackful` with time slices of 1 ms.

use std::time::Duration;

use crate::descriptor::{Descriptor, Origin, TaskKind, Workers};
use crate::runtime::Config;
use crate::stackful::{Preconfigured, Preset};

/// What the registry knows.
pub const DESCRIPTOR: Descriptor = Descriptor {
    name: Length::NAME,
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 1 ms in \
     a preemptible region.",
    isolates: "A short slice: how much more often the scheduler can step in, and for how much.",
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
    const NAME: &'static str = "stackful-1ms";

    fn apply(config: &mut Config) {
        config.slice.get_or_insert(Duration::from_millis(1));
    }
}
