//! An asymmetric fence: free for the side that runs often, dear for the side that runs rarely.
//!
//! Parking needs a store–load barrier on both sides (announce idleness, then look for work; publish
//! work, then look for idlers). `membarrier(PRIVATE_EXPEDITED)` makes every running thread of the
//! process execute a full barrier, so the frequent side (a push) needs only to keep the compiler from
//! reordering. Where the kernel lacks the call, both sides use a SeqCst fence.

use std::sync::OnceLock;
use std::sync::atomic::{
    Ordering::{Relaxed, SeqCst},
    compiler_fence,
};

use crate::sync::atomic::fence;

/// Whether `membarrier` was registered for this process. Written once, before any engine runs.
static EXPEDITED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Registers the process. Called before an engine starts its workers.
pub(crate) fn register() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let done = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        // Relaxed: every engine thread is spawned after `register` returned, and a thread that reads
        // the old value merely takes the dearer fence, which is right as well.
        EXPEDITED.store(done, Relaxed);
    });
}

/// The frequent side: stores before it are seen by whoever ran [`heavy`] after, or loads after it see what
/// was stored before that [`heavy`].
#[inline]
pub(crate) fn light() {
    if expedited() {
        compiler_fence(SeqCst);
    } else {
        fence(SeqCst);
    }
}

/// The rare side.
pub(crate) fn heavy() {
    // The fence orders this thread for the symmetrical case; the call orders all the others.
    fence(SeqCst);
    if EXPEDITED.load(Relaxed) {
        membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
    }
}

/// Never under loom, which knows fences but no membarrier.
#[inline]
fn expedited() -> bool {
    !cfg!(stampede_loom) && EXPEDITED.load(Relaxed)
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes a command, flags and a processor number, and touches no memory of ours.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}
