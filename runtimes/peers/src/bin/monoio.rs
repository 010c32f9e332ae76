//! The contestant `monoio`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::peers::monoio::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
