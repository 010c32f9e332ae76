//! Busy work counted in steps, and the seam through which code without `unsafe` lets it be
//! preempted.

use std::hint::black_box;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use crate::stackful::preemptible;

/// Runs `steps` steps of a xorshift generator: each needs the one before, stays in registers, and
/// has no closed form that a compiler could put in its place.
#[inline(never)]
pub fn spin(steps: u64) -> u64 {
    let mut x = black_box(0x9E37_79B9_7F4A_7C15_u64);
    for _ in 0..steps {
        x ^= x << 13;
        x ^= x >> 7;
        x ^= x << 17;
    }
    black_box(x)
}

/// Spins `rounds` times for `steps` steps, and adds 1 to `progress` after each round, in a
/// [`preemptible`] region: a runtime that slices time may let other tasks run in the middle of it.
/// On any other it is a loop that its worker does not leave.
///
/// `preemptible` asks much of the code that it calls, and so is unsafe. What is called here is
/// known, which makes it safe for everybody.
pub fn spin_preemptible(rounds: u64, steps: u64, progress: &AtomicU64) {
    // SAFETY: the region computes in registers and adds to an atomic that it borrows. It holds no
    // lock, touches no thread-local, allocates nothing, changes nothing of the thread, waits for
    // nobody and enters nothing.
    unsafe {
        preemptible(|| {
            for _ in 0..rounds {
                spin(steps);
                // Relaxed: whoever reads it wants a number and nothing behind it.
                progress.fetch_add(1, Relaxed);
            }
        });
    }
}

/// Takes rounds out of `pot` one at a time, and spins for `steps` steps for each, until it has had
/// `most` of them or the pot is empty; in a region, as [`spin_preemptible`]. Returns how many it
/// had.
pub fn spin_from_pot(pot: &AtomicU64, most: u64, steps: u64) -> u64 {
    // SAFETY: as above: registers, and an atomic that it borrows.
    unsafe {
        preemptible(|| {
            let mut had = 0;
            // Relaxed: a number and nothing behind it.
            while had < most
                && pot.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).is_ok()
            {
                spin(steps);
                had += 1;
            }
            had
        })
    }
}
