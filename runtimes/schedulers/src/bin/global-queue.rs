//! The contestant `global-queue`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::global_queue::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
