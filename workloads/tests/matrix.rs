//! Every workload on every registered runtime, with small parameters: the results must verify.

mod support;

use runtimes::{Config, Runtime, StartError};
use workloads::{Failure, Kind, Workload};

/// What a runtime cannot run: it comes without sockets, or lets nothing in from outside beside tasks
/// that compute and yield.
const LEFT_OUT: [(&str, &str); 5] = [
    ("futures_local", "tcp_echo_own"),
    ("futures_pool", "tcp_echo_own"),
    ("futures_pool", "spawn_remote_busy"),
    ("may", "spawn_remote_busy"),
    ("monoio", "spawn_remote_busy"),
];

fn verify<R: Runtime, W: Workload>(name: &str) {
    for workers in [1, 2] {
        match R::start(&Config::new(workers)) {
            // Its own threads are one, or those of the whole process: one, since all tests begin with one.
            Err(StartError::Workers { limit: 1, .. } | StartError::SharedWorkers { running: 1, .. }) => {
                assert_eq!(workers, 2, "every runtime accepts one worker");
                continue;
            }
            started => drop(started),
        }
        let of = |iterations| match support::run::<R, W>(workers, iterations) {
            Ok(sample) => Some(sample),
            Err(Failure::NotOffered(_)) => None,
            Err(failure) => panic!("{} with {workers} workers: {failure}", W::CARD.name),
        };
        let (Some(one), Some(two)) = (of(1), of(2)) else {
            let stackless = !(name.starts_with("stackful") || name == "may");
            let expected =
                LEFT_OUT.contains(&(name, W::CARD.name)) || W::CARD.name == "switch_cost_direct" && stackless;
            assert!(expected, "{name} leaves {} out", W::CARD.name);
            continue;
        };
        assert!(one.operations > 0 && !one.elapsed.is_zero(), "{one:?}");
        assert_eq!(two.operations, 2 * one.operations, "operations do not follow the iterations");
        if W::CARD.kind == Kind::Latency {
            assert!(!one.histograms.is_empty(), "a latency workload shows no distribution");
        }
        for (name, histogram) in &two.histograms {
            let part = *name == "short" && (1..=two.operations).contains(&histogram.len());
            assert!(part || histogram.len() == two.operations, "{name} does not hold every operation");
        }
        assert_eq!(one.bytes_per_operation.is_some(), W::CARD.kind == Kind::Memory);
        for (name, value) in &one.figures {
            assert!(value.is_finite(), "{name} is {value}");
        }
    }
}

macro_rules! case {
    ($workload:ident, $Workload:path) => {
        #[test]
        fn $workload() {
            crate::verify::<Under, $Workload>(NAME);
        }
    };
}

macro_rules! on_runtime {
    ($runtime:ident, $Variant:path) => {
        mod $runtime {
            type Under = $Variant;
            const NAME: &str = stringify!($runtime);
            workloads::for_each_workload!(case);
        }
    };
}

runtimes::for_each_runtime!(on_runtime);
