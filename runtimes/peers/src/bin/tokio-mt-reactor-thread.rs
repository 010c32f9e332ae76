//! The contestant `tokio-mt-reactor-thread`.

use std::process::ExitCode;

use contestant::Entry;
use peers::tokio_mt::{Multi, ON_A_THREAD};

fn main() -> ExitCode {
    contestant::main::<Multi<true>>(&[Entry::new(&ON_A_THREAD)])
}
