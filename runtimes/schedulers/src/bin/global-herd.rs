//! The contestant `global-herd`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::global_herd::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
