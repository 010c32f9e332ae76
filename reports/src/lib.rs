//! Results in, one offline HTML page out. Reads stored results; never measures.

#![forbid(unsafe_code)]

pub mod dirs;
pub mod histogram;
pub mod schema;
pub mod store;

pub use dirs::{page_path, results_dir};
pub use store::Store;
