//! What the results were measured on and built from.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;
use std::{fs, thread};

use results::schema::Machine;
use results::text::visible;

/// Packages that decide what is measured or how, beside the peers.
const PACKAGES: &[&str] = &[
    "async-channel",
    "corosensei",
    "criterion",
    "crossbeam-deque",
    "futures-util",
    "hdrhistogram",
    "rustix",
];

/// Reads the facts of this machine and this build, the versions of `peers` among them. What cannot
/// be read is "unknown" or absent.
pub fn facts(peers: &[&str]) -> Machine {
    Machine {
        cpu: visible(&cpu_model(&read("/proc/cpuinfo"))),
        cores: cores(),
        memory_bytes: memory_bytes(&read("/proc/meminfo")),
        kernel: rustix::system::uname().release().to_string_lossy().into_owned(),
        rustc: env!("STAMPEDE_RUSTC").to_owned(),
        revision: revision(),
        packages: packages(peers),
    }
}

/// Logical processors that this process may use.
pub fn cores() -> usize {
    thread::available_parallelism().map_or(1, usize::from)
}

/// The version of `package` that this build is made of; of several, the newest.
pub fn version(package: &str) -> Option<&'static str> {
    let mut packages =
        env!("STAMPEDE_PACKAGES").split(' ').filter_map(|entry| entry.split_once('='));
    // The lock file lists the versions of one package in ascending order.
    packages.rfind(|(name, _)| *name == package).map(|(_, version)| version)
}

fn packages(peers: &[&str]) -> BTreeMap<String, String> {
    let known = peers.iter().chain(PACKAGES).copied();
    known.filter_map(|name| Some((name.to_owned(), version(name)?.to_owned()))).collect()
}

fn read(path: &str) -> String {
    fs::read_to_string(path).unwrap_or_default()
}

fn cpu_model(cpuinfo: &str) -> String {
    // x86 has "model name"; Arm kernels name only the implementation, some add "Model" for the
    // board.
    let value = |key: &str| {
        let mut fields = cpuinfo.lines().filter_map(|line| line.split_once(':'));
        fields.find(|(name, _)| name.trim() == key).map(|(_, value)| value.trim().to_owned())
    };
    value("model name").or_else(|| value("Model")).unwrap_or_else(|| "unknown".to_owned())
}

fn memory_bytes(meminfo: &str) -> u64 {
    let total = meminfo.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|value| value.trim().strip_suffix("kB")?.trim().parse::<u64>().ok());
    kib.map_or(0, |kib| kib * 1024)
}

/// The revision of the checkout that Cargo has just built, `-dirty` with uncommitted changes.
///
/// Asked when measuring, not when building: a revision compiled in would relink the whole matrix
/// after every commit, and would not notice edits in the other crates.
fn revision() -> Option<String> {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR"));
    let root = manifest.parent()?;
    // Unpacked from an archive inside somebody else's repository, we would name that one's
    // revision.
    let top = git(root, &["rev-parse", "--show-toplevel"])?;
    if fs::canonicalize(top).ok()? != fs::canonicalize(root).ok()? {
        return None;
    }
    let head = git(root, &["rev-parse", "HEAD"])?;
    let changes = git(root, &["status", "--porcelain", "--untracked-files=no"])?;
    Some(if changes.is_empty() { head } else { format!("{head}-dirty") })
}

fn git(dir: &Path, arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").arg("-C").arg(dir).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_machine_is_known() {
        let facts = facts(&[]);
        assert!(facts.cores >= 1);
        assert!(facts.memory_bytes > 64 << 20, "{}", facts.memory_bytes);
        assert!(facts.kernel.starts_with(|c: char| c.is_ascii_digit()), "{}", facts.kernel);
        assert!(facts.rustc.starts_with("rustc 1."), "{}", facts.rustc);
    }

    #[test]
    fn the_lock_file_tells_the_versions() {
        let version = version("criterion").expect("a dependency of this package");
        assert!(version.starts_with(|c: char| c.is_ascii_digit()), "{version}");
        assert_eq!(super::version("no-such-package"), None);
        assert!(facts(&["tokio"]).packages.contains_key("tokio"));
    }

    #[test]
    fn proc_files_are_understood() {
        let cpuinfo = "processor\t: 0\nmodel name\t: AMD EPYC 7B13\nmodel name\t: other\n";
        assert_eq!(cpu_model(cpuinfo), "AMD EPYC 7B13");
        assert_eq!(cpu_model("BogoMIPS\t: 50\n"), "unknown");
        assert_eq!(memory_bytes("MemTotal:       24605076 kB\nMemFree: 1 kB\n"), 24_605_076 * 1024);
        assert_eq!(memory_bytes(""), 0);
    }
}
