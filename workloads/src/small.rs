//! Small parameters, for tests of runtimes and of the workloads themselves.

/// The parameters with which the workload called `name` takes milliseconds: those in its
/// definition.
pub fn small_params(name: &str) -> &'static [(&'static str, u64)] {
    crate::definitions()
        .into_iter()
        .find(|definition| definition.name == name)
        .map_or(&[], |definition| definition.small)
}
