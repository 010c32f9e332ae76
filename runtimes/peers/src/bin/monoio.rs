//! The contestant `monoio`.

use std::process::ExitCode;

use contestant::Entry;
use peers::monoio::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
