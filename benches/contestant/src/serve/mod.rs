//! The contestant's side of the protocol, for runtimes that implement [`runtimes::Runtime`].
//!
//! Reading order: this file (the program's channel), `session` (what it answers), `benchmark` (a
//! runtime and a workload without their types), `measure` (what is read around a run).

#![allow(
    clippy::result_large_err,
    reason = "the error is the reply to a request: made once, and not on a path that is timed"
)]

mod account;
mod benchmark;
mod measure;
mod session;

use std::fs::File;
use std::io::{self, BufRead, BufReader, BufWriter, IsTerminal, Read, Write};
use std::process::ExitCode;

use runtimes::{Config, Descriptor, Runtime};
use rustix::process::{Signal, set_parent_process_death_signal};

use self::session::Session;
use crate::protocol::{MAX_LINE_BYTES, Message, Request};

/// A fast allocator for everybody, where the harness asks for a build with one. It is compiled into
/// the program, where tasks can be preempted.
#[cfg(feature = "mimalloc")]
#[global_allocator]
static ALLOCATOR: runtimes::stackful::PreemptSafe<mimalloc::MiMalloc> =
    runtimes::stackful::PreemptSafe::new(mimalloc::MiMalloc);

/// One runtime of a contestant's program: its descriptor, and how its configuration differs from
/// the usual one.
#[derive(Clone, Copy, Debug)]
pub struct Entry {
    descriptor: &'static Descriptor,
    configure: fn(&mut Config),
    configuration: &'static [(&'static str, &'static str)],
}

impl Entry {
    /// The program's main runtime, configured as the workloads ask.
    pub const fn new(descriptor: &'static Descriptor) -> Self {
        Self { descriptor, configure: |_| {}, configuration: &[] }
    }

    /// The same engine with something of its configuration set by `configure`, and what that is in
    /// words: `("slice_us", "1000")`.
    pub const fn configured(
        descriptor: &'static Descriptor,
        configuration: &'static [(&'static str, &'static str)],
        configure: fn(&mut Config),
    ) -> Self {
        Self { descriptor, configure, configuration }
    }
}

/// The whole `main` of a contestant's program: answers the harness until it has no more requests.
///
/// The runtimes are all of type `R`; the first is the main one. See `PROTOCOL.md` for what is
/// spoken.
///
/// ```no_run
/// use contestant::Entry;
/// use runtimes::policies::local::Local;
/// use runtimes::{Descriptor, Executor, Origin, TaskKind, Workers};
///
/// const DESCRIPTOR: Descriptor = Descriptor {
///     name: "my-local",
///     summary: "One thread.",
///     isolates: "Nothing: it is an example.",
///     relatives: &["local"],
///     origin: Origin::Ours,
///     workers: Workers::Caller,
///     task: TaskKind::Stackless,
/// };
///
/// fn main() -> std::process::ExitCode {
///     contestant::main::<Executor<Local>>(&[Entry::new(&DESCRIPTOR)])
/// }
/// ```
pub fn main<R: Runtime>(entries: &[Entry]) -> ExitCode {
    if io::stdin().is_terminal() {
        eprintln!(
            "This program is a contestant: it answers requests on standard input, one a line, as \
             PROTOCOL.md in \
             benches/contestant says. `cargo stampede` asks it."
        );
    }
    match serve::<R>(entries) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}

fn serve<R: Runtime>(entries: &[Entry]) -> io::Result<()> {
    // A harness that is killed must not leave a measurement running beside the next one.
    set_parent_process_death_signal(Some(Signal::KILL))?;
    let (requests, messages) = claim_streams()?;
    let mut requests = BufReader::new(requests);
    let mut messages = BufWriter::new(messages);
    let mut say = |message: &Message| {
        serde_json::to_writer(&mut messages, message)?;
        messages.write_all(b"\n")?;
        messages.flush()
    };
    let mut session = Session::<R>::new(entries);
    let mut line = Vec::new();
    loop {
        line.clear();
        let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
        if requests.by_ref().take(limit).read_until(b'\n', &mut line)? == 0 {
            // The harness has gone, or has all that it wants: whatever still runs need not end
            // first.
            return Ok(());
        }
        let reply = match serde_json::from_slice::<Request>(&line) {
            Ok(request) => session.answer(request, &mut say)?,
            Err(error) => {
                Message::Refused { reason: format!("not a request of this protocol: {error}") }
            }
        };
        say(&reply)?;
    }
}

/// Keeps the standard streams for the protocol. Everybody else who writes to standard output writes
/// to standard error instead, and who reads standard input finds it empty.
fn claim_streams() -> io::Result<(File, File)> {
    let requests = rustix::io::fcntl_dupfd_cloexec(io::stdin(), 3)?;
    rustix::stdio::dup2_stdin(File::open("/dev/null")?)?;
    let messages = rustix::io::fcntl_dupfd_cloexec(io::stdout(), 3)?;
    rustix::stdio::dup2_stdout(io::stderr())?;
    Ok((File::from(requests), File::from(messages)))
}
