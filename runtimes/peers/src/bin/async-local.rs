//! The contestant `async-local`.

use std::process::ExitCode;

use contestant::Entry;
use peers::async_local::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
