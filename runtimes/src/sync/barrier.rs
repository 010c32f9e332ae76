//! An asymmetric fence: free for the side that runs often, dear for the side that runs rarely.
//!
//! Parking needs a store–load barrier on both sides (announce idleness, then look for work; publish
//! work, then look for idlers). `membarrier(PRIVATE_EXPEDITED)` makes every running thread of the
//! process execute a full barrier, so the frequent side (a push) needs only to keep the compiler
//! from reordering. Where the kernel lacks the call, both sides use a SeqCst fence.

#[cfg(not(stampede_loom))]
use std::sync::OnceLock;
#[cfg(not(stampede_loom))]
use std::sync::atomic::Ordering::Relaxed;
use std::sync::atomic::{Ordering::SeqCst, compiler_fence};

use super::atomic::fence;

/// Whether `membarrier` was registered for this process. Written once, before any engine runs.
#[cfg(not(stampede_loom))]
static EXPEDITED: std::sync::atomic::AtomicBool = std::sync::atomic::AtomicBool::new(false);

/// Registers the process. Called before an engine starts its workers.
#[cfg(not(stampede_loom))]
pub(crate) fn register() {
    static ONCE: OnceLock<()> = OnceLock::new();
    ONCE.get_or_init(|| {
        let done = membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED);
        // Relaxed: every engine thread is spawned after `register` returned, and a thread that
        // reads the old value merely takes the dearer fence, which is right as well.
        EXPEDITED.store(done, Relaxed);
    });
}

/// A model says itself which kind of barrier it has.
#[cfg(stampede_loom)]
pub(crate) fn register() {}

/// The frequent side: stores before it are seen by whoever ran [`heavy`] after, or loads after it
/// see what was stored before that [`heavy`].
#[inline]
pub(crate) fn light() {
    if expedited() {
        compiler_fence(SeqCst);
        #[cfg(stampede_loom)]
        modelled::light();
    } else {
        fence(SeqCst);
    }
}

/// The rare side.
pub(crate) fn heavy() {
    // The fence orders this thread for the symmetrical case; the call orders all the others.
    fence(SeqCst);
    if expedited() {
        interrupt_all();
    }
}

#[cfg(not(stampede_loom))]
#[inline]
fn expedited() -> bool {
    EXPEDITED.load(Relaxed)
}

#[cfg(not(stampede_loom))]
fn interrupt_all() {
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED);
}

#[cfg(not(stampede_loom))]
fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: membarrier takes a command, flags and a processor number, and touches no memory of
    // ours.
    !cfg!(miri) && unsafe { libc::syscall(libc::SYS_membarrier, command, 0, 0) == 0 }
}

#[cfg(all(test, stampede_loom))]
pub(crate) use modelled::run_in_both_modes;
#[cfg(stampede_loom)]
use modelled::{expedited, interrupt_all};

/// `membarrier` as a model sees it.
///
/// The call makes each running thread execute a fence at some point of its program. What that
/// orders is what a compiler fence keeps on its side of the point: so either a thread's light side
/// comes before the point, and what it did before is visible to the caller afterwards, or it comes
/// after, and sees what the caller did before. Hence a word for each thread, which its light side
/// and every heavy side change by an acquiring and releasing read-modify-write: the order of these
/// on that word says which of the two it was. Two light sides have no word in common and order
/// nothing, nor does a light side and a `SeqCst` fence.
#[cfg(stampede_loom)]
mod modelled {
    use std::cell::Cell;
    use std::sync::atomic::{AtomicUsize as Count, Ordering::Relaxed};

    use crate::sync::atomic::{AtomicUsize, Ordering::AcqRel};

    /// Loom allows a model no more threads.
    const THREADS: usize = 5;

    loom::lazy_static! {
        static ref WORDS: [AtomicUsize; THREADS] = std::array::from_fn(|_| AtomicUsize::new(0));
        /// Numbers for the threads; loom need not know of it.
        static ref NEXT: Count = Count::new(0);
    }

    loom::thread_local! {
        static NUMBER: usize = NEXT.fetch_add(1, Relaxed);
    }

    thread_local! {
        /// Loom runs all threads of a model on the thread that checks it.
        static EXPEDITED: Cell<bool> = const { Cell::new(false) };
    }

    pub(super) fn expedited() -> bool {
        EXPEDITED.get()
    }

    pub(super) fn light() {
        NUMBER.with(|&number| WORDS[number].fetch_add(0, AcqRel));
    }

    pub(super) fn interrupt_all() {
        WORDS.iter().for_each(|word| {
            word.fetch_add(0, AcqRel);
        });
    }

    /// Calls `check` with a fence on both sides, and with `membarrier` on one. It calls the
    /// function that it is given at the beginning of each execution: the first use of the words
    /// orders those who use them, so it must not be in a thread.
    #[cfg(test)]
    pub(crate) fn run_in_both_modes(check: impl Fn(fn())) {
        for expedited in [false, true] {
            EXPEDITED.set(expedited);
            check(|| {
                let _ = (WORDS.len(), NEXT.load(Relaxed));
            });
        }
        EXPEDITED.set(false);
    }
}
