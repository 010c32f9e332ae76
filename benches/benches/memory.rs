//! `cargo bench --bench memory`.
#![forbid(unsafe_code)]

mod hand_over;

fn main() -> std::process::ExitCode {
    hand_over::to_tool("memory")
}
