//! The child's side: a request on standard input, messages on standard output, then the end.

use std::fs::File;
use std::io::{self, Read, Write};

use anyhow::{Context, Result};
use results::schema::Outcome;
use rustix::process::{Signal, set_parent_process_death_signal};

use super::{Message, Request, execute, prepare};

/// The hidden subcommand that makes a process a child.
pub const SUBCOMMAND: &str = "__cell";

/// Serves one request and returns. The arguments of the process belong to criterion.
///
/// # Errors
/// When the request cannot be read or the parent is gone. A cell that fails is an answer, no error.
pub fn serve() -> Result<()> {
    // A parent that is killed must not leave a measurement running beside the next one.
    set_parent_process_death_signal(Some(Signal::KILL)).context("cannot ask to end with the parent")?;
    let mut answers = claim_stdout().context("cannot set standard output apart")?;
    let mut text = String::new();
    io::stdin().read_to_string(&mut text).context("cannot read the request from standard input")?;
    let request: Request = serde_json::from_str(&text).context("standard input holds no cell request")?;
    let mut lost = None;
    let mut say = |message: Message| {
        let sent = serde_json::to_string(&message).map_err(io::Error::from).and_then(|m| writeln!(answers, "{m}"));
        lost = lost.take().or(sent.err());
    };
    let outcome = match prepare(&request) {
        Ok(bed) => execute(bed, &request, &mut say),
        Err(reason) => Outcome::Failed { reason },
    };
    say(Message::Done(Box::new(outcome)));
    lost.map_or(Ok(()), Err).context("the parent no longer reads")
}

/// Keeps standard output for the answers and points it at standard error for everybody else:
/// criterion prints there.
fn claim_stdout() -> io::Result<File> {
    let answers = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok(File::from(answers))
}
