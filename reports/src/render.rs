//! From a directory of results to the file of the page.

use std::path::{Path, PathBuf};
use std::{fs, io};

use crate::charts::ChartError;
use crate::page;
use results::builds::Builds;
use results::format;
use results::output::{Output, OutputError};
use results::store::{LoadError, Store};
use results::text::{chain, visible};

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum RenderError {
    /// Nothing has been measured yet.
    #[error("there are no results in {}: measure some with `cargo bench`, or name their place \
     with --results", dir.display())]
    NoResults {
        /// Where results were looked for.
        dir: PathBuf,
    },
    /// There are files, and none of them can be read.
    #[error(
        "none of the {} in {} can be read; the first: {}",
        format::count(errors.len(), "result"),
        dir.display(),
        errors.first().map(|error| visible(&chain(error))).unwrap_or_default()
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
    #[error("cannot fill the page in")]
    Template(#[from] minijinja::Error),
    /// The page could not be written.
    #[error(transparent)]
    Write(#[from] OutputError),
    /// The page's directory could not be made.
    #[error("cannot create the directory {}", dir.display())]
    Directory {
        /// The directory.
        dir: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Renders the results stored in `results_dir` to `out`, whose directory is created, and returns
/// where it went. Results that cannot be read are listed on the page.
///
/// # Errors
/// [`RenderError`] when there is nothing to show or the page cannot be written.
pub fn render(results_dir: &Path, out: &Path) -> Result<Output, RenderError> {
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
    let builds = Builds::load(results_dir).unwrap_or_else(|error| {
        errors.push(error);
        None
    });
    let unreadable: Vec<String> = errors.iter().map(|error| chain(error)).collect();
    let page = page::html(&records, builds.as_ref(), &unreadable)?;
    if let Some(dir) = out.parent().filter(|dir| !dir.as_os_str().is_empty()) {
        fs::create_dir_all(dir)
            .map_err(|source| RenderError::Directory { dir: dir.to_owned(), source })?;
    }
    let mut output = Output::prepare(out)?;
    output.write(page.as_bytes())?;
    Ok(output)
}
