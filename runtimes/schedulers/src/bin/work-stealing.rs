//! The contestant `work-stealing`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::work_stealing::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
