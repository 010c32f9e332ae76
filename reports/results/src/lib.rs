//! What a result is: its stored form, its statistics, and how its numbers are written.
//!
//! Whoever measures and whoever draws both stand on this crate, and neither on the other. Reading
//! order: [`schema`] (what is stored), [`check`] (what is believed), [`store`] and [`output`] (how
//! it gets to disk and back), [`histogram`] and [`noise`] (parts of it), [`builds`] (what
//! stands beside the cells), [`stats`] and
//! [`percentile`] (what is computed from it), [`mod@format`] and [`text`] (how it is written for
//! people).

#![forbid(unsafe_code)]

pub mod builds;
pub mod check;
pub mod dirs;
pub mod format;
pub mod histogram;
pub mod noise;
pub mod output;
pub mod percentile;
pub mod schema;
pub mod stats;
pub mod store;
pub mod text;

pub use dirs::{page_path, results_dir};
pub use store::Store;
