//! The mistakes that authors of policies make: each is found by the first theme of the suite, named
//! by the promise that it breaks, and the same every time.

use std::collections::VecDeque;
use std::mem;
use std::sync::{Mutex, MutexGuard};

use conformance::Subject;
use runtimes::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use runtimes::{Config, Descriptor, Executor, Runnable, TaskKind, Workers};

const NONE: u8 = 0;
const FORGETS_A_QUEUE: u8 = 1;
const DROPS: u8 = 2;
const LEAKS: u8 = 3;
const NEWEST_FIRST: u8 = 4;
const WAKES_NOBODY: u8 = 5;
const PANICS: u8 = 6;

/// A queue for each worker and a shared one, right but for one mistake.
struct Faulty<const MISTAKE: u8> {
    shared: Mutex<VecDeque<Runnable>>,
    queues: Vec<Mutex<VecDeque<Runnable>>>,
}

impl<const MISTAKE: u8> Faulty<MISTAKE> {
    fn shared(&self) -> MutexGuard<'_, VecDeque<Runnable>> {
        self.shared.lock().expect("nobody panics with the lock")
    }

    fn queue(&self, index: usize) -> MutexGuard<'_, VecDeque<Runnable>> {
        self.queues[index].lock().expect("nobody panics with the lock")
    }
}

impl<const MISTAKE: u8> Scheduler for Faulty<MISTAKE> {
    type Local = usize;

    fn new(workers: usize) -> (Self, Vec<usize>) {
        let queues = (0..workers).map(|_| Mutex::default()).collect();
        (Self { shared: Mutex::default(), queues }, (0..workers).collect())
    }

    fn schedule(&self, at: Caller<'_, usize>, task: Runnable, cause: Cause) -> Notify {
        let Caller::Worker(&mut index) = at else {
            let mut shared = self.shared();
            match MISTAKE {
                DROPS if shared.len() > 50 => drop(task),
                LEAKS if shared.len() > 50 => mem::forget(task),
                _ => shared.push_back(task),
            }
            return if MISTAKE == WAKES_NOBODY { Notify::Nobody } else { Notify::One };
        };
        assert!(MISTAKE != PANICS || cause != Cause::Yielded, "nobody had thought of this");
        self.queue(index).push_back(task);
        Notify::One
    }

    fn next(&self, &mut index: &mut usize, tick: u32) -> Option<NextTask> {
        let shared = || Some(NextTask::new(self.shared().pop_front()?, TaskSource::Shared));
        let own = || {
            let mut queue = self.queue(index);
            let task = if MISTAKE == NEWEST_FIRST { queue.pop_back() } else { queue.pop_front() };
            Some(NextTask::new(task?, TaskSource::Local))
        };
        if tick.is_multiple_of(16) { shared().or_else(own) } else { own().or_else(shared) }
    }

    fn search(&self, &mut index: &mut usize) -> Option<NextTask> {
        let others = (0..self.queues.len()).filter(|&other| other != index);
        let task = others.into_iter().find_map(|other| self.queue(other).pop_front())?;
        Some(NextTask::new(task, TaskSource::Stolen { moved: 1 }))
    }

    fn queued(&self, &index: &usize) -> usize {
        self.queue(index).len() + self.shared().len()
    }

    fn has_work(&self, _: &usize) -> bool {
        let in_shared = MISTAKE != FORGETS_A_QUEUE && !self.shared().is_empty();
        in_shared || (0..self.queues.len()).any(|index| !self.queue(index).is_empty())
    }
}

static DESCRIPTOR: Descriptor = Descriptor {
    name: "faulty",
    summary: "A policy with a mistake.",
    isolates: "The mistake.",
    relatives: &[],
    origin: runtimes::Origin::Ours,
    workers: Workers::Many,
    task: TaskKind::Stackless,
};

fn subject<const MISTAKE: u8>() -> Subject {
    Subject::new::<Executor<Faulty<MISTAKE>>>(&DESCRIPTOR, |_: &mut Config| {})
}

/// What the first theme says of it: the behaviours that it lacks, and why.
fn verdict(subject: &Subject) -> Vec<(String, String)> {
    let contract = Subject::behaviours().take_while(|name| name.starts_with("contract::"));
    let lacks = |name: String| {
        let broken = subject.check(&name).expect("it is in the list").err()?;
        assert!(!broken.hung, "{name}: {broken}");
        Some((name, broken.to_string()))
    };
    contract.filter_map(lacks).collect()
}

/// The reasons in which one of `behaviours` is lacking.
fn lacks<const MISTAKE: u8>(behaviour: &str, words: &str) {
    let found = verdict(&subject::<MISTAKE>());
    let reason =
        found.iter().find(|(name, _)| name == behaviour).map(|(_, reason)| reason.as_str());
    let reason = reason.unwrap_or_else(|| panic!("{behaviour} is not among {found:#?}"));
    assert!(reason.contains("the policy promises: ") && reason.contains(words), "{reason}");
    for time in 0..100 {
        let again = subject::<MISTAKE>().check(behaviour).expect("it is in the list");
        assert_eq!(again.expect_err("it is still there").to_string(), reason, "time {time}");
    }
}

#[test]
fn a_policy_without_a_mistake_keeps_its_contract() {
    assert_eq!(verdict(&subject::<NONE>()), []);
}

#[test]
fn a_queue_that_has_work_forgets() {
    lacks::<FORGETS_A_QUEUE>("contract::announces", "`has_work` forgets a queue");
}

#[test]
fn tasks_that_are_dropped() {
    lacks::<DROPS>("contract::conserves", "dropped");
}

#[test]
fn tasks_that_leak() {
    lacks::<LEAKS>("contract::conserves", "leaked");
}

#[test]
fn newest_first() {
    lacks::<NEWEST_FIRST>("contract::serves", "starves");
}

#[test]
fn nobody_is_woken() {
    lacks::<WAKES_NOBODY>("contract::notifies", "Notify::Nobody");
}

#[test]
fn a_panic() {
    lacks::<PANICS>("contract::announces", "it panicked: nobody had thought of this");
}
