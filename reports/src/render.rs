//! From a directory of results to the file of the page.

use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use crate::charts::ChartError;
use crate::format;
use crate::page;
use crate::store::{LoadError, Store};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nothing has been measured yet.
    #[error("there are no results in {}: measure some with `cargo bench`, or name their place with --results", dir.display())]
    NoResults {
        /// Where results were looked for.
        dir: PathBuf,
    },
    /// There are files, and none of them can be read.
    #[error(
        "none of the {} in {} can be read; the first: {}",
        format::count(errors.len(), "result"),
        dir.display(),
        errors.first().map(ToString::to_string).unwrap_or_default()
    )]
    NothingReadable {
        /// Where results were looked for.
        dir: PathBuf,
        /// What is wrong with each file.
        errors: Vec<LoadError>,
    },
    /// No records were given.
    #[error("there are no records to show")]
    NothingToShow,
    /// A chart could not be drawn.
    #[error(transparent)]
    Chart(#[from] ChartError),
    /// A template does not fit the data: a mistake in this crate.
    #[error("cannot fill the page in: {0}")]
    Template(#[from] minijinja::Error),
    /// The page could not be written.
    #[error("cannot write {}: {source}", path.display())]
    Write {
        /// The page.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Renders the results stored in `results_dir` to the file `out`, whose directory is created, and
/// returns its path. Results that cannot be read are listed on the page.
///
/// # Errors
/// [`RenderError`] when there is nothing to show or the page cannot be written.
pub fn render(results_dir: &Path, out: &Path) -> Result<PathBuf, RenderError> {
    let dir = || results_dir.to_owned();
    let mut records = Vec::new();
    let mut errors = Vec::new();
    for result in Store::existing(results_dir).load_all() {
        match result {
            Ok(record) => records.push(record),
            Err(error) => errors.push(error),
        }
    }
    if records.is_empty() && errors.is_empty() {
        return Err(RenderError::NoResults { dir: dir() });
    }
    if records.is_empty() {
        return Err(RenderError::NothingReadable { dir: dir(), errors });
    }
    let unreadable: Vec<String> = errors.iter().map(ToString::to_string).collect();
    let page = page::html(&records, &unreadable)?;
    write(out, &page).map_err(|source| RenderError::Write { path: out.to_owned(), source })?;
    Ok(out.to_owned())
}

/// The page in place of the old one, whole or not at all: somebody may be looking at it.
fn write(out: &Path, page: &str) -> io::Result<()> {
    let dir = match out.parent() {
        Some(dir) if dir != Path::new("") => dir,
        _ => Path::new("."),
    };
    fs::create_dir_all(dir)?;
    let mut file = tempfile::Builder::new()
        .prefix(".stampede-")
        .suffix(".tmp")
        .permissions(Permissions::from_mode(0o644))
        .tempfile_in(dir)?;
    file.write_all(page.as_bytes())?;
    file.persist(out)?;
    Ok(())
}
