//! What `cargo stampede new` writes conforms and runs every workload, before anybody has changed
//! it.

fn main() -> std::process::ExitCode {
    contestant::testing::main(&[])
}
