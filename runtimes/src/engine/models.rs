//! Models of the engine's protocols that loom explores in every interleaving and memory order.
//!
//! They run the real gate, parker, sleep list and flag; queues are counters, and the kernel is a
//! condition variable. A lost wake-up shows as a deadlock, which loom reports.

use std::sync::Arc;
use std::task::{Poll, Waker};
use std::time::Duration;

use loom::cell::UnsafeCell;
use loom::sync::atomic::{
    AtomicBool, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use loom::sync::{Condvar, Mutex};
use loom::thread;

use super::block_on::{self, Flag};
use super::park::Parker;
use super::sleep::{Reach, Rest, Search, Sleep};
use crate::scheduler::Notify;
use crate::sync::gate::Gate;
use crate::sync::{Futex, explore, explore_with_barriers};

/// Nobody enters after the gate is closed, and what those before did happened before: the policy
/// can go.
///
/// Fails when leaving, counted or not, or the wait in `close` is Relaxed, and when `enter` looks
/// before it counts itself.
#[test]
fn a_closed_gate_has_nobody_inside() {
    struct Guarded {
        gate: Gate,
        policy: UnsafeCell<bool>,
    }
    explore(3, || {
        let shared = Arc::new(Guarded { gate: Gate::new(), policy: UnsafeCell::new(true) });
        let entrants = [true, false].map(|counted| {
            let shared = shared.clone();
            thread::spawn(move || {
                let Some(inside) = shared.gate.enter() else { return };
                // SAFETY: loom checks it.
                shared.policy.with(|alive| assert!(unsafe { *alive }));
                if counted { drop(inside) } else { inside.leave_uncounted() }
            })
        });
        shared.gate.close();
        // SAFETY: loom checks it.
        shared.policy.with_mut(|alive| unsafe { *alive = false });
        entrants.into_iter().for_each(|entrant| entrant.join().unwrap());
    });
}

/// How the worker of a model blocks.
#[derive(Clone, Copy)]
enum How {
    OnFutex,
    InEpoll,
}

/// A parker, and what stands for the eventfd that ends a wait in epoll: once written, it stays so
/// until read.
struct Sleeper {
    parker: Parker,
    event: Futex,
}

impl Sleeper {
    fn new() -> Self {
        Self { parker: Parker::new(), event: Futex::new(0) }
    }

    fn park(&self, how: How) {
        match how {
            How::OnFutex => self.parker.park(),
            How::InEpoll => {
                let _ = self.parker.park_in(|| {
                    // Relaxed: the parker itself must order what the unparker did.
                    while self.event.swap(0, Relaxed) == 0 {
                        self.event.wait(0);
                    }
                });
            }
        }
    }

    fn unpark(&self) {
        self.parker.unpark(|| {
            self.event.swap(1, Relaxed);
            self.event.wake_one();
        });
    }
}

/// A worker that parks until it has seen what two others did before they unparked it.
///
/// Fails when `consume` is a plain store, when it or the swap in `unpark` is Relaxed, when `unpark`
/// does not wake or interrupt, and when `block_as` does not look whether a token is there.
#[test]
fn no_token_is_lost() {
    for how in [How::OnFutex, How::InEpoll] {
        explore(3, move || {
            let shared =
                Arc::new((Sleeper::new(), [AtomicBool::new(false), AtomicBool::new(false)]));
            let unparkers = [0, 1].map(|i| {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.1[i].store(true, Relaxed);
                    shared.0.unpark();
                })
            });
            while !shared.1.iter().all(|done| done.load(Relaxed)) {
                shared.0.park(how);
            }
            unparkers.into_iter().for_each(|unparker| unparker.join().unwrap());
        });
    }
}

/// What the workers of a model share: a queue that is a count, and how many tasks run. A task keeps
/// its worker until all that are expected run, so that none may wait for a worker that is busy
/// while another sleeps.
struct Pool {
    sleep: Sleep,
    sleepers: Vec<Sleeper>,
    queue: AtomicUsize,
    running: (Mutex<usize>, Condvar),
    expected: usize,
    stopping: AtomicBool,
}

impl Pool {
    fn new(workers: usize, expected: usize) -> Arc<Self> {
        Arc::new(Self {
            sleep: Sleep::new(workers),
            sleepers: (0..workers).map(|_| Sleeper::new()).collect(),
            queue: AtomicUsize::new(0),
            running: (Mutex::new(0), Condvar::new()),
            expected,
            stopping: AtomicBool::new(false),
        })
    }

    /// As `Core` pushes: the queue orders nothing, so that the barriers must.
    fn push(&self, notify: Notify) {
        self.queue.fetch_add(1, Relaxed);
        self.notify(notify, Reach::Sleepers);
    }

    /// As a thread outside pushes.
    fn push_outside(&self) {
        self.queue.fetch_add(1, Relaxed);
        self.notify(Notify::One, Reach::Nappers);
    }

    fn notify(&self, notify: Notify, reach: Reach) {
        self.sleep.notify(notify, reach, |worker| self.sleepers[worker].unpark());
    }

    fn has_work(&self) -> bool {
        self.queue.load(Relaxed) > 0
    }

    fn take(&self) -> bool {
        self.has_work() && self.queue.fetch_update(Relaxed, Relaxed, |n| n.checked_sub(1)).is_ok()
    }

    /// As `Worker::run`. With `search_only` the tasks are another worker's: only a search finds
    /// them.
    fn work(&self, index: usize, search_only: bool) {
        self.work_on(index, search_only, Search::No);
    }

    fn work_on(&self, index: usize, search_only: bool, mut state: Search) {
        loop {
            let mut found = !search_only && self.take();
            if !found {
                if state == Search::No && self.sleep.start_search() {
                    state = Search::Own;
                }
                found = state != Search::No && self.take();
            }
            if found {
                if std::mem::replace(&mut state, Search::No) != Search::No
                    && self.sleep.stop_search(|| self.has_work())
                {
                    self.notify(Notify::One, Reach::Sleepers);
                }
                return self.run();
            }
            let wanted = || self.has_work() || self.stopping.load(Acquire);
            let block = |_: &Rest<'_>| self.sleepers[index].park(How::OnFutex);
            (state, _) = self.sleep.sleep(index, state, false, wanted, block);
            if self.stopping.load(Acquire) {
                return;
            }
        }
    }

    /// A task.
    fn run(&self) {
        let mut running = self.running.0.lock().unwrap();
        *running += 1;
        self.running.1.notify_all();
        while *running < self.expected {
            running = self.running.1.wait(running).unwrap();
        }
    }

    /// As `Core::begin_shutdown`.
    fn stop(&self) {
        self.stopping.store(true, Release);
        self.sleepers.iter().for_each(Sleeper::unpark);
    }
}

/// One worker goes to sleep while another, which runs, pushes a task.
///
/// Fails without either side of the barrier, and when the worker does not look again before it
/// blocks.
#[test]
fn a_push_meets_a_worker_going_to_sleep() {
    for notify in [Notify::One, Notify::All, Notify::Worker(0)] {
        explore_with_barriers(3, move || {
            let pool = Pool::new(2, 1);
            let pusher = thread::spawn({
                let pool = pool.clone();
                move || pool.push(notify)
            });
            pool.work(0, false);
            pusher.join().unwrap();
        });
    }
}

/// Two workers with the throttle on searching, and two pushes from outside: both tasks get a
/// worker.
///
/// Fails without either side of the barrier, and when a searcher that found one task does not look
/// for the other.
#[test]
fn two_workers_and_two_pushes() {
    explore_with_barriers(2, || {
        let pool = Pool::new(2, 2);
        let threads = [0, 1].map(|i| {
            let pool = pool.clone();
            thread::spawn(move || if i == 0 { pool.work(1, false) } else { pool.push_outside() })
        });
        pool.push_outside();
        pool.work(0, false);
        threads.into_iter().for_each(|thread| thread.join().unwrap());
    });
}

/// Two workers that only a search, of which one at a time is allowed, leads to the tasks.
///
/// Fails when a worker that found something does not pass the search on, and when the one that
/// is woken does not count as searching.
#[test]
fn the_last_searcher_passes_the_search_on() {
    explore_with_barriers(2, || {
        // Worker 2, which pushes, runs.
        let pool = Pool::new(3, 2);
        let thief = thread::spawn({
            let pool = pool.clone();
            move || pool.work(1, true)
        });
        let busy = thread::spawn({
            let pool = pool.clone();
            move || {
                pool.push(Notify::One);
                pool.push(Notify::One);
            }
        });
        pool.work(0, true);
        thief.join().unwrap();
        busy.join().unwrap();
    });
}

/// A worker whose search failed naps while another runs, and that one or a thread outside pushes:
/// the task does not wait for ever, whether the push finds a searcher, a napper, a sleeper or
/// nobody.
///
/// Fails when a nap does not end the search, and when a napper that is woken does not count as
/// searching.
#[test]
fn a_nap_hides_no_push() {
    for reach in [Reach::Sleepers, Reach::Nappers] {
        explore_with_barriers(3, move || {
            let pool = Pool::new(2, 1);
            assert!(pool.sleep.start_search());
            let napper = thread::spawn({
                let pool = pool.clone();
                move || {
                    let block = || {
                        pool.sleepers[0].parker.park_for(Duration::ZERO);
                    };
                    let state = pool.sleep.nap(0, Search::Own, block).expect("worker 1 runs");
                    pool.work_on(0, false, state);
                }
            });
            pool.queue.fetch_add(1, Relaxed);
            pool.notify(Notify::One, reach);
            napper.join().unwrap();
            assert!(pool.sleep.is_quiet(), "the books are wrong");
        });
    }
}

/// Workers that go to sleep see that the runtime stops.
///
/// Fails when stopping does not unpark, and when a worker does not ask whether it stops before it
/// blocks.
#[test]
fn a_stop_reaches_every_worker() {
    explore_with_barriers(3, || {
        let pool = Pool::new(2, usize::MAX);
        let worker = thread::spawn({
            let pool = pool.clone();
            move || pool.work(1, false)
        });
        let stopper = thread::spawn({
            let pool = pool.clone();
            move || pool.stop()
        });
        pool.work(0, false);
        worker.join().unwrap();
        stopper.join().unwrap();
    });
}

/// What two other threads do before they wake, and the poll that must see both.
struct Wakes([AtomicBool; 2]);

impl Wakes {
    fn are_seen(&self) -> bool {
        self.0.iter().all(|done| done.load(Relaxed))
    }
}

/// `block_on` of a thread that is no worker: every wake leads to a poll that sees what came before
/// it.
///
/// Fails when `raise` or `take` is Relaxed, and when the flag is lowered after the poll.
#[test]
fn block_on_polls_after_every_wake() {
    explore(3, || {
        // Loom takes a stray unpark for the end of whatever the thread waits for, so this thread
        // does not join.
        let blocked = thread::spawn(|| {
            let wakes = Arc::new(Wakes([AtomicBool::new(false), AtomicBool::new(false)]));
            let mut wakers = Vec::new();
            block_on::on_thread(std::future::poll_fn(|cx| {
                if wakers.is_empty() {
                    wakers.extend(
                        (0..2).map(|i| wake_elsewhere(wakes.clone(), i, cx.waker().clone())),
                    );
                }
                if wakes.are_seen() { Poll::Ready(()) } else { Poll::Pending }
            }));
            wakers
        });
        blocked.join().unwrap().into_iter().for_each(|waker| waker.join().unwrap());
    });
}

fn wake_elsewhere(wakes: Arc<Wakes>, i: usize, waker: Waker) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        wakes.0[i].store(true, Relaxed);
        waker.wake();
    })
}

/// `block_on` of the thread that is the worker: the flag, the sleep list and the parker together.
///
/// Fails when the worker does not look at the flag before it blocks and `raise` does not unpark,
/// when `consume` in the parker is a plain store, and when `raise` or `take` is Relaxed.
#[test]
fn a_worker_that_blocks_on_a_future_sees_its_wakes() {
    for how in [How::OnFutex, How::InEpoll] {
        explore_with_barriers(3, move || {
            let wakes = Wakes([AtomicBool::new(false), AtomicBool::new(false)]);
            let shared = Arc::new((Sleep::new(1), Sleeper::new(), Flag::new(true), wakes));
            let wakers = [0, 1].map(|i| {
                let shared = shared.clone();
                thread::spawn(move || {
                    let (_, sleeper, flag, wakes) = &*shared;
                    wakes.0[i].store(true, Relaxed);
                    if flag.raise() {
                        sleeper.unpark();
                    }
                })
            });
            let (sleep, sleeper, flag, wakes) = &*shared;
            loop {
                if flag.is_raised() {
                    flag.take();
                    if wakes.are_seen() {
                        break;
                    }
                } else {
                    sleep.sleep(0, Search::No, false, || flag.is_raised(), |_| sleeper.park(how));
                }
            }
            wakers.into_iter().for_each(|waker| waker.join().unwrap());
        });
    }
}

/// What the workers of a model of watching share, beside the pool: a task that one keeps for
/// itself, which only a look of who watches finds, and a reactor with one event.
struct Watched {
    pool: Arc<Pool>,
    kept: AtomicUsize,
    driver: Mutex<()>,
    events: AtomicUsize,
}

impl Watched {
    fn new(workers: usize, events: usize) -> Arc<Self> {
        let pool = Pool::new(workers, 2);
        Arc::new(Self {
            pool,
            kept: AtomicUsize::new(0),
            driver: Mutex::new(()),
            events: AtomicUsize::new(events),
        })
    }

    fn unpark(&self) -> impl FnMut(usize) {
        |worker| self.pool.sleepers[worker].unpark()
    }

    /// As a policy with a slot: nothing orders the task and the look at who watches.
    fn keep(&self) {
        self.kept.store(1, Relaxed);
        self.pool.sleep.notify(Notify::Later, Reach::Sleepers, self.unpark());
    }

    fn takes(&self, what: &AtomicUsize) -> bool {
        what.load(Relaxed) > 0 && what.swap(0, Relaxed) > 0
    }

    /// As `Worker::rest`: true when it has come for a task, or got an event.
    fn rest(&self, worker: usize, rest: &Rest<'_>) -> bool {
        let sleeper = &self.pool.sleepers[worker];
        loop {
            if let Ok(_driver) = self.driver.try_lock()
                && self.takes(&self.events)
            {
                return true;
            }
            if !rest.begin(false) {
                sleeper.park(How::OnFutex);
                return false;
            }
            if sleeper.parker.park_for(Duration::ZERO) {
                return false;
            }
            if self.takes(&self.kept) {
                return true;
            }
            if rest.is_shared_by_all() {
                rest.stop_watching();
            }
            thread::yield_now();
        }
    }

    /// A worker whose searches find nothing, until it has a task.
    fn idle(&self, worker: usize, mut state: Search) {
        let sleep = &self.pool.sleep;
        loop {
            let (next, found) =
                sleep.sleep(worker, state, false, || false, |rest| self.rest(worker, rest));
            state = next;
            if found == Some(true) {
                if state != Search::No {
                    sleep.stop_search(|| false);
                }
                return self.pool.run();
            }
            if state == Search::No && sleep.start_search() {
                state = Search::Own;
            }
        }
    }
}

/// A worker that runs keeps a task for itself, and goes on only when another has run that: one that
/// searches, or goes to sleep, or slept before the first was woken.
///
/// Fails when who keeps a task calls nobody, when who goes to sleep while others run does not
/// watch, and when who watches gives that up while others run.
#[test]
fn a_task_that_is_kept_is_come_for() {
    for (asleep, state) in [(false, Search::No), (false, Search::Own), (true, Search::No)] {
        explore(2, move || {
            let shared = Watched::new(2, 0);
            if state == Search::Own {
                assert!(shared.pool.sleep.start_search());
            }
            let idle = thread::spawn({
                let shared = shared.clone();
                move || shared.idle(0, state)
            });
            let caller = asleep.then(|| {
                let shared = shared.clone();
                thread::spawn(move || {
                    shared.pool.queue.fetch_add(1, Relaxed);
                    shared.pool.notify(Notify::Worker(1), Reach::Nappers);
                })
            });
            if asleep {
                while !shared.pool.take() {
                    let pool = &shared.pool;
                    let block = |_: &Rest<'_>| pool.sleepers[1].park(How::OnFutex);
                    let (state, _) =
                        pool.sleep.sleep(1, Search::No, false, || pool.has_work(), block);
                    if state != Search::No {
                        pool.sleep.stop_search(|| false);
                    }
                }
            }
            shared.keep();
            shared.pool.run();
            idle.join().unwrap();
            caller.into_iter().for_each(|caller| caller.join().unwrap());
            assert!(!shared.pool.sleep.is_watched(), "the books are wrong");
        });
    }
}

/// A worker that drives the reactor goes to work, while another goes to sleep: the next event finds
/// somebody.
///
/// Fails when who leaves the reactor calls nobody, and when who goes to sleep while others run does
/// not watch.
#[test]
fn who_leaves_the_reactor_leaves_somebody_there() {
    explore(3, || {
        let shared = Watched::new(2, 1);
        let driver = shared.driver.lock().unwrap();
        let idle = thread::spawn({
            let shared = shared.clone();
            move || shared.idle(1, Search::No)
        });
        let sleep = &shared.pool.sleep;
        let (state, _) = sleep.sleep(
            0,
            Search::No,
            false,
            || false,
            |rest| {
                rest.begin(true);
                rest.end();
                // What it was sent to work for, it queues here: others look for the reactor in
                // vain.
                shared.pool.queue.fetch_add(1, Relaxed);
                drop(driver);
            },
        );
        if state != Search::No {
            sleep.stop_search(|| false);
        }
        sleep.depart(true, shared.unpark());
        shared.pool.run();
        idle.join().unwrap();
    });
}
