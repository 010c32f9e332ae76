//! Results in, one offline HTML page out. Reads stored results; never measures.

#![forbid(unsafe_code)]

pub mod dirs;
pub mod histogram;
pub mod schema;
pub mod store;

mod analysis;
mod charts;
mod counters;
mod facts;
mod format;
mod latency;
mod matrix;
mod page;
mod render;
#[cfg(test)]
mod sample;
mod section;
mod stats;
mod summary;

pub use charts::ChartError;
pub use dirs::{page_path, results_dir};
pub use page::html;
pub use render::{RenderError, render};
pub use store::Store;
