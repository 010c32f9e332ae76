//! The contestant `may`.

use std::process::ExitCode;

use contestant::Entry;
use peers::may::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
