//! The ground floor: what the rest of the crate is built on, and which uses nothing of it.
//!
//! Atomics and threads are the standard library's, or loom's when the protocols are model-checked.
//! `mutex` and `futex` are made of them, `barrier` is the asymmetric fence, `gate` is what a
//! shutdown closes. `no_preempt` and `unsuspended` keep a coroutine running that has something of
//! its thread's in its hands, and `panics` is what becomes of panics that have nobody to go to.

pub(crate) mod barrier;
#[cfg(all(test, stampede_loom))]
mod explore;
mod futex;
pub(crate) mod gate;
mod mutex;
pub(crate) mod no_preempt;
mod panics;
pub(crate) mod unsuspended;

#[cfg(stampede_loom)]
pub(crate) use loom::{sync::atomic, thread};
#[cfg(not(stampede_loom))]
pub(crate) use std::{sync::atomic, thread};

#[cfg(stampede_loom)]
use loom::sync as imp;
#[cfg(not(stampede_loom))]
use std::sync as imp;

#[cfg(all(test, stampede_loom))]
pub(crate) use explore::{explore, explore_with_barriers};
pub(crate) use futex::Futex;
pub(crate) use mutex::{ClosedMutex, Mutex};
pub(crate) use panics::discard;
pub(crate) use unsuspended::Unsuspended;

/// A moment's wait for another thread, in a loop that looks whether it is over.
#[inline]
pub(crate) fn pause() {
    #[cfg(stampede_loom)]
    loom::thread::yield_now();
    #[cfg(not(stampede_loom))]
    std::hint::spin_loop();
}
