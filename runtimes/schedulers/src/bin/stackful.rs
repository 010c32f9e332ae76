//! `stackful`: the policy of `work-stealing`, with tasks that have a stack of their own; and the same
//! engine with time slices, and without pooled stacks.
//!
//! Only the task body differs, see [`runtimes::stackful`]: what separates it from `work-stealing` on
//! a chart is the cost of switching stacks.

use std::process::ExitCode;
#[cfg(target_arch = "x86_64")]
use std::time::Duration;

use contestant::Entry;
use runtimes::policies::work_stealing::WorkStealing;
use runtimes::stackful::Stackful;
use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};

const STACKFUL: Descriptor = Descriptor {
    name: "stackful",
    summary: "The policy of work-stealing; each task is a coroutine (corosensei) on a pooled, \
     guarded stack of its own.",
    isolates: "A stack for each task against a future: its distance to work-stealing is what \
     switching stacks costs.",
    relatives: &["work-stealing", "may"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackful,
};

const UNPOOLED: Descriptor = Descriptor {
    name: "stackful-unpooled",
    summary: "stackful without its pool: each task that starts maps and guards a stack, and \
     unmaps it at its end.",
    isolates: "What pooling stacks saves: its distance to stackful is a mapping, a guard, a page \
     fault and an unmapping for each task.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Unpooled,
};

#[cfg(target_arch = "x86_64")]
const SLICES_OF_10_MS: Descriptor = Descriptor {
    name: "stackful-10ms",
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 10 ms in \
     a preemptible region.",
    isolates: "Go's default slice: its distance to stackful is what slicing changes and costs.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Sliced,
};

#[cfg(target_arch = "x86_64")]
const SLICES_OF_1_MS: Descriptor = Descriptor {
    name: "stackful-1ms",
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 1 ms in \
     a preemptible region.",
    isolates: "A short slice: how much more often the scheduler can step in, and for how much.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Sliced,
};

#[cfg(target_arch = "x86_64")]
const SLICES_OF_200_US: Descriptor = Descriptor {
    name: "stackful-200us",
    summary: "stackful; a monitor thread preempts by SIGURG a task that has computed for 200 µs \
     in a preemptible region.",
    isolates: "A very short slice: where the cost of a signal for each begins to show.",
    relatives: &["stackful"],
    origin: Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Sliced,
};

fn main() -> ExitCode {
    contestant::main::<Executor<WorkStealing, Stackful>>(&[
        Entry::new(&STACKFUL),
        Entry::configured(&UNPOOLED, &[("pool_stacks", "false")], |config| {
            config.pool_stacks = false;
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&SLICES_OF_10_MS, &[("slice_us", "10000")], |config| {
            config.slice.get_or_insert(Duration::from_millis(10));
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&SLICES_OF_1_MS, &[("slice_us", "1000")], |config| {
            config.slice.get_or_insert(Duration::from_millis(1));
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&SLICES_OF_200_US, &[("slice_us", "200")], |config| {
            config.slice.get_or_insert(Duration::from_micros(200));
        }),
    ])
}
