//! The same runtimes in several builds: one comparison, kept beside the cells. It tells which
//! differences are the policy's, and which the build's or the allocator's.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use crate::check::MAX_AMOUNT;
use crate::output;
use crate::store::{LoadError, read_version};

/// The version of the stored form.
pub const VERSION: u32 = 1;

/// A comparison of builds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Builds {
    /// [`VERSION`] when it was stored.
    pub version: u32,
    /// When it began, in seconds since 1970.
    pub started_unix_s: u64,
    /// The command that repeats it.
    pub command: String,
    /// The runtime that the others were compared with, in each build.
    pub reference: String,
    /// The builds, the main one first.
    pub builds: Vec<Build>,
    /// The runtimes, the reference first.
    pub runtimes: Vec<Runtime>,
    /// What was found, by workload, workers and runtime.
    pub findings: Vec<Finding>,
    /// Why all of it is doubtful, if it is.
    pub doubt: Option<String>,
}

/// One build.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Build {
    /// Its name.
    pub name: String,
    /// What it is.
    pub summary: String,
}

/// One runtime in all builds; its lists have a value for each of [`Builds::builds`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Runtime {
    /// Its name.
    pub name: String,
    /// Its times over those of its best build, by the geometric mean.
    pub times: Vec<Option<f64>>,
    /// Its times over the reference's in the same build, by the geometric mean.
    pub ratios: Vec<Option<f64>>,
}

/// One runtime on one workload in all builds; its lists have a value for each of
/// [`Builds::builds`].
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Finding {
    /// The workload.
    pub workload: String,
    /// Threads that ran tasks.
    pub workers: usize,
    /// The runtime.
    pub runtime: String,
    /// Its time or memory over the reference's in the same build.
    pub ratios: Vec<Option<f64>>,
    /// The verdict on that: `faster`, `slower`, `tie`, `undecided`.
    pub verdicts: Vec<String>,
    /// Whether the verdict is the same in all builds.
    pub holds: Holds,
}

/// Whether a verdict holds in all builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Holds {
    /// It is the same in all.
    Robust,
    /// It is another in some.
    DependsOnBuild,
    /// Some builds have none, and the others agree.
    Undecided,
}

impl Holds {
    /// As tables and results have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Robust => "robust",
            Self::DependsOnBuild => "depends on the build",
            Self::Undecided => "undecided",
        }
    }
}

impl Builds {
    /// Where it lies in a directory of results.
    pub fn path(results_dir: &Path) -> PathBuf {
        results_dir.join("builds").join("comparison.json")
    }

    /// Stores it in place of the last one.
    ///
    /// # Errors
    /// When the directory or the file cannot be written.
    pub fn write(&self, results_dir: &Path) -> io::Result<PathBuf> {
        let path = Self::path(results_dir);
        if let Some(dir) = path.parent() {
            fs::create_dir_all(dir)?;
        }
        output::replace(&path, &serde_json::to_vec_pretty(self)?)?;
        Ok(path)
    }

    /// The last one that was stored, if there is one.
    ///
    /// # Errors
    /// [`LoadError`], which names the file.
    pub fn load(results_dir: &Path) -> Result<Option<Self>, LoadError> {
        let path = Self::path(results_dir);
        if !path.exists() {
            return Ok(None);
        }
        let builds: Self = read_version(&path, VERSION)?;
        if builds.is_whole() { Ok(Some(builds)) } else { Err(LoadError::Uneven { path }) }
    }

    /// Whether every list has a value for each build, and every value can have been measured.
    fn is_whole(&self) -> bool {
        let all = self.builds.len();
        let sane = |values: &[Option<f64>]| {
            values.len() == all
                && values.iter().flatten().all(|&value| value > 0.0 && value <= MAX_AMOUNT)
        };
        all > 0
            && self.runtimes.iter().all(|runtime| sane(&runtime.times) && sane(&runtime.ratios))
            && self
                .findings
                .iter()
                .all(|finding| sane(&finding.ratios) && finding.verdicts.len() == all)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn builds() -> Builds {
        let build = |name: &str| Build { name: name.to_owned(), summary: String::new() };
        let runtime = |name: &str, ratio| Runtime {
            name: name.to_owned(),
            times: vec![Some(1.0), Some(1.5)],
            ratios: vec![Some(ratio), None],
        };
        Builds {
            version: VERSION,
            started_unix_s: 1,
            command: "cargo stampede compare a b --builds fat,plain".to_owned(),
            reference: "a".to_owned(),
            builds: vec![build("fat"), build("plain")],
            runtimes: vec![runtime("a", 1.0), runtime("b", 3.0)],
            findings: Vec::new(),
            doubt: None,
        }
    }

    #[test]
    fn what_was_stored_is_read_and_beside_the_cells_it_is_no_cell() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        assert_eq!(Builds::load(dir.path()).expect("nothing is no error"), None);
        builds().write(dir.path()).expect("writable");
        assert_eq!(Builds::load(dir.path()).expect("readable"), Some(builds()));
        assert!(crate::Store::existing(dir.path()).load_all().is_empty());
    }

    #[test]
    fn another_version_and_lists_of_other_lengths_are_refused_by_name() {
        let dir = tempfile::tempdir().expect("a temporary directory");
        let refused = |builds: Builds| {
            builds.write(dir.path()).expect("writable");
            Builds::load(dir.path()).expect_err("must be refused").to_string()
        };
        let old = refused(Builds { version: VERSION + 1, ..builds() });
        let mut uneven = builds();
        uneven.runtimes[1].times.pop();
        for complaint in [old, refused(uneven)] {
            assert!(complaint.contains("comparison.json"), "{complaint}");
        }
    }
}
