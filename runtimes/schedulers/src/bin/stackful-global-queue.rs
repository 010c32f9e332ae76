//! The contestant `stackful-global-queue`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::stackful_global_queue::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
