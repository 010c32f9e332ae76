//! The contestant `futures-pool`.

use std::process::ExitCode;

use contestant::Entry;
use peers::futures_pool::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
