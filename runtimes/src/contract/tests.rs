//! The contract accepts our policies, and names the one promise that a faulty policy breaks.

use std::collections::VecDeque;
use std::sync::Mutex;

use super::{Broken, Rule, check};
use crate::policies::global_queue::{GlobalQueue, WakeOne};
use crate::policies::local::Local;
use crate::policies::work_stealing::WorkStealing;
use crate::policies::work_stealing_biased::Rings;
use crate::scheduler::{Caller, Cause, NextTask, Notify, Scheduler, TaskSource};
use crate::task::Runnable;

/// A policy with a queue for each worker, a shared one and a slot, right but for one mistake.
struct Faulty<const MISTAKE: u8> {
    shared: Mutex<VecDeque<Runnable>>,
    /// Where each worker's queue can be stolen from.
    queues: Vec<Mutex<VecDeque<Runnable>>>,
    /// Where what each worker keeps can be rescued from.
    slots: Vec<Mutex<Option<Runnable>>>,
}

struct Own {
    index: usize,
    /// Whether it put a task into its slot and has not taken it out again.
    believes_full: bool,
}

const NONE: u8 = 0;
const FORGETS_THE_SHARED_QUEUE: u8 = 1;
const FORGETS_OTHERS_QUEUES: u8 = 2;
const FORGETS_ITS_SLOT: u8 = 3;
const ALWAYS_SEES_WORK: u8 = 4;
const WAKES_NOBODY_FROM_OUTSIDE: u8 = 5;
const WAKES_WHO_IS_NOT_THERE: u8 = 6;
const DROPS_WHAT_IT_DISPLACES: u8 = 7;
const LEAKS_EVERY_THOUSANDTH: u8 = 8;
const NEWEST_FIRST: u8 = 9;
const LOOKS_OUTSIDE_ONLY_WHEN_IDLE: u8 = 10;
const SLOT_WITHOUT_BOUND: u8 = 11;
const COUNTS_NOTHING: u8 = 12;
const ONE_LOCAL_PART_TOO_FEW: u8 = 13;
const PANICS: u8 = 14;
const KEEPS_ONE_BACK: u8 = 15;
const WAKES_A_NEIGHBOUR_WHO_CANNOT_STEAL: u8 = 16;
const FORGETS_TO_RESCUE: u8 = 17;
const RESCUES_FROM_ITSELF: u8 = 18;
const RESCUES_TO_ONE_WORKER_ONLY: u8 = 19;
const KEEPS_TASKS_FOR_ANOTHER: u8 = 20;
const BELIEVES_THAT_IT_HAS_WHAT_WAS_RESCUED: u8 = 21;
const LEAKS_WHAT_IS_RESCUED: u8 = 22;
const LEAKS_WHAT_IS_RESCUED_BESIDE_OTHERS: u8 = 23;

impl<const MISTAKE: u8> Faulty<MISTAKE> {
    fn queue(&self, index: usize) -> std::sync::MutexGuard<'_, VecDeque<Runnable>> {
        self.queues[index].lock().unwrap()
    }

    fn shared(&self) -> std::sync::MutexGuard<'_, VecDeque<Runnable>> {
        self.shared.lock().unwrap()
    }

    fn slot(&self, index: usize) -> std::sync::MutexGuard<'_, Option<Runnable>> {
        self.slots[index].lock().unwrap()
    }

    fn take_slot(&self, own: &mut Own) -> Option<Runnable> {
        let task = self.slot(own.index).take()?;
        own.believes_full = false;
        Some(task)
    }

    fn steals(&self) -> bool {
        MISTAKE != WAKES_A_NEIGHBOUR_WHO_CANNOT_STEAL
    }
}

impl<const MISTAKE: u8> Scheduler for Faulty<MISTAKE> {
    type Local = Own;

    fn new(workers: usize) -> (Self, Vec<Own>) {
        let locals = workers - usize::from(MISTAKE == ONE_LOCAL_PART_TOO_FEW);
        let policy = Self {
            shared: Mutex::default(),
            queues: (0..workers).map(|_| Mutex::default()).collect(),
            slots: (0..workers).map(|_| Mutex::default()).collect(),
        };
        (policy, (0..locals).map(|index| Own { index, believes_full: false }).collect())
    }

    fn schedule(&self, at: Caller<'_, Own>, task: Runnable, cause: Cause) -> Notify {
        let Caller::Worker(own) = at else {
            let mut shared = self.shared();
            if MISTAKE == LEAKS_EVERY_THOUSANDTH && cause == Cause::Woken && shared.len() > 20 {
                std::mem::forget(task);
            } else {
                shared.push_back(task);
            }
            return match MISTAKE {
                WAKES_NOBODY_FROM_OUTSIDE => Notify::Nobody,
                WAKES_WHO_IS_NOT_THERE => Notify::Worker(self.queues.len()),
                _ => Notify::One,
            };
        };
        if cause == Cause::Woken {
            if MISTAKE == KEEPS_TASKS_FOR_ANOTHER {
                self.queue((own.index + 1) % self.queues.len()).push_back(task);
                return Notify::Later;
            }
            own.believes_full = true;
            let Some(displaced) = self.slot(own.index).replace(task) else { return Notify::Later };
            if MISTAKE != DROPS_WHAT_IT_DISPLACES {
                self.queue(own.index).push_back(displaced);
            }
            return Notify::One;
        }
        if MISTAKE == WAKES_A_NEIGHBOUR_WHO_CANNOT_STEAL && cause == Cause::Spawned {
            self.queue((own.index + 1) % self.queues.len()).push_back(task);
            return Notify::Nobody;
        }
        self.queue(own.index).push_back(task);
        assert!(MISTAKE != PANICS, "a mistake of its author");
        Notify::One
    }

    fn next(&self, own: &mut Own, tick: u32) -> Option<NextTask> {
        let from_shared = || Some(NextTask::new(self.shared().pop_front()?, TaskSource::Shared));
        if tick.is_multiple_of(7)
            && MISTAKE != LOOKS_OUTSIDE_ONLY_WHEN_IDLE
            && let Some(found) = from_shared()
        {
            return Some(found);
        }
        if (!tick.is_multiple_of(5) || MISTAKE == SLOT_WITHOUT_BOUND)
            && let Some(task) = self.take_slot(own)
        {
            return Some(NextTask::new(task, TaskSource::Slot));
        }
        let mut queue = self.queue(own.index);
        let keeps = MISTAKE == KEEPS_ONE_BACK && queue.len() == 1;
        let task = match MISTAKE {
            NEWEST_FIRST => queue.pop_back(),
            _ if keeps => None,
            _ => queue.pop_front(),
        };
        drop(queue);
        if let Some(task) = task.or_else(|| self.take_slot(own)) {
            return Some(NextTask::new(task, TaskSource::Local));
        }
        from_shared()
    }

    fn search(&self, own: &mut Own) -> Option<NextTask> {
        let others = (0..self.queues.len()).filter(|&other| self.steals() && other != own.index);
        let task = others.into_iter().find_map(|other| self.queue(other).pop_front())?;
        Some(NextTask::new(task, TaskSource::Stolen { moved: 1 }))
    }

    fn rescue(&self, own: &mut Own, stalled: usize) -> Option<NextTask> {
        let place = match MISTAKE {
            FORGETS_TO_RESCUE => return None,
            RESCUES_FROM_ITSELF => own.index,
            RESCUES_TO_ONE_WORKER_ONLY if own.index != 0 => return None,
            _ => stalled,
        };
        let task = self.slot(place).take()?;
        let leaks = match MISTAKE {
            LEAKS_WHAT_IS_RESCUED => true,
            LEAKS_WHAT_IS_RESCUED_BESIDE_OTHERS => self.shared().len() > 5,
            _ => false,
        };
        if leaks {
            std::mem::forget(task);
            return None;
        }
        Some(NextTask::new(task, TaskSource::Stolen { moved: 1 }))
    }

    fn queued(&self, own: &Own) -> usize {
        if MISTAKE == COUNTS_NOTHING {
            return 0;
        }
        self.queue(own.index).len()
            + usize::from(self.slot(own.index).is_some())
            + self.shared().len()
    }

    fn has_work(&self, own: &Own) -> bool {
        let mut others = (0..self.queues.len()).filter(|&i| i == own.index || self.steals());
        let in_queues = match MISTAKE {
            FORGETS_OTHERS_QUEUES => !self.queue(own.index).is_empty(),
            _ => others.any(|i| !self.queue(i).is_empty()),
        };
        let in_shared = MISTAKE != FORGETS_THE_SHARED_QUEUE && !self.shared().is_empty();
        let in_slot = match MISTAKE {
            FORGETS_ITS_SLOT => false,
            BELIEVES_THAT_IT_HAS_WHAT_WAS_RESCUED => own.believes_full,
            _ => self.slot(own.index).is_some(),
        };
        in_queues || in_shared || in_slot || MISTAKE == ALWAYS_SEES_WORK
    }
}

/// A policy that wraps another and forgets the one method that has a default.
struct Wrapper(WorkStealing);

impl Scheduler for Wrapper {
    type Local = <WorkStealing as Scheduler>::Local;

    fn new(workers: usize) -> (Self, Vec<Self::Local>) {
        let (policy, locals) = WorkStealing::new(workers);
        (Self(policy), locals)
    }

    fn schedule(&self, at: Caller<'_, Self::Local>, task: Runnable, cause: Cause) -> Notify {
        self.0.schedule(at, task, cause)
    }

    fn next(&self, local: &mut Self::Local, tick: u32) -> Option<NextTask> {
        self.0.next(local, tick)
    }

    fn search(&self, local: &mut Self::Local) -> Option<NextTask> {
        self.0.search(local)
    }

    fn queued(&self, local: &Self::Local) -> usize {
        self.0.queued(local)
    }

    fn has_work(&self, local: &Self::Local) -> bool {
        self.0.has_work(local)
    }
}

fn broken<const MISTAKE: u8>() -> Broken {
    let broken = check::<Faulty<MISTAKE>>().expect_err("the mistake is found");
    // The same verdict every time.
    assert_eq!(check::<Faulty<MISTAKE>>(), Err(broken.clone()));
    println!("{broken}");
    broken
}

#[test]
fn our_policies_keep_it() {
    assert_eq!(check::<Local>(), Ok(()));
    assert_eq!(check::<GlobalQueue<WakeOne>>(), Ok(()));
    assert_eq!(check::<WorkStealing>(), Ok(()));
    assert_eq!(check::<WorkStealing<Rings>>(), Ok(()));
    assert_eq!(check::<Faulty<NONE>>(), Ok(()));
}

#[test]
fn a_queue_forgotten_by_has_work_is_named() {
    for broken in [
        broken::<FORGETS_THE_SHARED_QUEUE>(),
        broken::<FORGETS_OTHERS_QUEUES>(),
        broken::<FORGETS_ITS_SLOT>(),
    ] {
        assert_eq!(broken.rule, Rule::Announces);
        assert!(broken.to_string().contains("`has_work` forgets a queue"), "{broken}");
    }
}

#[test]
fn work_that_nobody_can_get_is_not_announced() {
    for broken in [broken::<ALWAYS_SEES_WORK>(), broken::<KEEPS_ONE_BACK>()] {
        assert_eq!(broken.rule, Rule::Announces);
        assert!(broken.to_string().contains("look round without end"), "{broken}");
    }
}

#[test]
fn whoever_is_woken_must_find_the_task() {
    for broken in [
        broken::<WAKES_NOBODY_FROM_OUTSIDE>(),
        broken::<WAKES_WHO_IS_NOT_THERE>(),
        broken::<WAKES_A_NEIGHBOUR_WHO_CANNOT_STEAL>(),
    ] {
        assert_eq!(broken.rule, Rule::Notifies, "{broken}");
    }
}

#[test]
fn what_a_stalled_worker_keeps_is_handed_over() {
    for broken in [
        broken::<FORGETS_TO_RESCUE>(),
        broken::<RESCUES_FROM_ITSELF>(),
        broken::<RESCUES_TO_ONE_WORKER_ONLY>(),
        broken::<LEAKS_WHAT_IS_RESCUED>(),
    ] {
        assert_eq!(broken.rule, Rule::Rescues, "{broken}");
        assert!(broken.to_string().contains("wait for as long as worker"), "{broken}");
    }
}

#[test]
fn a_wrapper_passes_rescue_on() {
    let broken = check::<Wrapper>().expect_err("it does not");
    assert_eq!(broken.rule, Rule::Rescues, "{broken}");
    assert!(broken.to_string().contains("must pass `rescue` on"), "{broken}");
}

#[test]
fn what_is_announced_for_later_is_the_pushers_own() {
    let broken = broken::<KEEPS_TASKS_FOR_ANOTHER>();
    assert_eq!(broken.rule, Rule::Rescues, "{broken}");
    assert!(broken.to_string().contains("`Later` is for what that worker runs next"), "{broken}");
}

#[test]
fn what_was_rescued_is_out_of_the_pushers_reach() {
    let broken = broken::<BELIEVES_THAT_IT_HAS_WHAT_WAS_RESCUED>();
    assert_eq!(broken.rule, Rule::Rescues, "{broken}");
    assert!(broken.to_string().contains("still told worker"), "{broken}");
}

#[test]
fn a_rescue_among_many_tasks_loses_none() {
    let broken = broken::<LEAKS_WHAT_IS_RESCUED_BESIDE_OTHERS>();
    assert_eq!(broken.rule, Rule::Conserves, "{broken}");
    assert!(broken.to_string().contains("leaked"), "{broken}");
}

#[test]
fn no_task_is_lost() {
    for (broken, how) in [
        (broken::<DROPS_WHAT_IT_DISPLACES>(), "find 1 of the 2 tasks"),
        (broken::<LEAKS_EVERY_THOUSANDTH>(), "leaked"),
    ] {
        assert!(matches!(broken.rule, Rule::Notifies | Rule::Conserves), "{broken}");
        assert!(broken.to_string().contains(how), "{broken}");
    }
}

#[test]
fn the_oldest_task_does_not_starve() {
    for broken in [
        broken::<NEWEST_FIRST>(),
        broken::<LOOKS_OUTSIDE_ONLY_WHEN_IDLE>(),
        broken::<SLOT_WITHOUT_BOUND>(),
    ] {
        assert_eq!(broken.rule, Rule::Serves);
        assert!(broken.to_string().contains("starves"), "{broken}");
    }
}

#[test]
fn what_it_makes_and_counts_is_compared() {
    assert_eq!(broken::<ONE_LOCAL_PART_TOO_FEW>().rule, Rule::Places);
    assert_eq!(broken::<COUNTS_NOTHING>().rule, Rule::Counts);
}

#[test]
fn a_panic_breaks_the_rule_during_which_it_happened() {
    let broken = broken::<PANICS>();
    assert!(broken.to_string().contains("it panicked: a mistake of its author"), "{broken}");
}
