//! Small parameters, for tests of runtimes and of the workloads themselves.

/// The parameters with which the workload called `name` takes milliseconds: those in its card.
pub fn small_params(name: &str) -> &'static [(&'static str, u64)] {
    crate::cards().into_iter().find(|card| card.name == name).map_or(&[], |card| card.small)
}
