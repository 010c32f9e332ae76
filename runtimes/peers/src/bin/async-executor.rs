//! The contestant `async-executor`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::peers::async_executor::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
