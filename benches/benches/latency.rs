//! `cargo bench --bench latency`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::harness::main(workloads::Kind::Latency, env!("CARGO_BIN_EXE_stampede"))
}
