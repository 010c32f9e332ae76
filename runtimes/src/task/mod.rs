//! Tasks.
mod error;
pub use error::JoinError;
