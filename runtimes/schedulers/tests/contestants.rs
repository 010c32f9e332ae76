//! Every program of this package checks itself and runs every workload:
//! `cargo test -p schedulers NAME::wakers` asks one runtime about one theme.

fn main() -> std::process::ExitCode {
    contestant::testing::main(&[])
}
