//! Facts that only the build knows: the compiler and the versions in the lock file.

use std::path::Path;
use std::process::Command;
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rustc-env=STAMPEDE_RUSTC={}", rustc_version());
    println!("cargo::rustc-env=STAMPEDE_PACKAGES={}", locked_packages());
}

/// `rustc --version` of the compiler that builds us.
fn rustc_version() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text =
        output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.map_or_else(|| "unknown".to_owned(), |text| text.trim().to_owned())
}

/// `name=version` of every package that comes from a registry, separated by spaces. Empty without a
/// lock file; a package locked twice appears twice.
fn locked_packages() -> String {
    let manifest = env::var("CARGO_MANIFEST_DIR").unwrap_or_default();
    let path = Path::new(&manifest).join("../Cargo.lock");
    // A path that does not exist would make Cargo run this again at every build.
    let Ok(lock) = fs::read_to_string(&path) else { return String::new() };
    println!("cargo::rerun-if-changed={}", path.display());
    let field = |block: &str, key: &str| {
        let line = block.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(" = \""))?;
        Some(line.strip_suffix('"')?.to_owned())
    };
    let packages = lock.split("[[package]]").skip(1).filter_map(|block| {
        field(block, "source")?;
        Some(format!("{}={}", field(block, "name")?, field(block, "version")?))
    });
    packages.collect::<Vec<_>>().join(" ")
}
