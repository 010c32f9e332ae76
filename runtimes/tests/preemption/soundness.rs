//! What safe code around regions must not be able to break: the count of guards, and slicing
//! itself.

use std::cell::RefCell;
use std::mem::MaybeUninit;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::pin;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::{Context, Waker};
use std::thread;
use std::time::Duration;

use runtimes::metrics::Counter;
use runtimes::policies::local::Local;
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::{Coroutine, NoPreempt, Pool, Stackful, go, preemptible, suspend, wait};
use runtimes::{Executor, Runtime};

use super::{SHORT, preemptions, spin_for, spin_until, start, start_as, wait_for};

thread_local! {
    static KEPT: RefCell<Vec<NoPreempt>> = const { RefCell::new(Vec::new()) };
}

/// Whether a hog that is started now is preempted.
fn still_slices(runtime: &StackfulExecutor) {
    let stop = Arc::new(AtomicBool::new(false));
    let hog = go(runtime.spawner(), {
        let stop = stop.clone();
        move || spin_until(&stop)
    });
    let before = preemptions(&runtime.metrics());
    wait_for(runtime, Counter::Preemptions, before + 3);
    stop.store(true, Relaxed);
    runtime.block_on(hog).unwrap();
}

#[test]
fn a_guard_dropped_by_another_coroutine_ends_for_its_maker_and_for_nobody_else() {
    let runtime = start(1, SHORT);
    let [moved, refused, stop] = [(); 3].map(|()| Arc::new(AtomicBool::new(false)));
    let maker = go(runtime.spawner(), {
        let (moved, stop) = (moved.clone(), stop.clone());
        move || {
            KEPT.with_borrow_mut(|kept| kept.extend([NoPreempt::new(), NoPreempt::new()]));
            while !moved.load(Relaxed) {
                suspend();
            }
            // Both are gone, so this is preempted.
            spin_until(&stop);
        }
    });
    let was_refused = refused.clone();
    let dropper = go(runtime.spawner(), move || {
        while KEPT.with_borrow(Vec::is_empty) {
            suspend();
        }
        let own = NoPreempt::new();
        KEPT.with_borrow_mut(Vec::clear);
        // Its own counts on.
        spin_until(&was_refused);
        drop(own);
        moved.store(true, Relaxed);
    });
    wait_for(&runtime, Counter::RefusedGuarded, 1);
    assert_eq!(preemptions(&runtime.metrics()), 0);
    refused.store(true, Relaxed);
    wait_for(&runtime, Counter::Preemptions, 5);
    stop.store(true, Relaxed);
    runtime.block_on(maker).unwrap();
    runtime.block_on(dropper).unwrap();
    still_slices(&runtime);
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn a_guard_may_outlive_its_coroutine_and_cross_the_polls_of_a_future() {
    let runtime = start(1, SHORT);
    for _ in 0..3 {
        runtime
            .block_on(go(runtime.spawner(), || {
                KEPT.with_borrow_mut(|kept| kept.push(NoPreempt::new()))
            }))
            .unwrap();
        runtime.block_on(go(runtime.spawner(), || KEPT.with_borrow_mut(Vec::clear))).unwrap();
        let polled_twice = runtime.spawner().spawn_pinned(|| async {
            let _closed = NoPreempt::new();
            futures_lite::future::yield_now().await;
        });
        runtime.block_on(polled_twice).unwrap();
        still_slices(&runtime);
    }
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn a_claim_refused_on_another_stack_leaves_slicing_on() {
    let runtime = start(1, SHORT);
    let stop = Arc::new(AtomicBool::new(false));
    let task = go(runtime.spawner(), {
        let stop = stop.clone();
        move || {
            for _ in 0..3 {
                let inner = pin!(Coroutine::new(Pool::new(0), async {
                    wait(futures_lite::future::yield_now())
                }));
                let mut context = Context::from_waker(Waker::noop());
                let refused = catch_unwind(AssertUnwindSafe(|| inner.poll(&mut context)));
                let message = refused.unwrap_err().downcast::<String>().unwrap();
                assert!(message.contains("outside direct-style code"), "{message}");
            }
            suspend();
            spin_until(&stop);
        }
    });
    wait_for(&runtime, Counter::Preemptions, 3);
    stop.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    runtime.shutdown().check_final().unwrap();
}

/// Computes for some slices when it is dropped.
struct Computes;

impl Drop for Computes {
    fn drop(&mut self) {
        spin_for(20 * SHORT);
    }
}

#[test]
fn a_runtime_dropped_in_a_region_leaves_slicing_on_and_the_worker_its_own() {
    let runtime = start(1, SHORT);
    // What would run in the middle, if the dropping code were preempted there.
    let stop = Arc::new(AtomicBool::new(false));
    let other = go(runtime.spawner(), {
        let (stop, spawner) = (stop.clone(), runtime.spawner().clone());
        move || {
            while !stop.load(Relaxed) {
                wait(go(&spawner, || ())).unwrap();
                suspend();
            }
        }
    });
    let task = go(runtime.spawner(), move || {
        for n in 0..10 {
            // Itself with slices, or without.
            let inner: Executor<Local, Stackful> = if n % 2 == 0 {
                start_as(1, SHORT)
            } else {
                Executor::start(&runtimes::Config::new(1)).unwrap()
            };
            drop(inner.spawner().spawn_pinned(|| {
                let held = Computes;
                async move { drop(held) }
            }));
            // SAFETY: it drops a runtime, which protects itself, and computes.
            unsafe { preemptible(|| drop(inner)) };
        }
    });
    runtime.block_on(task).unwrap();
    stop.store(true, Relaxed);
    runtime.block_on(other).unwrap();
    still_slices(&runtime);
    runtime.shutdown().check_final().unwrap();
}

/// Blocks SIGURG for the calling thread, and for those that it makes.
fn block_sigurg() {
    let mut set = MaybeUninit::uninit();
    // SAFETY: it initialises a set, adds a signal, and passes it on.
    unsafe {
        libc::sigemptyset(set.as_mut_ptr());
        libc::sigaddset(set.as_mut_ptr(), libc::SIGURG);
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, set.as_ptr(), ptr::null_mut()), 0);
    }
}

fn sigurg_is_blocked() -> bool {
    let mut now = MaybeUninit::uninit();
    // SAFETY: it reads the mask.
    unsafe {
        assert_eq!(libc::pthread_sigmask(libc::SIG_BLOCK, ptr::null(), now.as_mut_ptr()), 0);
        libc::sigismember(now.as_ptr(), libc::SIGURG) == 1
    }
}

#[test]
fn slicing_works_where_the_starting_thread_blocks_the_signal() {
    thread::spawn(|| {
        block_sigurg();
        let runtime = start(2, SHORT);
        still_slices(&runtime);
        drop(runtime);
        assert!(sigurg_is_blocked());

        let runtime: Executor<Local, Stackful> = start_as(1, SHORT);
        let task = go(runtime.spawner(), || spin_for(Duration::from_millis(20)));
        assert!(!runtime.block_on(async { sigurg_is_blocked() }));
        runtime.block_on(task).unwrap();
        assert!(sigurg_is_blocked(), "the caller's thread has its own mask again");
        assert!(preemptions(&runtime.metrics()) > 0);
        drop(runtime);
        assert!(sigurg_is_blocked());
    })
    .join()
    .unwrap();
}
