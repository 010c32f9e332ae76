//! The contestant `async-executor`.

use std::process::ExitCode;

use contestant::Entry;
use peers::async_executor::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
