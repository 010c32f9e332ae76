//! The contestant `tokio-mt`.

use std::process::ExitCode;

use contestant::Entry;
use peers::tokio_mt::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
