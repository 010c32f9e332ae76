//! How preempted tasks end.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::mpsc;
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use futures_lite::future::{self, yield_now};
use runtimes::metrics::Counter;
use runtimes::policies::{global_queue::GlobalQueue, global_queue::WakeOne, local::Local};
use runtimes::stackful::direct::channel;
use runtimes::stackful::{Stackful, go, suspend, wait};
use runtimes::time::sleep;
use runtimes::{EngineSpawner, Executor, JoinError, JoinHandle, Runtime, Spawner};

use super::{LIMIT, SHORT, preemptions, spin_until, start, start_as, wait_for};

/// Sends the thread that drops it.
struct DroppedOn(mpsc::Sender<ThreadId>);

impl Drop for DroppedOn {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

/// Spawns `first`, then something that never ends, in either style.
fn spawn_hog<S: runtimes::scheduler::Scheduler>(
    spawner: &EngineSpawner<S, Stackful>,
    direct: bool,
    first: impl FnOnce() + Send + 'static,
) -> JoinHandle<()> {
    if direct {
        go(spawner, move || {
            first();
            wait(future::pending::<()>());
        })
    } else {
        spawner.spawn(async move {
            first();
            future::pending::<()>().await;
        })
    }
}

#[test]
fn an_abort_waits_for_the_next_voluntary_suspension() {
    for direct in [false, true] {
        let runtime = start(1, SHORT);
        let stop = Arc::new(AtomicBool::new(false));
        let (dropped, drops) = mpsc::channel();
        let (ran, runs) = mpsc::channel();
        let task = spawn_hog(runtime.spawner(), direct, {
            let stop = stop.clone();
            move || {
                let _local = DroppedOn(dropped);
                ran.send(thread::current().id()).unwrap();
                spin_until(&stop);
                ran.send(thread::current().id()).unwrap();
            }
        });
        wait_for(&runtime, Counter::Preemptions, 3);
        task.abort();
        let before = preemptions(&runtime.metrics());
        // It goes on in slices, and others run.
        wait_for(&runtime, Counter::Preemptions, before + 10);
        let sum = runtime.spawner().spawn(async {
            yield_now().await;
            3
        });
        assert_eq!(runtime.block_on(sum).unwrap(), 3);
        assert!(!task.is_finished());
        assert!(drops.try_recv().is_err());
        stop.store(true, Relaxed);
        assert!(matches!(runtime.block_on(task), Err(JoinError::Cancelled)));
        let thread = drops.recv().unwrap();
        assert_eq!(
            runs.iter().collect::<Vec<_>>(),
            [thread; 2],
            "it ran to its end, on its worker"
        );
        runtime.shutdown().check_final().unwrap();
    }
}

#[test]
fn a_runtime_is_dropped_while_tasks_are_preempted() {
    for (direct, workers) in [(false, 1), (true, 1), (false, 2), (true, 2)] {
        let runtime = start(workers, SHORT);
        let (dropped, drops) = mpsc::channel();
        let (finished, stop) = (Arc::new(AtomicU32::new(0)), Arc::new(AtomicBool::new(false)));
        let tasks: Vec<_> = (0..8)
            .map(|_| {
                let (dropped, finished, stop) = (dropped.clone(), finished.clone(), stop.clone());
                spawn_hog(runtime.spawner(), direct, move || {
                    let here = DroppedOn(dropped.clone());
                    spin_until(&stop);
                    finished.fetch_add(1, Relaxed);
                    drop(here);
                })
            })
            .collect();
        drop(dropped);
        wait_for(&runtime, Counter::Preemptions, 8);
        // The regions end while the shutdown waits for them, or just before.
        let stopper = thread::spawn(move || {
            thread::sleep(Duration::from_millis(5));
            stop.store(true, Relaxed);
        });
        let metrics = runtime.shutdown();
        metrics.check_final().unwrap();
        stopper.join().unwrap();
        // Whatever had begun its region has ended it; the others never began.
        assert_eq!(drops.iter().count() as u32, finished.load(Relaxed));
        for task in tasks {
            assert!(matches!(future::block_on(task), Err(JoinError::Cancelled)));
        }
    }
}

#[test]
fn preempted_tasks_that_wait_for_each_other_end_at_shutdown() {
    let runtime = start(2, SHORT);
    let flags: Arc<[AtomicBool; 4]> = Arc::default();
    let (begun, begins) = mpsc::channel();
    let go_on = Arc::new(AtomicBool::new(false));
    for n in 0..4 {
        let (flags, begun, go_on) = (flags.clone(), begun.clone(), go_on.clone());
        // On both workers; each waits for the one before it, whose turn comes in between.
        drop(go(runtime.spawner(), move || {
            begun.send(n).unwrap();
            spin_until(if n > 0 { &flags[n - 1] } else { &go_on });
            flags[n].store(true, Relaxed);
            suspend();
        }));
    }
    (0..4).for_each(|_| _ = begins.recv().unwrap());
    wait_for(&runtime, Counter::Slices, 8);
    go_on.store(true, Relaxed);
    runtime.shutdown().check_final().unwrap();
    assert!(flags.iter().all(|flag| flag.load(Relaxed)));
}

#[test]
fn two_runtimes_slice_side_by_side_and_end_one_after_the_other() {
    let runtimes =
        [Duration::from_micros(50), Duration::from_micros(200)].map(|slice| start(1, slice));
    let stop = Arc::new(AtomicBool::new(false));
    let tasks: Vec<Vec<_>> = runtimes
        .iter()
        .map(|runtime| {
            (0..3)
                .map(|_| {
                    let stop = stop.clone();
                    go(runtime.spawner(), move || spin_until(&stop))
                })
                .collect()
        })
        .collect();
    for runtime in &runtimes {
        wait_for(runtime, Counter::Preemptions, 50);
    }
    stop.store(true, Relaxed);
    let [first, second] = runtimes;
    first.shutdown().check_final().unwrap();
    // The second goes on without the first.
    stop.store(false, Relaxed);
    let again = go(second.spawner(), {
        let stop = stop.clone();
        move || spin_until(&stop)
    });
    let before = preemptions(&second.metrics());
    wait_for(&second, Counter::Preemptions, before + 50);
    stop.store(true, Relaxed);
    second.block_on(again).unwrap();
    for task in tasks.into_iter().flatten() {
        // Those of the first that had not seen `stop` when it ended were cancelled.
        let _ = future::block_on(task);
    }
    second.shutdown().check_final().unwrap();
}

#[test]
fn short_tasks_and_timers_run_beside_a_hog_on_every_policy() {
    fn check<S: runtimes::scheduler::Scheduler>() {
        let runtime: Executor<S, Stackful> = start_as(1, Duration::from_micros(200));
        let stop = Arc::new(AtomicBool::new(false));
        let hogs = [false, true].map(|direct| {
            let stop = stop.clone();
            spawn_hog(runtime.spawner(), direct, move || spin_until(&stop))
        });
        // The worker may be this thread, so it must block on something.
        while preemptions(&runtime.metrics()) < 4 {
            runtime.block_on(sleep(runtime.spawner().reactor(), Duration::from_millis(1)));
        }
        let (spawner, reactor) = (runtime.spawner().clone(), runtime.spawner().reactor().clone());
        let sum = runtime.block_on(runtime.spawner().spawn(async move {
            let mut sum = 0;
            for n in 0..20 {
                sleep(&reactor, Duration::from_micros(100)).await;
                sum += spawner.spawn(async move { n }).await.unwrap();
            }
            sum
        }));
        assert_eq!(sum.unwrap(), 190);
        stop.store(true, Relaxed);
        hogs.iter().for_each(JoinHandle::abort);
        for hog in hogs {
            assert!(matches!(runtime.block_on(hog), Err(JoinError::Cancelled)));
        }
        runtime.shutdown().check_final().unwrap();
    }
    check::<Local>();
    check::<GlobalQueue<WakeOne>>();
    check::<runtimes::policies::work_stealing::WorkStealing>();
}

#[test]
fn channels_can_be_used_inside_a_region() {
    // How often they are preempted depends on when this process runs.
    let (begin, mut preempted) = (Instant::now(), 0);
    while preempted <= 10 {
        assert!(begin.elapsed() < LIMIT, "{preempted} preemptions");
        preempted += preemptions_among_channels();
    }
}

fn preemptions_among_channels() -> u64 {
    let runtime = start(1, SHORT);
    let (sender, receiver) = channel::bounded(2);
    let tasks: Vec<_> = (0..6)
        .map(|n| {
            let (sender, receiver) = (sender.clone(), receiver.clone());
            go(runtime.spawner(), move || {
                // SAFETY: channels protect themselves.
                unsafe {
                    runtimes::stackful::preemptible(|| {
                        let mut sum = 0;
                        for m in 0..3_000u64 {
                            if n % 2 == 0 {
                                sender.send(m).unwrap();
                            } else {
                                sum += receiver.recv().unwrap();
                            }
                            // Now and then longer than a slice, from one end of a channel to the
                            // next.
                            let begin = Instant::now();
                            while m % 100 == 0 && begin.elapsed() < 4 * SHORT {
                                let (sender, receiver) = channel::bounded(1);
                                sender.send(m).unwrap();
                                drop(sender);
                                assert_eq!(receiver.iter().sum::<u64>(), m);
                            }
                        }
                        sum
                    })
                }
            })
        })
        .collect();
    let sum: u64 = tasks.into_iter().map(|task| runtime.block_on(task).unwrap()).sum();
    assert_eq!(sum, 3 * 2_999 * 3_000 / 2);
    let metrics = runtime.shutdown();
    metrics.check_final().unwrap();
    preemptions(&metrics)
}

#[test]
fn the_engine_can_be_used_inside_a_region() {
    let runtime = start(2, SHORT);
    let reactor = runtime.spawner().reactor().clone();
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let (spawner, reactor) = (runtime.spawner().clone(), reactor.clone());
            go(&runtime.spawner().clone(), move || {
                // SAFETY: spawning, waking, waiting and timers protect themselves.
                unsafe {
                    runtimes::stackful::preemptible(|| {
                        for n in 0..500u64 {
                            let task = spawner.spawn(async move {
                                yield_now().await;
                                n
                            });
                            let code = go(&spawner, suspend);
                            assert_eq!(wait(task).unwrap(), n);
                            if n % 2 == 0 {
                                wait(code).unwrap();
                            } else {
                                code.abort();
                            }
                            if n % 100 == 0 {
                                wait(sleep(&reactor, Duration::from_micros(50)));
                            }
                            drop(sleep(&reactor, Duration::from_secs(1)));
                            // Longer than a slice, from one entry into the engine to the next.
                            let begin = Instant::now();
                            while begin.elapsed() < 4 * SHORT {
                                drop(spawner.clone());
                            }
                        }
                    });
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    let metrics = runtime.shutdown();
    metrics.check_final().unwrap();
    assert!(preemptions(&metrics) > 100, "{metrics:?}");
}
