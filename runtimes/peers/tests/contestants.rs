//! Every program of this package checks itself and runs every workload:
//! `cargo test -p peers NAME::wakers` asks one runtime about one theme.

/// What a peer cannot run: it comes without sockets, lets nothing in from outside beside tasks that
/// compute and yield, or keeps no stack on its thread.
const LEFT_OUT: contestant::testing::LeftOut = &[
    ("futures-local", "tcp_echo_own"),
    ("futures-pool", "tcp_echo_own"),
    ("futures-pool", "spawn_remote_busy"),
    ("may", "spawn_remote_busy"),
    ("may", "switch_cost_direct"),
    ("monoio", "spawn_remote_busy"),
];

fn main() -> std::process::ExitCode {
    contestant::testing::main(LEFT_OUT)
}
