//! Why a task gave no output.

use std::any::Any;
use std::fmt;

/// Why awaiting a task's handle gave no output.
pub enum JoinError {
    /// The task was aborted, or its runtime shut down first.
    Cancelled,
    /// The task panicked; the payload is what it panicked with.
    Panicked(Box<dyn Any + Send + 'static>),
}

impl JoinError {
    /// The text of the panic, when the task panicked with one.
    pub fn panic_message(&self) -> Option<&str> {
        let Self::Panicked(payload) = self else { return None };
        payload
            .downcast_ref::<&str>()
            .copied()
            .or_else(|| payload.downcast_ref::<String>().map(String::as_str))
    }
}

impl fmt::Debug for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("Cancelled"),
            Self::Panicked(_) => {
                f.debug_tuple("Panicked").field(&self.panic_message().unwrap_or("…")).finish()
            }
        }
    }
}

impl fmt::Display for JoinError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled => f.write_str("the task was cancelled"),
            Self::Panicked(_) => {
                write!(f, "the task panicked: {}", self.panic_message().unwrap_or("(no message)"))
            }
        }
    }
}

impl std::error::Error for JoinError {}
