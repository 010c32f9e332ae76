//! The contestant `async-static`.

use std::process::ExitCode;

use contestant::Entry;
use peers::async_static::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
