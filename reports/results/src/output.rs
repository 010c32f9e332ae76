//! Every file that a command writes, whatever its name turns out to be.
//!
//! A regular file is replaced whole or not at all, so that a reader, and a process that is killed,
//! see the old content or the new one. The replacement takes the name by which the file is really
//! known: a symbolic link keeps pointing to it. Anything that is no regular file cannot be replaced
//! without being destroyed, so a pipe or a terminal is opened and written to. What can hold no
//! output (a directory, a block device, a socket) is refused.

use std::fs::{self, File, FileType, OpenOptions, Permissions};
use std::io::{self, Write};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

/// As many links as the kernel follows before it says that they form a loop.
const MOST_LINKS: usize = 40;

/// Why something could not be written.
#[derive(Debug, thiserror::Error)]
#[error("cannot write {}", path.display())]
pub struct OutputError {
    path: PathBuf,
    source: io::Error,
}

impl OutputError {
    /// Whether a pipe's reader has gone: it has seen enough, which is no mistake.
    pub fn is_unread(&self) -> bool {
        self.source.kind() == io::ErrorKind::BrokenPipe
    }
}

/// A place that output goes to, checked before there is any.
#[derive(Debug)]
pub struct Output {
    path: PathBuf,
    /// What has been opened already because it cannot be replaced.
    stream: Option<Stream>,
}

/// Something that takes bytes one after the other.
#[derive(Debug)]
enum Stream {
    /// This process's own standard output, under whatever name.
    Stdout,
    File(File),
}

/// What a name stands for.
enum Target {
    /// A regular file, or none yet, under the name that is no link.
    File(PathBuf),
    /// Something to open and write to.
    Stream(PathBuf),
    /// A descriptor that this process has already.
    Descriptor(PathBuf),
}

impl Output {
    /// Looks at what `path` names and opens it unless it is a regular file, which is not touched
    /// until there is something to write. Opening a pipe waits for its reader.
    ///
    /// # Errors
    /// [`OutputError`] when it could not be written later.
    pub fn prepare(path: &Path) -> Result<Self, OutputError> {
        let stream =
            prepare(path).map_err(|source| OutputError { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), stream })
    }

    /// The name that was given.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether a later write takes the place of an earlier one. A stream has both.
    pub fn can_be_replaced(&self) -> bool {
        self.stream.is_none()
    }

    /// Whether it is this process's standard output.
    pub fn is_stdout(&self) -> bool {
        matches!(self.stream, Some(Stream::Stdout))
    }

    /// Writes all of `bytes`: in place of the file, or to the end of the stream.
    ///
    /// # Errors
    /// [`OutputError`]; a file is then untouched.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        let written = match &mut self.stream {
            Some(Stream::Stdout) => write_all(&mut io::stdout().lock(), bytes),
            Some(Stream::File(file)) => write_all(file, bytes),
            None => replace(&self.path, bytes),
        };
        written.map_err(|source| OutputError { path: self.path.clone(), source })
    }
}

/// Replaces the regular file `path`, or makes it.
///
/// # Errors
/// The system's, and [`io::ErrorKind::InvalidInput`] for what is no regular file. The old file is
/// then untouched, and no temporary one is left.
pub fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Target::File(path) = target(path)? else {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "it is not a regular file"));
    };
    let mut file = temporary_beside(&path)?;
    file.write_all(bytes)?;
    // Without this a crash of the machine may leave the new name on an empty file.
    file.as_file().sync_all()?;
    file.persist(&path)?;
    Ok(())
}

fn prepare(path: &Path) -> io::Result<Option<Stream>> {
    match target(path)? {
        Target::File(path) => {
            // Whoever may not write the old file may not put another in its place either.
            match OpenOptions::new().write(true).open(&path) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
            temporary_beside(&path)?;
            Ok(None)
        }
        Target::Stream(path) => Ok(Some(Stream::File(OpenOptions::new().write(true).open(path)?))),
        Target::Descriptor(path) if path.file_name().is_some_and(|name| name == "1") => {
            Ok(Some(Stream::Stdout))
        }
        // Opened anew with a position of its own, which must not be the beginning of a file.
        Target::Descriptor(path) => {
            Ok(Some(Stream::File(OpenOptions::new().append(true).open(path)?)))
        }
    }
}

/// Follows links by hand: the last one may be missing, or may be one of `/proc/self/fd`, which
/// stands for an open file and not for the name that it seems to hold.
fn target(path: &Path) -> io::Result<Target> {
    let invalid = |text: &'static str| io::Error::new(io::ErrorKind::InvalidInput, text);
    let own_descriptors = fs::canonicalize("/proc/self/fd").ok();
    let mut path = path.to_owned();
    for _ in 0..=MOST_LINKS {
        if path.as_os_str().as_bytes().ends_with(b"/") || path.file_name().is_none() {
            return Err(invalid("a directory cannot be written to"));
        }
        let parent = directory(&path).to_owned();
        if own_descriptors.is_some() && fs::canonicalize(&parent).ok() == own_descriptors {
            let metadata = fs::metadata(&path)?;
            refuse(metadata.file_type())?;
            return Ok(Target::Descriptor(path));
        }
        match fs::symlink_metadata(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Target::File(path)),
            Err(error) => return Err(error),
            Ok(metadata) if metadata.is_symlink() => path = parent.join(fs::read_link(&path)?),
            Ok(metadata) if metadata.is_file() => return Ok(Target::File(path)),
            Ok(metadata) => {
                refuse(metadata.file_type())?;
                return Ok(Target::Stream(path));
            }
        }
    }
    Err(invalid("too many levels of symbolic links"))
}

fn refuse(kind: FileType) -> io::Result<()> {
    let what = match kind {
        kind if kind.is_dir() => "a directory cannot be written to",
        kind if kind.is_block_device() => "a block device is not overwritten",
        kind if kind.is_socket() => "a socket cannot be opened like a file",
        _ => return Ok(()),
    };
    Err(io::Error::new(io::ErrorKind::InvalidInput, what))
}

fn directory(path: &Path) -> &Path {
    path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// In the same directory: a file can only be renamed within one file system. The new file has the
/// permissions of the old one. A reader of results passes over the prefix, so that what a killed
/// process leaves does no harm.
fn temporary_beside(path: &Path) -> io::Result<tempfile::NamedTempFile> {
    let mut builder = tempfile::Builder::new();
    builder.prefix(".stampede-").suffix(".tmp");
    match fs::metadata(path) {
        Ok(old) => {
            let file = builder.tempfile_in(directory(path))?;
            file.as_file().set_permissions(old.permissions())?;
            Ok(file)
        }
        // What the user's mask takes away is taken away.
        Err(_) => builder.permissions(Permissions::from_mode(0o666)).tempfile_in(directory(path)),
    }
}

fn write_all(stream: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    stream.write_all(bytes)?;
    stream.flush()
}
