//! What is measured unless more is asked for: what a newcomer must see.

/// The programs of this repository that the default run leaves to `--full`: relatives of another
/// one that isolate a detail. What is in nobody's list, a new scheduler above all, is measured.
const LEFT_TO_FULL: &[&str] = &[
    // The same policy on other queues, and without counters.
    "work-stealing-biased",
    "work-stealing-uncounted",
    // Stacks under the other policies.
    "stackful-local",
    "stackful-global-queue",
    // Another language: it shares no more than the shape of the work.
    "go",
    // What a reactor's thread costs.
    "tokio-mt-reactor-thread",
    // Peers of a class in which a better known or faster one stands for it.
    "async-local",
    "async-static",
    "futures-local",
    "futures-pool",
    "may",
    "monoio",
];

/// The order in which lists and the page show the programs that everybody is compared with; all
/// others follow.
const FIRST: &[&str] = &["local", "global-herd", "global-queue", "work-stealing", "stackful"];

/// Whether the default run measures the program called `name`.
pub fn in_core_set(name: &str) -> bool {
    !LEFT_TO_FULL.contains(&name)
}

/// Where the program called `name` stands in lists.
pub(super) fn rank(name: &str) -> usize {
    FIRST.iter().position(|first| *first == name).unwrap_or(FIRST.len())
}
