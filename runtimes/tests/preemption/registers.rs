//! A hundred thousand preemptions of code that would notice one wrong bit.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;

use runtimes::stackful::{go, preemptible};
use runtimes::{Runtime, Spawner};

use super::hogs::{State, hogs};
use super::{preemptions, start};

const PREEMPTIONS: u64 = 100_000;
const ROUNDS: u64 = 20_000;

#[test]
fn registers_are_bit_exact_over_a_hundred_thousand_preemptions() {
    let runtime = start(2, Duration::from_micros(20));
    let done = Arc::new(AtomicBool::new(false));
    let mut tasks = Vec::new();
    for (n, (name, hog)) in hogs().into_iter().enumerate() {
        for driving_a_future in [false, true] {
            let done = done.clone();
            // Not on the small stacks, which unoptimised code would copy them across several times.
            let (start, mut expected) =
                (Box::new(State::new(n as u64)), Box::new(State::new(n as u64)));
            // SAFETY: the state has room for all that the hog reads and writes.
            unsafe { hog(&mut *expected, ROUNDS) };
            assert_ne!(start, expected);
            let body = move || {
                let (mut calls, mut state) = (0u64, start.clone());
                while !done.load(Relaxed) {
                    state.clone_from(&start);
                    // SAFETY: as above; it uses nothing but registers and its own state.
                    unsafe { preemptible(|| hog(&mut *state, ROUNDS)) };
                    assert!(state == expected, "{name}, call {calls}:\n{state:x?}\n{expected:x?}");
                    calls += 1;
                }
                calls
            };
            let task = if driving_a_future {
                runtime.spawner().spawn(async move { body() })
            } else {
                go(runtime.spawner(), body)
            };
            tasks.push((name, task));
        }
    }
    while preemptions(&runtime.metrics()) < PREEMPTIONS {
        if tasks.iter().any(|(_, task)| task.is_finished()) {
            break;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    done.store(true, Relaxed);
    for (name, task) in tasks {
        let calls = runtime.block_on(task).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert!(calls > 0, "{name}");
    }
    let stats = runtime.slicing().unwrap();
    let metrics = runtime.shutdown();
    metrics.check_final().unwrap();
    assert!(preemptions(&metrics) >= PREEMPTIONS, "{metrics:?}");
    assert_eq!(stats.overrun_ns.len(), preemptions(&metrics));
}
