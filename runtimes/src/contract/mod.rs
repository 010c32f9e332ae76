//! What every policy owes the engine, checked without threads and without a clock.
//!
//! The conformance suite runs whole executors, so whether it meets a policy's mistake depends on
//! which thread comes first, and what it reports is a hang. Here a policy is a plain data
//! structure: one thread pushes real [`Runnable`](crate::Runnable)s into it, plays each of its
//! workers in turn, and compares what the policy promises with what it does. The same policy gives
//! the same verdict every time, in milliseconds, and the verdict names the promise.
//!
//! | rule | a policy that breaks it |
//! |---|---|
//! | [`places`](Rule::Places) | makes another number of local parts than there are workers |
//! | [`announces`](Rule::Announces) | lets a worker sleep beside a task, or never lets it sleep |
//! | [`notifies`](Rule::Notifies) | leaves a task where nobody who is awake will look |
//! | [`rescues`](Rule::Rescues) | keeps a task for a worker that is stalled, whoever comes for it |
//! | [`conserves`](Rule::Conserves) | loses, drops or keeps tasks |
//! | [`serves`](Rule::Serves) | lets a task wait for as long as others keep coming |
//! | [`counts`](Rule::Counts) | says that nothing is queued and then returns a task |
//! | [`releases`](Rule::Releases) | leaks tasks when it is dropped |

mod bench;
mod desk;
mod rules;

use std::any::Any;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(doc)]
use crate::scheduler::Notify;
use crate::scheduler::Scheduler;

/// What a policy promises; see the module.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rule {
    /// `new` makes one local part for each worker.
    Places,
    /// `has_work` says yes exactly when `next` or `search` of that worker finds a task.
    Announces,
    /// Whoever `schedule` names, together with the worker that called it, gets the task.
    Notifies,
    /// What is pushed with [`Notify::Later`] comes out of the pusher's `next`, or out of `rescue`
    /// if another worker asks for it first.
    Rescues,
    /// What goes in comes out, once.
    Conserves,
    /// The oldest task comes out within a bound while others keep coming.
    Serves,
    /// `queued` is 0 only if `next` returns nothing.
    Counts,
    /// Dropping the local parts and then the policy drops the tasks in them.
    Releases,
}

impl Rule {
    /// Every rule, in the order in which they are checked.
    pub const ALL: [Self; 8] = [
        Self::Places,
        Self::Announces,
        Self::Notifies,
        Self::Rescues,
        Self::Conserves,
        Self::Serves,
        Self::Counts,
        Self::Releases,
    ];

    /// Its name in lists and messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Places => "places",
            Self::Announces => "announces",
            Self::Notifies => "notifies",
            Self::Rescues => "rescues",
            Self::Conserves => "conserves",
            Self::Serves => "serves",
            Self::Counts => "counts",
            Self::Releases => "releases",
        }
    }

    /// What the policy has promised, in one sentence.
    pub fn promise(self) -> &'static str {
        match self {
            Self::Places => "`new` makes one local part for each worker",
            Self::Announces => {
                "`has_work` says yes exactly when `next` or `search` of that worker finds a task"
            }
            Self::Notifies => {
                "whoever `schedule` names, or the worker that called it, gets the task it was given"
            }
            Self::Rescues => {
                "a task pushed with Notify::Later comes out of the pusher's `next`, or out of \
                 `rescue` for any other worker"
            }
            Self::Conserves => "every task that goes in comes out, once",
            Self::Serves => "the oldest task comes out within a bound while others keep coming",
            Self::Counts => "`queued` is 0 only if `next` returns nothing",
            Self::Releases => {
                "dropping the local parts and then the policy drops the tasks that lie in them"
            }
        }
    }
}

/// A promise that a policy did not keep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// Which one.
    pub rule: Rule,
    /// What the policy did instead: who pushed what, who looked, what was answered.
    pub what: String,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the policy promises: {}; but {}", self.rule.promise(), self.what)
    }
}

impl std::error::Error for Broken {}

/// Checks every rule in turn and stops at the first that is broken.
///
/// It ends within a second for a policy whose methods return. One whose methods do not return hangs
/// it, so call it where a hang is noticed.
///
/// # Errors
/// [`Broken`], which names the rule and what happened. A panic of the policy breaks the rule during
/// which it happened.
pub fn check<S: Scheduler>() -> Result<(), Broken> {
    Rule::ALL.into_iter().try_for_each(check_rule::<S>)
}

/// Checks one rule.
///
/// # Errors
/// As [`check`].
pub fn check_rule<S: Scheduler>(rule: Rule) -> Result<(), Broken> {
    let checked = catch_unwind(AssertUnwindSafe(|| match rule {
        Rule::Places => rules::places::<S>(),
        Rule::Announces => rules::announces::<S>(),
        Rule::Notifies => rules::notifies::<S>(),
        Rule::Rescues => rules::rescues::<S>(),
        Rule::Conserves => rules::conserves::<S>(),
        Rule::Serves => rules::serves::<S>(),
        Rule::Counts => rules::counts::<S>(),
        Rule::Releases => rules::releases::<S>(),
    }));
    let what = match checked {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(what)) => what,
        Err(panic) => format!("it panicked: {}", text(&*panic)),
    };
    Err(Broken { rule, what })
}

fn text(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str)).unwrap_or("no text")
}

#[cfg(all(test, not(stampede_loom)))]
mod tests;
