//! The body of a stackful runtime's tasks: what its engine polls.

use std::future::Future;
use std::ops::Deref;
use std::ptr::NonNull;
use std::sync::Arc;

use super::{Coroutine, Pool};
use crate::runtime::{Config, StartError};
use crate::task::Body;

/// Tasks that drive their future on a stack of its own.
#[derive(Debug)]
pub enum Stackful {}

impl Stackful {
    /// The registered name, with the policy of work stealing.
    pub const NAME: &'static str = "stackful";
}

/// The pool of a task's runtime. It is not counted: two updates of one shared counter for every task would
/// bounce its cache line between the workers.
#[derive(Debug)]
pub struct RuntimePool(NonNull<Pool>);

// SAFETY: it is used as a `&Pool`, and a pool is `Sync`.
unsafe impl Send for RuntimePool {}

impl Deref for RuntimePool {
    type Target = Pool;

    #[inline]
    fn deref(&self) -> &Pool {
        // SAFETY: made only by `Stackful::wrap`, whose caller keeps the pool alive as long as the future.
        unsafe { self.0.as_ref() }
    }
}

// SAFETY: between polls nothing of the future is on its stack; see `Coroutine`.
unsafe impl Body for Stackful {
    type Shared = Pool;
    type Future<F: Future> = Coroutine<F, RuntimePool>;

    fn runtime_name(policy: &'static str) -> &'static str {
        match policy {
            "local" => "stackful-local",
            "global-herd" => "stackful-global-herd",
            "global-queue" => "stackful-global-queue",
            _ => Self::NAME,
        }
    }

    /// Maps nothing yet: stacks are made when tasks start.
    fn shared(config: &Config) -> Result<Arc<Pool>, StartError> {
        Ok(Pool::new(config.stack_size))
    }

    #[inline]
    unsafe fn wrap<F: Future>(pool: &Arc<Pool>, future: F) -> Coroutine<F, RuntimePool> {
        Coroutine::new(RuntimePool(NonNull::from(&**pool)), future)
    }
}
