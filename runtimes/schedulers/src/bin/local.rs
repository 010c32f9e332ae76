//! The contestant `local`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::local::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
