//! Results in, one offline HTML page out. Reads stored results; never measures.
//!
//! A cell travels through the modules in this order: [`schema`] and [`store`] (one JSON file per cell),
//! `matrix` (cells laid out, and which may be compared), `stats` (medians, spreads, what counts as a
//! difference), `summary`, `section`, `latency`, `counters`, `analysis` and `charts` (what the page
//! says), `page` and the files in `templates/` (how it looks), `render` (the file).

#![forbid(unsafe_code)]

pub mod check;
pub mod dirs;
pub mod histogram;
pub mod output;
pub mod schema;
pub mod store;
pub mod text;

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
