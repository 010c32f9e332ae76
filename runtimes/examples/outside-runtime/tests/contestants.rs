//! Conformance, and every workload with small parameters, as tests: `cargo test wakers` asks about
//! one theme.

fn main() -> std::process::ExitCode {
    contestant::testing::main(&[])
}
