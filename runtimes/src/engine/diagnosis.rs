//! What an engine says of itself when something on it does not come to an end.
//!
//! A task that a policy has lost shows as silence: all workers sleep, and nobody knows why. The
//! counters and the list of sleepers know more. This reads them from outside, while the engine runs
//! or hangs, so nothing is added to the paths of workers.

use std::fmt::Write;
use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::core::Core;
use crate::metrics::{Counter, Snapshot};
use crate::scheduler::Scheduler;

/// The engines of this process that have started and not stopped.
static RUNNING: Mutex<Vec<Weak<dyn Diagnose>>> = Mutex::new(Vec::new());

trait Diagnose: Send + Sync {
    fn diagnosis(&self) -> String;
}

/// Makes an engine known, until [`forget`] is called with it.
pub(super) fn register<S: Scheduler>(core: &Arc<Core<S>>) {
    let engine = Arc::downgrade(core);
    running().push(engine);
}

/// Ends what [`register`] began.
pub(super) fn forget<S: Scheduler>(core: &Arc<Core<S>>) {
    let this = Arc::as_ptr(core).cast::<()>();
    running().retain(|engine| engine.as_ptr().cast::<()>() != this);
}

fn running() -> std::sync::MutexGuard<'static, Vec<Weak<dyn Diagnose>>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// What each engine that runs in this process says of itself: which tasks wait, and who sleeps.
///
/// The numbers are read while the engines go on. They are exact where nothing moves, as in a hang.
pub fn diagnoses() -> Vec<String> {
    // Collected first: an engine that this turns out to hold last must not be dropped under the
    // lock.
    let engines: Vec<_> = running().iter().filter_map(Weak::upgrade).collect();
    engines.iter().map(|engine| engine.diagnosis()).collect()
}

impl<S: Scheduler> Diagnose for Core<S> {
    fn diagnosis(&self) -> String {
        let mut text = format!("runtime `{}`: ", self.name);
        text.push_str(&tasks(&self.snapshot()));
        let idle = self.sleep.idle();
        for worker in 0..self.workers.len() {
            let state = if idle.sleepers.contains(&worker) {
                // It was asked after the worker went onto the list, and the worker stays there only
                // when the answer was no.
                "sleeps, because `has_work` answered no"
            } else if idle.nappers.contains(&worker) {
                "rests for a moment"
            } else {
                "is awake"
            };
            // Writing to a string cannot fail.
            let _ = write!(text, "; worker {worker} {state}");
        }
        if idle.searching > 0 {
            let _ = write!(text, "; {} of them search", idle.searching);
        }
        text
    }
}

fn tasks(counters: &Snapshot) -> String {
    let get = |counter| counters.get(counter).unwrap_or(0);
    if counters.get(Counter::Dequeued).is_none() {
        return "it counts nothing".to_owned();
    }
    let scheduled = get(Counter::ScheduledLocal) + get(Counter::ScheduledRemote);
    let taken = get(Counter::Dequeued);
    let ended = get(Counter::Completed) + get(Counter::Cancelled);
    let unfinished = get(Counter::Spawned).saturating_sub(ended);
    match scheduled.saturating_sub(taken) {
        0 => format!(
            "all {scheduled} tasks that were scheduled have been taken; {unfinished} tasks wait \
             to be woken"
        ),
        1 => format!(
            "1 task of {scheduled} that were scheduled lies in the policy, and no worker has \
             taken it"
        ),
        left => {
            format!(
                "{left} tasks of {scheduled} that were scheduled lie in the policy, and no worker \
                 has taken them"
            )
        }
    }
}

#[cfg(all(test, not(stampede_loom)))]
mod tests {
    use std::collections::VecDeque;
    use std::future::ready;

    use super::*;
    use crate::scheduler::{Caller, Cause, NextTask, Notify};
    use crate::task::Runnable;
    use crate::{Config, Executor, Runtime, Spawner};

    /// Keeps all tasks, and says that there are none.
    struct Forgetful(Mutex<VecDeque<Runnable>>);

    impl Scheduler for Forgetful {
        type Local = ();

        fn new(workers: usize) -> (Self, Vec<()>) {
            (Self(Mutex::default()), vec![(); workers])
        }

        fn schedule(&self, _: Caller<'_, ()>, task: Runnable, _: Cause) -> Notify {
            self.0.lock().expect("nobody panics").push_back(task);
            Notify::One
        }

        fn next(&self, (): &mut (), _: u32) -> Option<NextTask> {
            None
        }

        fn has_work(&self, (): &()) -> bool {
            false
        }
    }

    fn of(name: &str) -> Option<String> {
        diagnoses().into_iter().find(|text| text.contains(&format!("`{name}`")))
    }

    #[test]
    fn a_hang_says_what_lies_in_the_policy_and_who_sleeps() {
        let mut config = Config::new(2);
        config.name = "forgetful";
        let runtime = Executor::<Forgetful>::start(&config).expect("two threads");
        drop(runtime.spawner().spawn(ready(())));
        // Both workers fall asleep sooner or later, since there is nothing that would keep them
        // awake.
        let asleep =
            |text: &str| text.matches("sleeps, because `has_work` answered no").count() == 2;
        let text = loop {
            let text = of("forgetful").expect("it runs");
            if asleep(&text) {
                break text;
            }
            std::thread::yield_now();
        };
        assert!(text.contains("1 task of 1 that were scheduled lies in the policy"), "{text}");
        drop(runtime);
        assert_eq!(of("forgetful"), None, "a runtime that has stopped is forgotten");
    }
}
