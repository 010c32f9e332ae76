//! The contestant `tokio-mt`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::peers::tokio_mt::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
