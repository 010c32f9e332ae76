//! Runtimes side by side: interleaved rounds, each run in a process of its own, and a verdict.
//!
//! Reading order: [`plan`] (who meets whom), [`sheet`] (what the rounds gave), [`verdict`] (what
//! follows from it), [`noise`](crate::noise) (which rounds do not count), [`run`] (the loop over
//! rounds), [`builds`] (which verdicts hold in every build), [`table`] and [`mod@file`] (how it is
//! shown and kept).

pub mod builds;
pub mod file;
pub mod plan;
pub mod run;
pub mod sheet;
pub mod standing;
pub mod table;
pub mod verdict;
