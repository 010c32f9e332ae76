//! The contestant `work-stealing-uncounted`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::work_stealing_uncounted::{DESCRIPTOR, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&DESCRIPTOR)])
}
