//! The contestant `global-queue`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::global_queue::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
