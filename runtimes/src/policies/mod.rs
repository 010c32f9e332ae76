//! Policies that several schedulers or tests share. A scheduler is a program that gives one of these,
//! or one of its own, to the engine: `runtimes/schedulers/src/bin`.

pub mod global_queue;
pub mod local;
pub mod work_stealing;
pub mod work_stealing_biased;
