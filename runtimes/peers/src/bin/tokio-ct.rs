//! The contestant `tokio-ct`.

use std::process::ExitCode;

use contestant::Entry;
use peers::tokio_ct::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
