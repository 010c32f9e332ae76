//! One thread runs at most one runtime at a time: the guard that every `block_on` and worker holds.

use std::cell::Cell;

use crate::sync::Unsuspended;

thread_local! {
    static INSIDE: Cell<Option<&'static str>> = const { Cell::new(None) };
}

/// Marks the thread as being inside a runtime until it is dropped. Direct-style code that blocks on
/// a runtime cannot be suspended meanwhile: the thread would stay marked, and the code that runs
/// next would be told that it is inside.
#[derive(Debug)]
pub struct Entered(#[expect(dead_code, reason = "dropped at the end")] Unsuspended);

/// Marks this thread as running `runtime`.
///
/// # Panics
/// When the thread is inside a runtime already: blocking it would stop every task it serves.
pub fn enter(runtime: &'static str) -> Entered {
    if let Some(outer) = INSIDE.replace(Some(runtime)) {
        INSIDE.set(Some(outer));
        panic!(
            "block_on of runtime `{runtime}` was called from inside runtime `{outer}`: it would \
             block a thread \
             that has tasks to run; await the future instead, or call block_on from a thread of \
             your own"
        );
    }
    Entered(Unsuspended::new())
}

impl Drop for Entered {
    fn drop(&mut self) {
        INSIDE.set(None);
        crate::budget::lift();
    }
}
