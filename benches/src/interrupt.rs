//! Ctrl-C and SIGTERM: what runs ends at once, what has been measured is kept.
//!
//! A terminal sends Ctrl-C to the children as well, but SIGTERM comes to this process alone. A
//! thread of its own waits for either, so that the children that run need not be waited for.

use std::io;
use std::os::fd::OwnedFd;
use std::process::Child;
use std::sync::atomic::{AtomicI32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;

use rustix::process::{Pid, PidfdFlags, Signal, pidfd_open, pidfd_send_signal};
use signal_hook::consts::{SIGINT, SIGTERM};
use signal_hook::iterator::Signals;

/// What the shell adds to the number of the signal that ended a command.
const SHELL_BASE: i32 = 128;

/// Whether somebody wants this process to end, and the children that are to end with it.
#[derive(Clone, Debug, Default)]
pub struct Interrupt(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    /// The signal that came, 0 before.
    signal: AtomicI32,
    /// The children that run now. Descriptors, because a process id may have become another's by
    /// the time a signal comes.
    children: Mutex<Vec<OwnedFd>>,
}

impl Interrupt {
    /// Starts to listen. A second signal ends the process at once, whatever it does.
    ///
    /// # Errors
    /// When the system refuses to deliver signals or to start a thread.
    pub fn watch() -> io::Result<Self> {
        let interrupt = Self::default();
        let mut signals = Signals::new([SIGINT, SIGTERM])?;
        let heard = interrupt.clone();
        thread::Builder::new().name("signals".to_owned()).spawn(move || {
            for signal in signals.forever() {
                if heard.came() {
                    std::process::exit(SHELL_BASE + signal);
                }
                heard.interrupt(signal);
            }
        })?;
        Ok(interrupt)
    }

    /// Whether the work is to end.
    pub fn came(&self) -> bool {
        self.0.signal.load(Relaxed) != 0
    }

    /// The exit code of a command that a signal ended, as the shell would have it.
    pub fn exit_code(&self) -> u8 {
        u8::try_from(SHELL_BASE + self.0.signal.load(Relaxed)).unwrap_or(u8::MAX)
    }

    /// As if `signal` had come.
    pub fn interrupt(&self, signal: i32) {
        self.0.signal.store(signal, Relaxed);
        self.end_children();
    }

    /// A child has been interrupted by somebody else, who means us as well.
    pub(crate) fn note(&self) {
        let _ = self.0.signal.compare_exchange(0, SIGINT, Relaxed, Relaxed);
    }

    /// From now on `child` ends, too; at once if a signal has come before.
    pub(crate) fn attend(&self, child: &Child) {
        // A kernel without such descriptors lets the child run to its end.
        self.children().extend(pidfd_open(Pid::from_child(child), PidfdFlags::empty()).ok());
        // The signal may have come while the child was not in the list: whoever comes second, here or in
        // `interrupt`, finds what the other has left, because both take the lock.
        if self.came() {
            self.end_children();
        }
    }

    /// All children have ended.
    pub(crate) fn release(&self) {
        self.children().clear();
    }

    fn end_children(&self) {
        for child in &*self.children() {
            // It may have ended already.
            let _ = pidfd_send_signal(child, Signal::KILL);
        }
    }

    fn children(&self) -> std::sync::MutexGuard<'_, Vec<OwnedFd>> {
        self.0.children.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
