//! The directory of results: one file per cell, replaced whole or not at all.

use std::ffi::OsStr;
use std::fs::{self, OpenOptions};
use std::io::{self, Read};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use rustix::fs::OFlags;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::check::{Unfit, check};
use crate::output;
use crate::schema::{Record, VERSION};

/// The largest file that is read: some hundred times the largest record of ours.
const MAX_FILE_BYTES: u64 = 32 << 20;

/// A directory of stored results.
#[derive(Clone, Debug)]
pub struct Store {
    dir: PathBuf,
}

/// Why a directory cannot hold results.
#[derive(Debug, thiserror::Error)]
#[error("cannot create the results directory {}", dir.display())]
pub struct OpenError {
    dir: PathBuf,
    source: io::Error,
}

/// Why a cell was not stored.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The record says another version than this build writes.
    #[error("the record has schema version {0}, this build writes {VERSION}")]
    Version(u32),
    /// Something in it could not be read back.
    #[error("the record cannot be stored")]
    Unfit(#[from] Unfit),
    /// The operating system refused.
    #[error("cannot write {}", path.display())]
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
    #[error("cannot read {}", path.display())]
    Io {
        /// The file or directory.
        path: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// Written by another version of the schema.
    #[error(
        "{} has schema version {found}, this build reads only {reads}: \
         measure again with `cargo bench`, or use the build that wrote it",
        path.display()
    )]
    Version {
        /// The file.
        path: PathBuf,
        /// The version that it states.
        found: u64,
        /// The version that can be read.
        reads: u32,
    },
    /// Not a whole record.
    #[error("{} is damaged", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What does not fit.
        source: serde_json::Error,
    },
    /// A whole record that no measurement can have left.
    #[error("{} is no result", path.display())]
    Unfit {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        source: Unfit,
    },
    /// Not a file: reading it might never end.
    #[error("{} is not a regular file", path.display())]
    NotAFile {
        /// Its path.
        path: PathBuf,
    },
    /// Larger than any result is.
    #[error("{} is larger than {} MiB, as no result is", path.display(), MAX_FILE_BYTES >> 20)]
    TooLarge {
        /// The file.
        path: PathBuf,
    },
    /// A comparison of builds whose lists do not fit each other.
    #[error("{} has lists that do not fit its builds, or figures that nobody measured", path.display())]
    Uneven {
        /// The file.
        path: PathBuf,
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
            | Self::Unfit { path, .. }
            | Self::NotAFile { path }
            | Self::Uneven { path }
            | Self::TooLarge { path }
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

    /// The store in `dir` for reading only: nothing is created, a missing directory holds no
    /// results.
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
        check(record)?;
        let path = self.dir.join(file_name(record));
        let replaced =
            serde_json::to_vec_pretty(record).map_err(io::Error::from).and_then(|mut text| {
                text.push(b'\n');
                output::replace(&path, &text)
            });
        match replaced {
            Ok(()) => Ok(path),
            Err(source) => Err(WriteError::Io { path, source }),
        }
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
        let paths: io::Result<Vec<_>> =
            fs::read_dir(&self.dir)?.map(|entry| Ok(entry?.path())).collect();
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
    let record: Record = read_version(path, VERSION)?;
    check(&record).map_err(|source| LoadError::Unfit { path: path.to_owned(), source })?;
    let cell = file_name(&record);
    if path.file_name() != Some(OsStr::new(&cell)) {
        return Err(LoadError::Misnamed { path: path.to_owned(), cell });
    }
    Ok(record)
}

/// What `path` holds, if that is of this version.
///
/// # Errors
/// [`LoadError`], which names the file.
pub(crate) fn read_version<T: DeserializeOwned>(path: &Path, version: u32) -> Result<T, LoadError> {
    // The version is read alone first: another version's need not have today's shape.
    #[derive(Deserialize)]
    struct Versioned {
        version: u64,
    }
    let text = read(path)?;
    let damaged = |source| LoadError::Damaged { path: path.to_owned(), source };
    let Versioned { version: found } = serde_json::from_slice(&text).map_err(damaged)?;
    if found != u64::from(version) {
        return Err(LoadError::Version { path: path.to_owned(), found, reads: version });
    }
    serde_json::from_slice(&text).map_err(damaged)
}

/// The content of a regular file that is not too large. A pipe of that name would keep us waiting
/// for its writer, a device may have no end.
///
/// # Errors
/// [`LoadError`], which names the file.
pub fn read(path: &Path) -> Result<Vec<u8>, LoadError> {
    let error = |source| LoadError::Io { path: path.to_owned(), source };
    let not_a_file = || LoadError::NotAFile { path: path.to_owned() };
    if !fs::metadata(path).map_err(error)?.is_file() {
        return Err(not_a_file());
    }
    // Another process may have put a pipe there meanwhile: opening it must not block either.
    let flags = OFlags::NONBLOCK.bits().cast_signed();
    let file = OpenOptions::new().read(true).custom_flags(flags).open(path).map_err(error)?;
    let metadata = file.metadata().map_err(error)?;
    if !metadata.is_file() {
        return Err(not_a_file());
    }
    let too_large = || LoadError::TooLarge { path: path.to_owned() };
    if metadata.len() > MAX_FILE_BYTES {
        return Err(too_large());
    }
    let mut text = Vec::new();
    // It may grow while it is read.
    file.take(MAX_FILE_BYTES + 1).read_to_end(&mut text).map_err(error)?;
    if text.len() as u64 > MAX_FILE_BYTES { Err(too_large()) } else { Ok(text) }
}
