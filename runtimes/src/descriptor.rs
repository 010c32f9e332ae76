//! What the registry knows about a variant: the text that lists, pages and error messages show.

/// Identity and description of one registered runtime.
#[derive(Clone, Copy, Debug)]
pub struct Descriptor {
    /// Registered name: lower case, digits and hyphens; what filters and results use.
    pub name: &'static str,
    /// One sentence: the policy, and the queue or crate it stands on.
    pub summary: &'static str,
    /// One sentence: what its comparison with its neighbours isolates.
    pub isolates: &'static str,
    /// Registered names of the runtimes that it is best compared with, the closest first:
    /// `cargo stampede try` compares it with them.
    pub relatives: &'static [&'static str],
    /// Where the code comes from.
    pub origin: Origin,
    /// Which worker counts it accepts.
    pub workers: Workers,
    /// What a task is made of.
    pub task: TaskKind,
}

/// Where a runtime's code comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// A policy of this crate on this crate's engine.
    Ours,
    /// Somebody else's executor behind our outer trait, on our reactor.
    Peer {
        /// The crate on the package registry.
        package: &'static str,
    },
}

/// Which worker counts a runtime accepts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workers {
    /// Exactly one: tasks run on the thread that calls `block_on`.
    Caller,
    /// Any number of threads of its own.
    Many,
}

/// What a task is made of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TaskKind {
    /// A future, polled on the worker's stack.
    Stackless,
    /// A coroutine with a stack of its own.
    Stackful,
    /// The same, preempted in its regions when its time slice is over. Elsewhere it differs in
    /// nothing, so workloads without regions are not measured on it unless it is named.
    Sliced,
    /// The same on a stack that is not used again. It says what the pool is worth, where stacks are
    /// made, and is measured only there unless it is named.
    Unpooled,
}
