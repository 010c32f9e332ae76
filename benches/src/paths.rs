//! Where a run keeps what it makes.

use std::env;
use std::path::{Path, PathBuf};

use crate::contestants::Workspace;

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
    pub fn new(out: Option<&Path>, workspace: &Workspace) -> Self {
        match out {
            // `cargo bench` runs us in the package's directory, which is not where the user stands.
            Some(out) => Self::under(&workspace.root.join(out)),
            None => Self::in_target(workspace),
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

    fn in_target(workspace: &Workspace) -> Self {
        let stampede = workspace.stampede_dir();
        // Where criterion itself would look.
        let named =
            env::var_os("CRITERION_HOME").filter(|home| !home.is_empty()).map(PathBuf::from);
        let criterion_home = named.unwrap_or_else(|| workspace.target.join("criterion"));
        Self { criterion_home, ..Self::under(&stampede) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn workspace() -> Workspace {
        let (root, target) = (PathBuf::from("/home/u/clone"), PathBuf::from("/var/t"));
        Workspace { cargo: "cargo".into(), root, target, programs: Vec::new() }
    }

    #[test]
    fn everything_lies_under_a_directory_that_is_named() {
        let paths = Paths::new(Some(Path::new("/tmp/x")), &workspace());
        assert_eq!(paths.results, Path::new("/tmp/x/results"));
        assert_eq!(paths.criterion_home, Path::new("/tmp/x/criterion"));
        let relative = Paths::new(Some(Path::new("saved")), &workspace());
        assert_eq!(relative.page, Path::new("/home/u/clone/saved/index.html"));
    }

    #[test]
    fn without_one_they_lie_in_cargos_target_directory() {
        let paths = Paths::new(None, &workspace());
        assert_eq!(paths.results, Path::new("/var/t/stampede/results"));
        assert_eq!(paths.page, Path::new("/var/t/stampede/index.html"));
    }
}
