//! Results in, one offline HTML page out. Reads stored results; never measures.

pub mod schema;
