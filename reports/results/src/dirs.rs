//! Where results and the page lie unless told otherwise: under Cargo's target directory.

use std::env;
use std::path::{Path, PathBuf};

/// Where the harness stores results and the page reads them: `target/stampede/results`.
pub fn results_dir() -> PathBuf {
    stampede_dir().join("results")
}

/// Where the page is written: `target/stampede/index.html`.
pub fn page_path() -> PathBuf {
    stampede_dir().join("index.html")
}

fn stampede_dir() -> PathBuf {
    let named = env::var_os("CARGO_TARGET_DIR").filter(|dir| !dir.is_empty()).map(PathBuf::from);
    let exe = env::current_exe().ok();
    target_dir(named.as_deref(), exe.as_deref(), |dir| dir.join("CACHEDIR.TAG").is_file())
        .join("stampede")
}

/// Cargo's target directory. The running binary's own place says it best: `cargo bench` changes to
/// the package's directory, from which a relative `CARGO_TARGET_DIR` would name another place.
fn target_dir(
    named: Option<&Path>,
    exe: Option<&Path>,
    is_target: impl Fn(&Path) -> bool,
) -> PathBuf {
    if let Some(dir) = named.filter(|dir| dir.is_absolute()) {
        return dir.to_owned();
    }
    let around = exe.and_then(|exe| exe.ancestors().skip(1).find(|dir| is_target(dir)));
    around.or(named).unwrap_or(Path::new("target")).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    const EXE: &str = "/home/u/clone/target/release/deps/throughput-1";

    fn find(named: Option<&str>, exe: Option<&str>) -> PathBuf {
        target_dir(named.map(Path::new), exe.map(Path::new), |dir| {
            dir == Path::new("/home/u/clone/target")
        })
    }

    #[test]
    fn an_absolute_target_dir_wins() {
        assert_eq!(find(Some("/var/t"), Some(EXE)), Path::new("/var/t"));
    }

    #[test]
    fn the_binary_knows_where_cargo_put_it() {
        assert_eq!(find(None, Some(EXE)), Path::new("/home/u/clone/target"));
        assert_eq!(find(Some("target"), Some(EXE)), Path::new("/home/u/clone/target"));
    }

    #[test]
    fn an_installed_binary_uses_the_current_directory() {
        assert_eq!(find(None, Some("/usr/bin/reports")), Path::new("target"));
        assert_eq!(find(Some("out"), Some("/usr/bin/reports")), Path::new("out"));
        assert_eq!(find(None, None), Path::new("target"));
    }
}
