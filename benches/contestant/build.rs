//! Facts that only the build knows: the compiler, how much it optimises, and the sources.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-changed=build.rs");
    println!("cargo::rerun-if-env-changed=RUSTC");
    println!("cargo::rustc-env=CONTESTANT_COMPILER={}", compiler());
    println!("cargo::rustc-env=CONTESTANT_SUITE={}", suite());
    println!("cargo::rustc-env=CONTESTANT_OPT_LEVEL={}", env::var("OPT_LEVEL").unwrap_or_default());
}

/// What all contestants of this repository share, from this package's folder.
const SHARED: [&str; 3] = ["src", "../../runtimes/src", "../../workloads/src"];

/// A fingerprint of the sources that all contestants share: who was built with others cannot be
/// compared as if only a policy differed. A package that came without the others has its own alone.
fn suite() -> String {
    let here = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR").unwrap_or_default());
    let mut hash = Fnv::new();
    for shared in SHARED {
        let dir = here.join(shared);
        println!("cargo::rerun-if-changed={}", dir.display());
        hash_sources(&dir, &mut hash);
    }
    format!("{:016x}", hash.0)
}

/// Names and texts of the sources in `dir`, in an order that no file system decides.
fn hash_sources(dir: &Path, hash: &mut Fnv) {
    let mut entries: Vec<_> =
        fs::read_dir(dir).into_iter().flatten().flatten().map(|entry| entry.path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            hash_sources(&path, hash);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            hash.add(path.file_name().unwrap_or_default().as_encoded_bytes());
            hash.add(&fs::read(&path).unwrap_or_default());
        }
    }
}

/// FNV-1a, which any build of any compiler computes alike; the standard library's hasher need not.
struct Fnv(u64);

impl Fnv {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn add(&mut self, bytes: &[u8]) {
        for &byte in bytes.iter().chain(&[0xff]) {
            self.0 = (self.0 ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
        }
    }
}

/// `rustc --version` of the compiler that builds us.
fn compiler() -> String {
    let rustc = env::var_os("RUSTC").unwrap_or_else(|| "rustc".into());
    let output = Command::new(rustc).arg("--version").output();
    let text =
        output.ok().filter(|o| o.status.success()).and_then(|o| String::from_utf8(o.stdout).ok());
    text.map_or_else(|| "rustc, unknown version".to_owned(), |text| text.trim().to_owned())
}
