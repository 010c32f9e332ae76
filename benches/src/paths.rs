//! Where a run keeps what it makes.

use std::env;
use std::path::{Path, PathBuf};

/// The places that a run writes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Paths {
    /// One JSON file per cell.
    pub results: PathBuf,
    /// The page.
    pub page: PathBuf,
    /// Results of latency cells under the names that `--save-baseline` gave.
    pub baselines: PathBuf,
    /// Criterion's directory.
    pub criterion_home: PathBuf,
}

impl Paths {
    /// Under `out`, or under Cargo's target directory without it.
    pub fn new(out: Option<&Path>) -> Self {
        match out {
            Some(out) => Self::under(&from_workspace(out)),
            None => Self::in_target(),
        }
    }

    fn under(dir: &Path) -> Self {
        Self {
            results: dir.join("results"),
            page: dir.join("index.html"),
            baselines: dir.join("baselines"),
            criterion_home: dir.join("criterion"),
        }
    }

    fn in_target() -> Self {
        let results = results::results_dir();
        let stampede = results.parent().unwrap_or(Path::new("."));
        // Where criterion itself would look, but for a `cargo metadata` in every child.
        let named = env::var_os("CRITERION_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let criterion_home = named.unwrap_or_else(|| stampede.parent().unwrap_or(Path::new(".")).join("criterion"));
        Self { baselines: stampede.join("baselines"), page: results::page_path(), criterion_home, results }
    }
}

/// `cargo bench` runs us in the package's directory, which is not where the user stands.
fn from_workspace(path: &Path) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap_or(Path::new(".")).join(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_lies_under_a_directory_that_is_named() {
        let paths = Paths::new(Some(Path::new("/tmp/x")));
        assert_eq!(paths.results, Path::new("/tmp/x/results"));
        assert_eq!(paths.criterion_home, Path::new("/tmp/x/criterion"));
        let workspace = Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the package lies in a workspace");
        assert_eq!(Paths::new(Some(Path::new("saved"))).page, workspace.join("saved/index.html"));
    }

    #[test]
    fn without_one_they_lie_where_the_page_looks() {
        let paths = Paths::new(None);
        assert_eq!((paths.results, paths.page), (results::results_dir(), results::page_path()));
    }
}
