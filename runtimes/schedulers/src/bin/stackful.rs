//! The contestant `stackful`, and the same engine with time slices and without pooled stacks.

use std::process::ExitCode;
#[cfg(target_arch = "x86_64")]
use std::time::Duration;

use contestant::Entry;
use runtimes::schedulers::stackful::{DESCRIPTOR, Variant};
use runtimes::schedulers::stackful_unpooled;
#[cfg(target_arch = "x86_64")]
use runtimes::schedulers::{stackful_1ms, stackful_10ms, stackful_200us};

fn main() -> ExitCode {
    contestant::main::<Variant>(&[
        Entry::new(&DESCRIPTOR),
        Entry::configured(&stackful_unpooled::DESCRIPTOR, &[("pool_stacks", "false")], |config| {
            config.pool_stacks = false;
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&stackful_10ms::DESCRIPTOR, &[("slice_us", "10000")], |config| {
            config.slice.get_or_insert(Duration::from_millis(10));
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&stackful_1ms::DESCRIPTOR, &[("slice_us", "1000")], |config| {
            config.slice.get_or_insert(Duration::from_millis(1));
        }),
        #[cfg(target_arch = "x86_64")]
        Entry::configured(&stackful_200us::DESCRIPTOR, &[("slice_us", "200")], |config| {
            config.slice.get_or_insert(Duration::from_micros(200));
        }),
    ])
}
