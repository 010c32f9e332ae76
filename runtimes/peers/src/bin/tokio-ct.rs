//! The contestant `tokio-ct`.

use std::process::ExitCode;

use contestant::Entry;
use runtimes::peers::tokio_ct::{CARD, Variant};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[Entry::new(&CARD)])
}
