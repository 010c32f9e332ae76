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
        /// The package that brings it: the crate's name, on the package registry or elsewhere.
        package: &'static str,
        /// What it by its own design does not promise: the checks of it pass over this runtime.
        deviations: &'static [Deviation],
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

/// Something that the outer trait, or good manners, ask of an executor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Property {
    /// An aborted task's handle reports the cancellation only when the future has been dropped.
    AbortWaitsForDrop,
    /// A task's future has been dropped when its handle yields the output.
    DropsBeforeJoin,
    /// A panic in a future's or an output's destructor reaches neither the process nor other tasks.
    ContainsDestructorPanics,
    /// Shutdown drops pending tasks that nobody wakes.
    DropsUnwokenTasks,
    /// A task that yields lets the others run.
    YieldLetsOthersRun,
    /// An endless line of tasks, each spawned by the one before, lets the others and `block_on`'s
    /// future run.
    OffspringLetsOthersRun,
    /// What a task has spawned is run by other workers when the task then blocks its own.
    BlockedWorkerStrandsNobody,
    /// A task that another thread wakes is run by whichever worker is free.
    FreeWorkerRunsWokenTask,
    /// A worker with runnable tasks takes in new ones and those that other threads wake.
    BusyWorkerTakesNewTasks,
    /// A runtime's threads are its own: it may have any number of them, and they end with it.
    OwnsItsThreads,
    /// A task whose stack is suspended in the middle of its code goes on on the same thread.
    KeepsStacksOnTheirThreads,
    /// A runtime may be dropped inside another runtime's task, which it blocks meanwhile.
    DropsInsideTasks,
}

/// One promise that a peer does not make.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Deviation {
    /// What is not promised.
    pub property: Property,
    /// Why, from the peer's documentation or source.
    pub reason: &'static str,
}

impl Descriptor {
    /// Why the runtime does not promise `property`, when it does not.
    pub fn deviation(&self, property: Property) -> Option<&'static str> {
        let Origin::Peer { deviations, .. } = self.origin else { return None };
        let deviation = deviations.iter().find(|deviation| deviation.property == property)?;
        Some(deviation.reason)
    }
}
