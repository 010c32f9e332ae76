//! When a coroutine is not preempted, and that each rule is needed.

use std::alloc::{GlobalAlloc, Layout, System};
use std::hint::black_box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::sync::{Arc, Mutex, mpsc};
use std::task::{Context, Waker};
use std::time::{Duration, Instant};

use runtimes::metrics::Counter;
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::{
    Coroutine, NoPreempt, Pool, PreemptSafe, direct, go, preemptible, suspend,
};
use runtimes::{Config, Runtime, Spawner};

use super::{SHORT, child_says, preemptions, spin_for, spin_until, start, wait_for};

/// Runs two copies of `body` in turn on one worker until they were preempted so often.
fn two_hogs(at_least: u64, body: impl Fn() + Clone + Send + 'static) -> StackfulExecutor {
    let runtime = start(1, SHORT);
    let done = Arc::new(AtomicBool::new(false));
    let tasks = [0, 1].map(|_| {
        let (done, body) = (done.clone(), body.clone());
        go(runtime.spawner(), move || {
            while !done.load(Relaxed) {
                body();
            }
        })
    });
    wait_for(&runtime, Counter::Preemptions, at_least);
    done.store(true, Relaxed);
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    runtime
}

fn refused(runtime: StackfulExecutor, counter: Counter) -> u64 {
    runtime.shutdown().get(counter).unwrap()
}

/// The two lock, and compute with the lock held.
fn with_a_lock(guarded: bool) -> impl Fn() + Clone + Send + 'static {
    let lock = Arc::new(Mutex::new(0u64));
    move || {
        let work = || {
            let _closed = guarded.then(NoPreempt::new);
            let mut sum = lock.lock().unwrap();
            (0..2_000).for_each(|n| *sum = black_box(*sum ^ n));
        };
        // SAFETY: wrong if it is not guarded, which is what the child shows.
        unsafe { preemptible(work) }
    }
}

#[test]
fn a_lock_held_in_a_region_stops_the_worker() {
    child_says("lock", "the worker hangs");
}

/// In a child.
pub(super) fn hold_a_lock_in_a_region() {
    let (done, wait) = mpsc::channel();
    std::thread::spawn(move || {
        drop(two_hogs(100_000, with_a_lock(false)));
        done.send(()).unwrap();
    });
    match wait.recv_timeout(Duration::from_secs(2)) {
        Ok(()) => println!("no harm done"),
        Err(_) => println!("the worker hangs"),
    }
    std::process::exit(0);
}

#[test]
fn a_lock_behind_a_guard_is_safe_in_a_region() {
    let shared = with_a_lock(true);
    let runtime = two_hogs(50, move || {
        shared();
        spin_for(Duration::from_micros(10));
    });
    assert!(refused(runtime, Counter::RefusedGuarded) > 0);
}

/// An allocator in the executable, which notices when it is entered twice.
#[derive(Clone, Default)]
struct Fragile {
    busy: Arc<AtomicBool>,
    entered_twice: Arc<AtomicU32>,
}

// SAFETY: it allocates as the system's does.
unsafe impl GlobalAlloc for Fragile {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if self.busy.swap(true, Relaxed) {
            self.entered_twice.fetch_add(1, Relaxed);
        }
        (0..200).for_each(|n| _ = black_box(n));
        self.busy.store(false, Relaxed);
        // SAFETY: the caller's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How often the allocator was entered twice.
fn allocate<A: GlobalAlloc + Send + Sync + 'static>(wrap: impl FnOnce(Fragile) -> A) -> u32 {
    let fragile = Fragile::default();
    let allocator = Arc::new(wrap(fragile.clone()));
    drop(two_hogs(300, move || {
        let layout = Layout::new::<[u64; 8]>();
        // SAFETY: the layout is not empty and the block its own; without the wrapper the allocator
        // only counts.
        unsafe {
            preemptible(|| {
                let block = allocator.alloc(layout);
                (0..200).for_each(|n| _ = black_box(n));
                allocator.dealloc(block, layout);
            });
        }
    }));
    fragile.entered_twice.load(Relaxed)
}

#[test]
fn an_allocator_in_the_executable_needs_the_wrapper() {
    assert!(allocate(|fragile| fragile) > 0);
    assert_eq!(allocate(PreemptSafe::new), 0);
}

#[test]
fn code_of_shared_libraries_is_not_preempted() {
    // The C library's allocator, a thousand preemptions in and around it.
    let runtime = two_hogs(1_000, || {
        // SAFETY: the system's allocator is in a shared library.
        unsafe {
            preemptible(|| {
                let all: Vec<Vec<u8>> = (1..50).map(|n| vec![n as u8; n * 37]).collect();
                assert!(all.iter().all(|one| one.iter().all(|&byte| byte == one[0])));
            });
        }
    });
    assert!(refused(runtime, Counter::RefusedForeignCode) > 0);
}

#[test]
fn a_signal_that_nobody_waits_for_is_refused() {
    // A slice that never ends: the monitor sends nothing.
    let runtime = start(1, Duration::from_secs(3_600));
    let task = go(runtime.spawner(), || {
        raise();
        // SAFETY: it sends a signal to its own thread, which has a handler.
        unsafe { preemptible(|| (0..3).for_each(|_| raise())) };
        raise();
    });
    runtime.block_on(task).unwrap();
    let metrics = runtime.shutdown();
    let refused = [Counter::RefusedStale, Counter::RefusedNoRegion]
        .map(|counter| metrics.get(counter).unwrap());
    assert_eq!(refused, [3, 2], "within the region, and outside: {metrics:?}");
    assert_eq!(preemptions(&metrics), 0);
}

#[test]
fn a_signal_that_comes_a_slice_too_late_is_refused() {
    let runtime = start(1, SHORT);
    let sent = Arc::new(AtomicBool::new(false));
    let task = go(runtime.spawner(), {
        let sent = sent.clone();
        move || {
            // The signal for the first slice is kept waiting until that is over.
            set_blocked(true);
            spin_until(&sent);
            suspend();
            // SAFETY: it changes the thread's mask, which is as before when the region ends.
            unsafe { preemptible(|| set_blocked(false)) };
        }
    });
    wait_for(&runtime, Counter::SignalsSent, 1);
    assert_eq!(preemptions(&runtime.metrics()), 0);
    sent.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    assert_eq!(refused(runtime, Counter::RefusedStale), 1);
}

fn raise() {
    // SAFETY: SIGURG does nothing to those who do not want it.
    unsafe { assert_eq!(libc::raise(libc::SIGURG), 0) };
}

/// Keeps `SIGURG` from the calling thread, or lets it come.
fn set_blocked(blocked: bool) {
    let how = if blocked { libc::SIG_BLOCK } else { libc::SIG_UNBLOCK };
    // SAFETY: all zero is an empty set, to which a signal is added.
    unsafe {
        let mut signals: libc::sigset_t = std::mem::zeroed();
        assert_eq!(libc::sigaddset(&mut signals, libc::SIGURG), 0);
        assert_eq!(libc::pthread_sigmask(how, &signals, std::ptr::null_mut()), 0);
    }
}

#[test]
fn low_stack_is_refused_and_counted() {
    const STACK: usize = 32 * 1024;
    #[inline(never)]
    fn descend(top: usize) {
        let filler = black_box([0u8; 256]);
        // The header takes 2 KiB at most, so 3 to 4 KiB are left.
        if top - filler.as_ptr().addr() < STACK - 2 * 1024 - 4 * 1024 {
            descend(top);
        } else {
            // SAFETY: it counts.
            unsafe { preemptible(|| (0..20_000_000u64).for_each(|n| _ = black_box(n))) }
        }
        black_box(&filler);
    }
    let mut config = Config::new(1);
    config.slice = Some(SHORT);
    config.stack_size = STACK;
    let runtime = StackfulExecutor::start(&config).unwrap();
    let task = go(runtime.spawner(), || {
        let top = black_box(0u8);
        descend((&raw const top).addr());
    });
    runtime.block_on(task).unwrap();
    let metrics = runtime.shutdown();
    assert!(metrics.get(Counter::RefusedLowStack) > Some(0), "{metrics:?}");
    assert_eq!(preemptions(&metrics), 0);
}

#[test]
fn a_panic_inside_a_region_is_not_interrupted() {
    let runtime = two_hogs(200, || {
        struct Slow;
        impl Drop for Slow {
            fn drop(&mut self) {
                (0..5_000).for_each(|n| _ = black_box(n));
            }
        }
        let unwind = || {
            let _slow = Slow;
            resume_unwind(Box::new(7))
        };
        // SAFETY: it unwinds without the panic hook.
        let caught = unsafe { preemptible(|| catch_unwind(unwind)) };
        assert_eq!(*caught.unwrap_err().downcast::<i32>().unwrap(), 7);
        spin_for(Duration::from_micros(10));
    });
    assert!(refused(runtime, Counter::RefusedPanicking) > 0);
}

#[test]
fn a_panic_out_of_a_region_closes_it() {
    // A slice that never ends: all signals are this test's own.
    let runtime = start(1, Duration::from_secs(3_600));
    let task = go(runtime.spawner(), || {
        let caught = catch_unwind(AssertUnwindSafe(|| {
            // SAFETY: it only unwinds.
            unsafe { preemptible(|| resume_unwind(Box::new("out"))) }
        }));
        assert!(caught.is_err());
        raise();
    });
    runtime.block_on(task).unwrap();
    let task = runtime.spawner().spawn(async {
        // SAFETY: as above.
        unsafe { preemptible(|| resume_unwind(Box::new("to its handle".to_string()))) }
    });
    let error = runtime.block_on(task).map(|(): ()| ()).unwrap_err();
    assert_eq!(error.panic_message(), Some("to its handle"));
    runtime.block_on(go(runtime.spawner(), raise)).unwrap();
    let metrics = runtime.shutdown();
    let refused = [Counter::RefusedNoRegion, Counter::RefusedStale]
        .map(|counter| metrics.get(counter).unwrap());
    assert_eq!(refused, [2, 0], "no region is open: {metrics:?}");
}

#[test]
fn a_coroutine_polled_by_hand_is_not_preempted_on_its_own_stack() {
    let runtime = start(1, SHORT);
    let (inside, outside) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
    let task = go(runtime.spawner(), {
        let (inside, outside) = (inside.clone(), outside.clone());
        move || {
            let mut context = Context::from_waker(Waker::noop());
            let mut inner = pin!(Coroutine::new(Pool::new(0), async {
                spin_until(&inside);
                suspend_once().await;
                spin_for(Duration::from_millis(5));
            }));
            // SAFETY: no locks, no thread-locals.
            unsafe {
                preemptible(|| {
                    assert!(inner.as_mut().poll(&mut context).is_pending());
                    // The region of the task's own stack is open still.
                    while !outside.load(Relaxed) {
                        std::hint::spin_loop();
                    }
                    assert!(inner.as_mut().poll(&mut context).is_ready());
                });
            }
        }
    });
    // On the other stack from the first of these on; before, it could be preempted.
    wait_for(&runtime, Counter::RefusedForeignStack, 1);
    let before = preemptions(&runtime.metrics());
    wait_for(&runtime, Counter::RefusedForeignStack, 5);
    assert_eq!(preemptions(&runtime.metrics()), before);
    inside.store(true, Relaxed);
    wait_for(&runtime, Counter::Preemptions, before + 1);
    outside.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    assert!(refused(runtime, Counter::RefusedForeignStack) > 0);
}

async fn suspend_once() {
    futures_lite::future::yield_now().await;
}

#[test]
fn guards_belong_to_the_coroutine_that_holds_them() {
    let runtime = start(1, SHORT);
    let stop = Arc::new(AtomicBool::new(false));
    let spinner = go(runtime.spawner(), {
        let stop = stop.clone();
        move || spin_until(&stop)
    });
    let holder = go(runtime.spawner(), {
        let (stop, reactor) = (stop.clone(), runtime.spawner().reactor().clone());
        move || {
            // SAFETY: it computes.
            unsafe {
                preemptible(|| {
                    let closed = NoPreempt::new();
                    for _ in 0..40 {
                        // The other one runs, and is preempted: this one's guard is not its.
                        // (Unless this thread did not run for so long, so that the sleep was over
                        // at once.)
                        direct::sleep(&reactor, Duration::from_micros(300));
                        let begin = Instant::now();
                        while begin.elapsed() < Duration::from_micros(500) {
                            std::hint::spin_loop();
                        }
                    }
                    stop.store(true, Relaxed);
                    drop(closed);
                });
            }
        }
    });
    runtime.block_on(holder).unwrap();
    runtime.block_on(spinner).unwrap();
    let metrics = runtime.shutdown();
    assert!(preemptions(&metrics) >= 20, "at least once while the other sleeps: {metrics:?}");
    assert!(metrics.get(Counter::RefusedGuarded) > Some(0), "{metrics:?}");
}
