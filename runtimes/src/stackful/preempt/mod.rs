//! Time slices: a monitor thread interrupts a coroutine that computes for too long, and its worker
//! goes on with others.
//!
//! It is off unless [`Config::slice`](crate::Config::slice) asks for it, and even then only code
//! inside [`preemptible`] is interrupted. The mechanism is that of Go: the monitor sends `SIGURG`
//! to the worker's thread; the handler does not switch stacks itself but edits the interrupted
//! registers, so that the thread returns from the signal into a trampoline on the coroutine's
//! stack. The trampoline saves all registers there and suspends the coroutine as if it had called a
//! function that does so. Resumed, it restores them and goes on at the very instruction.
//!
//! # Why this is sound
//! **The handler only looks and edits.** It runs on an alternate stack with `SIGURG` blocked,
//! touches atomics and const thread-locals, and returns. Signal mask and alternate stack are
//! therefore the thread's own again before the coroutine is suspended, and nothing of the handler
//! lies on its stack.
//!
//! **It is decided at each signal whether here and now is safe** (`safe_point`): in a region, not
//! in a `NoPreempt`, the very slice that the monitor saw, in code of the executable and not of a
//! shared library (whose locks and state may be in the middle of a change: `malloc`), on the
//! coroutine's own stack with room left, and not while a panic unwinds. Otherwise the coroutine
//! goes on and the monitor tries again.
//!
//! **A preempted coroutine stays on its worker's thread**, so addresses of thread-locals that the
//! compiler keeps in registers stay right. The task is marked as *preempted*
//! (`task::mark_preempted`): pinned to the worker, woken (it is due to run), and not to be dropped.
//! It is queued by the worker itself, behind everything else that is ready. While it is so marked
//! it is `SCHEDULED` or `RUNNING` all the time, so wakes only set a bit that is set, and the task's
//! memory, which the waker in the interrupted poll borrows without counting, stays. When its poll
//! ends by itself, the pin ends too.
//!
//! **Cancelling waits.** Frames in the middle of anything cannot be unwound. An abort of a
//! preempted task takes effect at its next voluntary suspension, as does shutdown: each worker
//! first runs its preempted tasks up to there.
//!
//! **The runtime protects itself.** What a region may call of it (spawning, waking, timers,
//! sockets, stacks) holds a guard for as long as it has a lock or uses the worker's own parts.
//!
//! **What one turn sets up ends with it.** The worker's `Slot` describes the running coroutine;
//! entering another stack or suspending puts it aside and puts it back, so the depth of regions and
//! guards is a coroutine's own, not a thread's. Coroutines are numbered for that: a `NoPreempt`
//! knows its maker and counts for it, whoever drops it, and a number is never used again. The
//! runtime's own guards never leave the coroutine that made them, and are just counted.
//!
//! **The signal arrives.** Workers unblock `SIGURG`, which they may have inherited blocked, while
//! they are registered. Where one runtime's worker is registered within another's (a task drops a
//! runtime on its caller's thread), signals for the outer one find the inner slot and are lost; so
//! the outer one forgets that one is on its way when it is back.
//!
//! **One signal takes one slice, the one that it was sent for**: see `words`, and `monitor` for how
//! the monitor sleeps. Both are model-checked.

#![cfg_attr(not(target_arch = "x86_64"), allow(dead_code, reason = "slicing is refused at start"))]

mod allocator;
mod alternate_stack;
mod histogram;
#[cfg(all(test, stampede_loom))]
mod models;
mod monitor;
mod region;
mod safe_point;
mod signal;
mod slicer;
mod slot;
#[cfg(test)]
mod tests;
#[cfg(target_arch = "x86_64")]
#[path = "x86_64.rs"]
mod trampoline;
#[cfg(not(target_arch = "x86_64"))]
#[path = "unsupported.rs"]
mod trampoline;
mod words;

pub use crate::sync::no_preempt::NoPreempt;
pub use allocator::PreemptSafe;
pub use histogram::Histogram;
pub use region::preemptible;
pub(super) use slicer::Slicer;
pub use slicer::{Registered, SliceStats};
pub(super) use slot::{Slot, current, mark_or_clear};
