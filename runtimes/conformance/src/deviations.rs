//! What a peer by its own design does not promise, in one table: the checks of a property pass over
//! these runtimes.

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

/// One promise that one runtime does not make.
pub struct Deviation {
    /// Registered name.
    pub runtime: &'static str,
    /// What is not promised.
    pub property: Property,
    /// Why, from the peer's documentation or source.
    pub reason: &'static str,
}

/// Every known deviation.
pub const DEVIATIONS: &[Deviation] = &[
    Deviation {
        runtime: "async-executor",
        property: Property::ContainsDestructorPanics,
        reason: "async-task drops futures under its `abort_on_panic`: a destructor that panics \
         ends the process",
    },
    Deviation {
        runtime: "async-static",
        property: Property::ContainsDestructorPanics,
        reason: "async-task drops futures under its `abort_on_panic`: a destructor that panics \
         ends the process",
    },
    Deviation {
        runtime: "async-static",
        property: Property::DropsUnwokenTasks,
        reason: "a StaticExecutor has no Drop and no list of tasks: those left over \"will not be \
         cancelled\"",
    },
    Deviation {
        runtime: "async-local",
        property: Property::ContainsDestructorPanics,
        reason: "async-task drops futures under its `abort_on_panic`: a destructor that panics \
         ends the process",
    },
    Deviation {
        runtime: "futures-local",
        property: Property::AbortWaitsForDrop,
        reason: "dropping a RemoteHandle is the only way to cancel: \"the remote future will be \
         woken up to be dropped\"",
    },
    Deviation {
        runtime: "futures-pool",
        property: Property::AbortWaitsForDrop,
        reason: "dropping a RemoteHandle is the only way to cancel: \"the remote future will be \
         woken up to be dropped\"",
    },
    Deviation {
        runtime: "futures-pool",
        property: Property::DropsBeforeJoin,
        reason: "futures-util's Remote sends the output while it still owns the future; the pool \
         drops both afterwards",
    },
    Deviation {
        runtime: "futures-local",
        property: Property::ContainsDestructorPanics,
        reason: "LocalPool drops futures without catching: the panic leaves run_until",
    },
    Deviation {
        runtime: "futures-pool",
        property: Property::ContainsDestructorPanics,
        reason: "ThreadPool drops futures without catching: the panic ends the worker thread",
    },
    Deviation {
        runtime: "futures-pool",
        property: Property::DropsUnwokenTasks,
        reason: "a ThreadPool's pending task and its WakeHandle own each other, and the pool \
         keeps no list of them",
    },
    Deviation {
        runtime: "futures-pool",
        property: Property::YieldLetsOthersRun,
        reason: "a ThreadPool polls a task that woke itself again at once, without putting it \
         back into the channel",
    },
    Deviation {
        runtime: "futures-local",
        property: Property::OffspringLetsOthersRun,
        reason: "LocalPool takes new tasks in, and polls on, until none is new: only then is \
         run_until's future polled",
    },
    Deviation {
        runtime: "tokio-mt",
        property: Property::BlockedWorkerStrandsNobody,
        reason: "the task in a worker's LIFO slot cannot be stolen; tokio's documentation forbids \
         blocking a worker",
    },
    Deviation {
        runtime: "tokio-ct",
        property: Property::DropsInsideTasks,
        reason: "\"Cannot drop a runtime in a context where blocking is not allowed\"",
    },
    Deviation {
        runtime: "tokio-mt",
        property: Property::DropsInsideTasks,
        reason: "\"Cannot drop a runtime in a context where blocking is not allowed\"",
    },
    Deviation {
        runtime: "monoio",
        property: Property::YieldLetsOthersRun,
        reason: "LocalScheduler::yield_now puts a task that woke itself at the front of the queue",
    },
    Deviation {
        runtime: "monoio",
        property: Property::DropsInsideTasks,
        reason: "its tasks are ended by another block_on: \"Can not start a runtime inside a \
         runtime\"",
    },
    Deviation {
        runtime: "may",
        property: Property::OwnsItsThreads,
        reason: "one static scheduler serves the process, with the workers set before the first \
         coroutine, and never ends",
    },
    Deviation {
        runtime: "may",
        property: Property::FreeWorkerRunsWokenTask,
        reason: "schedule_global gives a coroutine to the workers in turn; only that worker \
         empties its global queue",
    },
    Deviation {
        runtime: "may",
        property: Property::BlockedWorkerStrandsNobody,
        reason: "schedule_global gives a coroutine to the workers in turn; only that worker \
         empties its global queue",
    },
    Deviation {
        runtime: "may",
        property: Property::BusyWorkerTakesNewTasks,
        reason: "run_queued_tasks looks at its global queue, and then at epoll, only when the \
         local queue is empty",
    },
    Deviation {
        runtime: "may",
        property: Property::KeepsStacksOnTheirThreads,
        reason: "schedule pushes a coroutine to the queue of whichever worker wakes it; direct \
         style is offered with one worker \
                 alone (`tests/may_direct.rs`)",
    },
];

/// The deviation of `runtime` from `property`, when there is one.
pub(crate) fn find(runtime: &str, property: Property) -> Option<&'static Deviation> {
    DEVIATIONS
        .iter()
        .find(|deviation| deviation.runtime == runtime && deviation.property == property)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_is_listed_once_and_says_why() {
        for (index, deviation) in DEVIATIONS.iter().enumerate() {
            let Deviation { runtime, property, reason } = *deviation;
            assert!(reason.len() > 20, "{runtime}, {property:?}: say why");
            let mut others = DEVIATIONS[index + 1..].iter();
            let again = others.any(|other| (other.runtime, other.property) == (runtime, property));
            assert!(!again, "{runtime}, {property:?} is listed twice");
        }
    }
}
