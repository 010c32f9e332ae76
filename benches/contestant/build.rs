//! Facts that only the build knows: the compiler, and how much it optimises.

use std::env;
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rustc-env=CONTESTANT_COMPILER={}", compiler());
    println!("cargo::rustc-env=CONTESTANT_OPT_LEVEL={}", env::var("OPT_LEVEL").unwrap_or_default());
}

/// `rustc --version` of the compiler that builds us.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text =
        output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.map_or_else(|| "rustc, unknown version".to_owned(), |text| text.trim().to_owned())
}
