//! The contestant `stackful-local`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::stackful_local::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
