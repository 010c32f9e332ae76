//! The contestant `futures-local`.

use std::process::ExitCode;

use contestant::Entry;
use peers::futures_local::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
