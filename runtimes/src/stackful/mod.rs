//! Tasks that are coroutines: each has a stack of its own.
//!
//! Two kinds, on one mechanism (a [`Pool`] of guarded stacks, each with a coroutine of the
//! corosensei crate that stays on it and runs one job after another):
//!
//! - [`Coroutine`] **drives a future**: each poll runs on the task's stack, `Pending` suspends the
//!   stack. What the same future costs on a stack of its own is the measured comparison with a
//!   stackless task.
//! - [`go`] runs **direct-style code**: a closure that looks as if it blocked. Inside,
//!   [`wait`] suspends the whole call stack until a future is ready, however deep the call.
//!
//! # Which may move between workers
//! A coroutine that drives a future suspends only between polls. Its stack then holds nothing of
//! the future, so it is `Send` when the future is, and a policy may move it. This is also why
//! [`wait`] is refused inside a poll: it would suspend foreign frames in the middle, with whatever
//! they borrow, and the task could wake up on another thread: a lock guard, an `Rc` or a reference
//! into a thread-local would have moved with it.
//!
//! Direct-style code suspends with its locals on the stack, and those need not be `Send`. It is
//! therefore pinned: created, run and dropped on one worker. The type says so, [`Direct`] is not
//! `Send`.
//!
//! # What safe code cannot do
//! A suspended frame is still there while other code runs on its thread, which nothing else in Rust
//! is. These hold:
//!
//! - **It borrows nothing that may end before it.** [`go`] takes closures that are `'static`, so
//!   that what is forgotten leaks and does no harm. What `LocalKey::with` lends ends with its
//!   thread: a worker unwinds its tasks before, and a runtime on its caller's thread gives them up
//!   when the thread's destructors run first (`direct/thread_end.rs`). Polling [`Direct`] by hand
//!   leaves both to the caller, hence `unsafe`.
//! - **It leaves no thread-local of ours behind.** Within `block_on`, the end of a runtime and
//!   every other section in which the engine sets one, [`wait`] is refused and nothing is
//!   preempted: such sections end in reverse order.
//! - **It does not suspend while it unwinds**, as the thread would stay "panicking" for others.
//!   What waits in a destructor is told so by [`Unwinding`], and only [`wait`] itself has no other
//!   answer than a panic.
//! - **Code that is given up keeps its stack and nothing else.** The rest of its pool goes with the
//!   runtime.
//!
//! What remains with the caller is said at [`wait`]: other libraries' scoped thread-locals.
//!
//! # What a stack costs
//! Address space of the configured size and one guard; memory only for pages that were touched, one
//! for shallow code. Every stack is at least 32 KiB: printing the backtrace of a panic takes some
//! 22 KiB of it. Unoptimised builds need several times what optimised ones do. Code that overflows
//! its stack hits the guard, which ends the process with a message that names the task. The guard
//! is a page or two, so C code that puts larger arrays on its stack without touching them in order
//! (Rust does touch them) could step over it, as on any thread.
//!
//! # Time slices
//! With [`Config::slice`](crate::Config::slice), code inside [`preemptible`] is interrupted when it
//! has run for longer; see [`preempt`]. A preempted coroutine has foreign frames on its stack, as
//! direct-style code does, and is pinned until its poll has ended; voluntary suspensions stay as
//! they are. The task keeps its stack from the first poll to the last for that reason, although
//! between polls it needs none.

mod body;
mod coroutine;
pub mod direct;
mod fiber;
mod overflow;
mod pool;
pub mod preempt;
mod stack;
#[cfg(test)]
mod tests;

pub use body::{RuntimePool, Seat, Stackful};
pub use coroutine::{Coroutine, PoolRef};
pub use direct::{Cancelled, Direct, Unwinding, go, go_named, suspend, try_wait, wait};
pub use pool::{Pool, Stats};
pub use preempt::{NoPreempt, PreemptSafe, SliceStats, preemptible};

/// Work stealing among tasks that have a stack of their own: what the examples here start.
pub type StackfulExecutor = crate::Executor<crate::policies::work_stealing::WorkStealing, Stackful>;
