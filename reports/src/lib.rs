//! Results in, one offline HTML page out. Reads stored results; never measures.
//!
//! A cell travels through the modules in this order: [`results::store`] (one JSON file per cell),
//! `matrix` (cells laid out, and which may be compared), [`results::stats`] (medians, spreads, what
//! counts as a difference), `summary`, `section`, `latency`, `counters`, `analysis` and `charts`
//! (what the page says), `page` and the files in `templates/` (how it looks), `render` (the file).

#![forbid(unsafe_code)]

mod analysis;
mod builds;
mod charts;
mod counters;
mod facts;
mod latency;
mod matrix;
mod moment;
mod page;
mod quantity;
mod render;
#[cfg(test)]
mod sample;
mod section;
mod summary;

pub use charts::ChartError;
pub use page::html;
pub use render::{RenderError, render};
