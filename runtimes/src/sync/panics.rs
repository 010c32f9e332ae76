//! Panics that have nobody to go to.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Lets go of a panic that has nobody to go to, without letting its payload's destructor panic out.
pub(crate) fn discard(result: Result<(), Box<dyn Any + Send>>) {
    if let Err(payload) = result
        && let Err(second) = catch_unwind(AssertUnwindSafe(|| drop(payload)))
    {
        std::mem::forget(second);
    }
}
