//! The contestant `global-herd`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::schedulers::global_herd::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
