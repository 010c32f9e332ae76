//! Small parameters, for tests of runtimes and of the workloads themselves.

/// Parameters with which a workload takes milliseconds. A workload that is not listed runs as it
/// is.
pub fn small_params(workload: &str) -> &'static [(&'static str, u64)] {
    match workload {
        "spawn_many_local" | "spawn_many_remote" => &[("tasks", 500)],
        "spawn_remote_busy" => &[("tasks", 20), ("steps", 1_000)],
        "pair_compute" | "nested_compute" => &[("steps", 1_000)],
        "thread_ping_pong" => &[("round_trips", 20)],
        "slot_pair" => &[("rounds", 10), ("compute_us", 100)],
        "driver_gap" => &[("rounds", 6), ("compute_us", 500), ("gap_us", 100)],
        "flood" => &[("pings", 5), ("interval_us", 1_000), ("flood_ms", 20)],
        "chained_spawn" => &[("links", 200)],
        "yield_many" => &[("tasks", 20), ("yields", 50)],
        "ping_pong" => &[("pairs", 100)],
        "skynet" => &[("levels", 3)],
        "fib" => &[("n", 11)],
        "mpsc" => &[("messages", 100), ("capacity", 7)],
        "ring" => &[("tasks", 20), ("laps", 20)],
        "wake_storm" => &[("waiters", 20), ("storms", 10)],
        "remote_wake" => &[("threads", 2), ("tasks", 20), ("bursts", 5)],
        "timers" => &[("timers", 500), ("lead_ms", 5), ("spread_ms", 20)],
        "trickle" => &[("tasks", 10), ("wakes", 25), ("interval_us", 200), ("idle_ms", 2)],
        "idle_memory" => &[("tasks", 2_500)],
        "tcp_echo" | "tcp_echo_own" => &[("connections", 8), ("round_trips", 10)],
        "accept_storm" => &[("clients", 4), ("connections", 10)],
        // At 20 %, so that the run is short of overload even when all tests share two cores.
        "poisson" => &[("requests", 1_000), ("load_percent", 20), ("max_drift_percent", 100)],
        "switch_cost" | "switch_cost_direct" => &[("tasks", 20), ("depth", 5), ("switches", 5), ("largest", 10)],
        "dispersion_fixed" | "dispersion_exponential" | "dispersion_bimodal" => {
            &[("requests", 300), ("service_us", 20), ("load_percent", 20), ("max_drift_percent", 100)]
        }
        "ping_pong_hog" => &[("trips", 200), ("hog_ms", 10)],
        "greedy_classes" => &[("rounds", 200), ("turn", 40)],
        "tight_loop" => &[("tasks", 50), ("loop_ms", 10)],
        "hog_latency" | "hog_latency_budget" => &[("requests", 100), ("hog_ms", 5)],
        // Two hogs, so that the third task is one of them for the tests of faults.
        "hog_latency_spare" => &[("requests", 100), ("hog_ms", 5), ("hogs", 2)],
        _ => &[],
    }
}
