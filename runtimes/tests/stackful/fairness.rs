//! Direct-style tasks, which are bound to a worker, and others, which the policy queues, share the
//! worker evenly.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering::Relaxed};

use futures_lite::future::yield_now;
use runtimes::policies::global_queue::{GlobalQueue, WakeOne};
use runtimes::policies::{local::Local, work_stealing::WorkStealing, work_stealing_biased::Rings};
use runtimes::scheduler::Scheduler;
use runtimes::stackful::{Stackful, go, suspend};
use runtimes::{Config, Executor, Runtime, Spawner};

/// Turns that the quickest task gets.
const TURNS: u64 = 1_000;

/// What the tasks of a run share: how many have come, the turns of each, and whether one has had
/// all of its turns.
#[derive(Default)]
struct Crowd {
    here: AtomicUsize,
    turns: Vec<AtomicU64>,
    over: AtomicBool,
}

impl Crowd {
    /// Whether the task goes on. Its turns count once all are here.
    fn take_turn(&self, task: usize) -> bool {
        if self.here.load(Relaxed) == self.turns.len()
            && self.turns[task].fetch_add(1, Relaxed) + 1 == TURNS
        {
            self.over.store(true, Relaxed);
        }
        !self.over.load(Relaxed)
    }
}

/// One worker, so many direct-style tasks and so many others, all of which only yield. Returns the
/// fewest turns of each kind.
fn fewest_turns<S: Scheduler>(direct: usize, others: usize) -> (u64, u64) {
    let runtime = Executor::<S, Stackful>::start(&Config::new(1)).unwrap();
    let crowd = Crowd {
        turns: (0..direct + others).map(|_| AtomicU64::new(0)).collect(),
        ..Crowd::default()
    };
    let crowd = Arc::new(crowd);
    let mut tasks = Vec::new();
    for task in 0..direct + others {
        let crowd = crowd.clone();
        tasks.push(if task < direct {
            go(runtime.spawner(), move || {
                crowd.here.fetch_add(1, Relaxed);
                while crowd.take_turn(task) {
                    suspend();
                }
            })
        } else {
            runtime.spawner().spawn(async move {
                crowd.here.fetch_add(1, Relaxed);
                while crowd.take_turn(task) {
                    yield_now().await;
                }
            })
        });
    }
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    runtime.shutdown().check_final().unwrap();
    let fewest = |range: std::ops::Range<usize>| {
        crowd.turns[range].iter().map(|turns| turns.load(Relaxed)).min()
    };
    (fewest(0..direct).unwrap(), fewest(direct..direct + others).unwrap())
}

fn both_ways<S: Scheduler>() {
    for (direct, others) in [(1, 1), (2, 40), (40, 2), (30, 30)] {
        let (fewest_direct, fewest_others) = fewest_turns::<S>(direct, others);
        // One has `TURNS`. Taking turns one for one would leave the many a twentieth of what each
        // of the two gets.
        assert!(
            fewest_direct.min(fewest_others) >= TURNS / 2,
            "{}: {direct} direct-style tasks have {fewest_direct} turns at least, {others} others \
             {fewest_others}",
            std::any::type_name::<S>()
        );
    }
}

#[test]
fn direct_style_tasks_and_others_share_a_worker_evenly() {
    both_ways::<Local>();
    both_ways::<GlobalQueue<WakeOne>>();
    both_ways::<WorkStealing>();
    both_ways::<WorkStealing<Rings>>();
}
