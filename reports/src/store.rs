//! The directory of results: one file per cell, replaced whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::schema::{Outcome, Record, VERSION};

/// The longest workload or runtime name that makes a file name, in bytes.
pub const MAX_NAME_BYTES: usize = 64;

/// A directory of stored results.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// Why a directory cannot hold results.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the results directory {}: {source}", dir.display())]
pub struct OpenError {
    dir: PathBuf,
    source: io::Error,
}

/// Why a cell was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// A name that cannot be part of a file name.
    #[error(
        "`{name}` cannot name a {what}: use 1 to {MAX_NAME_BYTES} lower-case letters, digits, hyphens and underscores"
    )]
    Name {
        /// Which of the cell's names.
        what: &'static str,
        /// The name.
        name: String,
    },
    /// The record says another version than this build writes.
    #[error("the record has schema version {0}, this build writes {VERSION}")]
    Version(u32),
    /// A number that JSON cannot hold.
    #[error("{what} is {value}: only finite numbers can be stored")]
    NotFinite {
        /// Which number.
        what: String,
        /// What it is.
        value: f64,
    },
    /// The operating system refused.
    #[error("cannot write {}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
}

/// Why a file in the directory is not a result.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LoadError {
    /// The operating system refused.
    #[error("cannot read {}: {source}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Written by another version of the schema.
    #[error(
        "{} has schema version {found}, this build reads only {VERSION}: \
         measure again with `cargo bench`, or use the build that wrote it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: u64,
    },
    /// Not a whole record.
    #[error("{} is damaged: {source}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A copy under another name, which would be a second answer for the same cell.
    #[error("{} holds the cell {cell} and is not named after it", path.display())]
    Misnamed {
        /// The file.
        path: PathBuf,
        /// The name that the file must have.
        cell: String,
    },
}

impl LoadError {
    /// The file or directory in question.
    pub fn path(&self) -> &Path {
        match self {
            Self::Io { path, .. }
            | Self::Version { path, .. }
            | Self::Damaged { path, .. }
            | Self::Misnamed { path, .. } => path,
        }
    }
}

impl Store {
    /// The store in `dir`, which is created when missing.
    ///
    /// # Errors
    /// [`OpenError`] when it cannot be created.
    pub fn open(dir: impl Into<PathBuf>) -> Result<Self, OpenError> {
        let dir = dir.into();
        match fs::create_dir_all(&dir) {
            Ok(()) => Ok(Self { dir }),
            Err(source) => Err(OpenError { dir, source }),
        }
    }

    /// The store in `dir` for reading only: nothing is created, a missing directory holds no results.
    pub fn existing(dir: impl Into<PathBuf>) -> Self {
        Self { dir: dir.into() }
    }

    /// Where the results lie.
    pub fn dir(&self) -> &Path {
        &self.dir
    }

    /// Stores a cell in place of its predecessor and returns the file. A reader, and a process that
    /// is killed, see the old file or the new one, never a part.
    ///
    /// # Errors
    /// [`WriteError`]; the old file is then untouched.
    pub fn write(&self, record: &Record) -> Result<PathBuf, WriteError> {
        if record.version != VERSION {
            return Err(WriteError::Version(record.version));
        }
        check_name("workload", &record.workload.name)?;
        check_name("runtime", &record.runtime.name)?;
        check_finite(record)?;
        let path = self.dir.join(file_name(record));
        self.replace(&path, record).map_err(|source| WriteError::Io { path: path.clone(), source })?;
        Ok(path)
    }

    fn replace(&self, path: &Path, record: &Record) -> io::Result<()> {
        // A leading dot and another suffix: `load_all` passes over what a killed process leaves.
        let mut file = tempfile::Builder::new()
            .prefix(".stampede-")
            .suffix(".tmp")
            .permissions(Permissions::from_mode(0o644))
            .tempfile_in(&self.dir)?;
        let mut text = serde_json::to_vec_pretty(record)?;
        text.push(b'\n');
        file.write_all(&text)?;
        // Without this a crash of the machine may leave the new name on an empty file.
        file.as_file().sync_all()?;
        file.persist(path)?;
        Ok(())
    }

    /// Every result, in the order of file names. Files that are no results are errors in the list,
    /// so that a reader can show what it could not use; other suffixes are passed over.
    pub fn load_all(&self) -> Vec<Result<Record, LoadError>> {
        let files = match self.files() {
            Ok(files) => files,
            Err(source) if source.kind() == io::ErrorKind::NotFound => return Vec::new(),
            Err(source) => return vec![Err(LoadError::Io { path: self.dir.clone(), source })],
        };
        files.iter().map(|path| load(path)).collect()
    }

    fn files(&self) -> io::Result<Vec<PathBuf>> {
        let paths: io::Result<Vec<_>> = fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path())).collect();
        let mut paths = paths?;
        paths.retain(|path| path.extension() == Some(OsStr::new("json")));
        paths.sort();
        Ok(paths)
    }
}

/// The file name of a cell: `<workload>.<runtime>.w<workers>.json`.
pub fn file_name(record: &Record) -> String {
    format!("{}.{}.w{}.json", record.workload.name, record.runtime.name, record.workers)
}

/// Reads one result.
///
/// # Errors
/// [`LoadError`], which names the file.
pub fn load(path: &Path) -> Result<Record, LoadError> {
    // The version is read alone first: another version's record need not have today's shape.
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let text = fs::read(path).map_err(|source| LoadError::Io { path: path.to_owned(), source })?;
    let damaged = |source| LoadError::Damaged { path: path.to_owned(), source };
    let Versioned { version } = serde_json::from_slice(&text).map_err(damaged)?;
    if version != u64::from(VERSION) {
        return Err(LoadError::Version { path: path.to_owned(), found: version });
    }
    let record: Record = serde_json::from_slice(&text).map_err(damaged)?;
    let cell = file_name(&record);
    if path.file_name() != Some(OsStr::new(&cell)) {
        return Err(LoadError::Misnamed { path: path.to_owned(), cell });
    }
    Ok(record)
}

/// Names become file names, so they must not be able to leave the directory, hide, or collide.
fn check_name(what: &'static str, name: &str) -> Result<(), WriteError> {
    let plain = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-' || b == b'_';
    if (1..=MAX_NAME_BYTES).contains(&name.len()) && name.bytes().all(plain) {
        return Ok(());
    }
    Err(WriteError::Name { what, name: name.to_owned() })
}

/// serde_json writes NaN and infinities as `null`, which no longer reads as a number.
fn check_finite(record: &Record) -> Result<(), WriteError> {
    let Outcome::Measured(m) = &record.outcome else { return Ok(()) };
    let samples = m.samples_ns.iter().enumerate().map(|(i, &v)| (format!("sample {i}"), v));
    let figures = m.figures.iter().map(|(name, &v)| (format!("the figure `{name}`"), v));
    let bytes = m.bytes_per_operation.iter().map(|&v| ("bytes per operation".to_owned(), v));
    let operations = std::iter::once(("operations per iteration".to_owned(), m.operations_per_iteration));
    match samples.chain(bytes).chain(figures).chain(operations).find(|(_, value)| !value.is_finite()) {
        Some((what, value)) => Err(WriteError::NotFinite { what, value }),
        None => Ok(()),
    }
}
