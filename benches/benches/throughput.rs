//! `cargo bench --bench throughput`.

use std::process::ExitCode;

fn main() -> ExitCode {
    benches::harness::main(workloads::Kind::Throughput, env!("CARGO_BIN_EXE_stampede"))
}
