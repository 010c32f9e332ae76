//! Trying what a peer will ask of the system, before it does.
//!
//! Some peers make their own threads and descriptors, and panic or hang halfway when the system
//! refuses one. Nobody can repair that from outside, so what they need is asked for here first, all
//! of it at once, and given back. If the system refuses it, the peer is not started. Another
//! process could still take the last thread in between; a panic that comes of that is caught
//! ([`or_panic`]).

use std::any::Any;
use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use runtimes::StartError;
use runtimes::adapter::check_room;

/// Whether the process may have `count` more threads.
pub(super) fn threads(count: usize) -> Result<(), StartError> {
    try_threads(count).map_err(|source| StartError::Os { what: "worker threads", source })
}

fn try_threads(count: usize) -> io::Result<()> {
    check_room(count)?;
    let gate = Arc::new(Mutex::new(()));
    let closed = gate.lock();
    let mut threads = Vec::with_capacity(count);
    let mut outcome = Ok(());
    while outcome.is_ok() && threads.len() < count {
        let gate = Arc::clone(&gate);
        let run = move || {
            drop(gate.lock());
            own_entry()
        };
        outcome = thread::Builder::new()
            .name("rehearsal".into())
            .spawn(run)
            .map(|thread| threads.push(thread));
    }
    drop(closed);
    // They do not panic; if one did, its message was printed.
    let ended: Vec<_> = threads.into_iter().filter_map(|thread| thread.join().ok()).collect();
    // The kernel counts a thread for a moment after it was joined.
    ended.iter().for_each(|entry| wait_until_gone(entry));
    outcome
}

/// Where the kernel lists the calling thread.
pub(super) fn own_entry() -> PathBuf {
    PathBuf::from(format!("/proc/self/task/{}", rustix::thread::gettid().as_raw_nonzero()))
}

/// Waits until the kernel has forgotten a thread that has ended or is about to. It may be joined
/// before that.
pub(super) fn wait_until_gone(entry: &Path) {
    // Microseconds on an idle machine. The limit is only for a kernel that reports nonsense.
    let limit = Instant::now() + Duration::from_secs(10);
    while entry.exists() && Instant::now() < limit {
        thread::sleep(Duration::from_micros(20));
    }
}

/// Whether the process may have `count` more descriptors.
pub(super) fn descriptors(count: usize) -> Result<(), StartError> {
    let opened = (0..count)
        .map(|_| File::open("/dev/null").map(OwnedFd::from))
        .collect::<io::Result<Vec<_>>>();
    opened.map(drop).map_err(|source| StartError::Os { what: "reactor", source })
}

/// Runs a peer's constructor and makes an error of its panic.
pub(super) fn or_panic<T>(make: impl FnOnce() -> T) -> io::Result<T> {
    catch_unwind(AssertUnwindSafe(make))
        .map_err(|payload| io::Error::other(message(&*payload).to_owned()))
}

fn message(payload: &(dyn Any + Send)) -> &str {
    let text = payload.downcast_ref::<String>().map(String::as_str);
    text.or_else(|| payload.downcast_ref::<&str>().copied()).unwrap_or("it panicked")
}
