//! The contestant `work-stealing-biased`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::work_stealing_biased::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
