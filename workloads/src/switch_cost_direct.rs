//! What it costs to suspend code in direct style and resume it, by how deep it is in calls.

use std::hint::black_box;
use std::pin::pin;

use runtimes::{Config, Runtime, Spawner, Suspend};

use crate::switching::{Member, PARAMS, config, sizes, switch_cost};
use crate::{DefaultRuntimes, Definition, Failure, Kind, Params, Sample, Workload};

/// The same as `switch_cost` in direct style: plain function calls, `depth` of them, and at the
/// bottom a call that suspends the whole stack. Resuming goes to the bottom at once, however deep
/// that is.
///
/// What suspends is called through a table of functions, so that nothing of the switch is inlined.
#[derive(Debug)]
pub struct SwitchCostDirect;

impl Workload for SwitchCostDirect {
    const DEFINITION: Definition = Definition {
        name: "switch_cost_direct",
        summary: "A crowd of tasks in direct style yields again and again, each from the bottom \
         of nested function calls.",
        shows: "the cost of suspending and resuming a whole stack, however deep the calls on it",
        unit: "switches",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::Only { runtimes: &["stackful", "may", "go"], workers: 1 },
        params: &PARAMS,
        small: &[("tasks", 20), ("depth", 5), ("switches", 5), ("largest", 10)],
    };

    fn config(workers: usize) -> Config {
        config(workers)
    }

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        switch_cost(runtime, params, iterations, spawn)
    }

    fn figures<R: Runtime>(
        runtime: &R,
        params: &Params,
    ) -> Result<Vec<(&'static str, f64)>, Failure> {
        sizes(runtime, params, spawn)
    }
}

fn spawn<S: Spawner>(spawner: &S, member: Member, depth: usize) -> Result<S::Join<u64>, Failure> {
    let task = spawner.go(move |stack| call(member, depth, stack));
    task.ok_or(Failure::NotOffered(
        "its tasks have no stack to suspend, or none that stays on its \
     thread",
    ))
}

/// `depth` calls, and the switches at the bottom. Returns the switches, and one for each level but
/// the last.
#[inline(never)]
fn call(member: Member, depth: usize, stack: &dyn Suspend) -> u64 {
    if depth > 1 {
        // Kept from becoming a loop.
        return black_box(call(member, depth - 1, stack)) + 1;
    }
    stack.wait(pin!(member.first_switch()));
    for _ in 0..member.yields() {
        stack.yield_now();
    }
    stack.wait(pin!(member.done()));
    member.finish()
}
