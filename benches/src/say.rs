//! Standard output and standard error, which may be full or gone.
//!
//! `println!` panics where it cannot print, and with it would go what has been measured. What
//! cannot be said is remembered instead: the work goes on, and [`ended`] complains when it is done.
//! A pipe whose reader has gone is no complaint: whoever pipes into `head` has seen enough.

use std::fmt::Arguments;
use std::io::{self, ErrorKind, Write};
use std::process::ExitCode;
use std::sync::Mutex;

/// Why standard output took no more, if it did not.
static FAILURE: Mutex<Option<io::Error>> = Mutex::new(None);

/// Prints a line on standard output. Styles in it are dropped where they would not show.
macro_rules! say {
    ($($format:tt)*) => { $crate::say::line(format_args!($($format)*)) };
}

/// Prints a line on standard error. When that is gone there is nobody left to tell.
macro_rules! note {
    ($($format:tt)*) => { $crate::say::aside(format_args!($($format)*)) };
}

pub(crate) use {note, say};

/// See [`say!`].
pub(crate) fn line(words: Arguments<'_>) {
    keep(writeln!(anstream::stdout().lock(), "{words}"));
}

/// Prints a text that ends its own lines, and tells whether it went out or nobody wanted it.
pub(crate) fn text(text: &str) -> bool {
    let mut stdout = anstream::stdout().lock();
    keep(stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()))
}

/// See [`note!`].
pub(crate) fn aside(words: Arguments<'_>) {
    let _ = writeln!(anstream::stderr().lock(), "{words}");
}

/// The exit code of a command that came to `code`: that of a command that was not carried out, with
/// the reason on standard error, when standard output did not take everything.
pub(crate) fn ended(code: ExitCode) -> ExitCode {
    keep(io::stdout().flush());
    let Ok(mut failure) = FAILURE.lock() else { return code };
    let Some(error) = failure.take() else { return code };
    aside(format_args!("error: cannot write to standard output: {error}"));
    ExitCode::from(2)
}

fn keep(written: io::Result<()>) -> bool {
    match written {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            if let Ok(mut failure) = FAILURE.lock() {
                failure.get_or_insert(error);
            }
            false
        }
        _ => true,
    }
}
