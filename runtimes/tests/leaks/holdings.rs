//! What the process holds, before and after 1,000 starts and stops of a runtime: descriptors,
//! threads, mappings and memory. Also for the peers' tests.

use std::alloc::{GlobalAlloc, Layout, System};
use std::fs;
use std::sync::atomic::{AtomicI64, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use futures_lite::future::{block_on, yield_now};
use runtimes::{Config, Runtime, Spawner};

/// The system's allocator with a count of the bytes that are allocated.
struct Counting;

static LIVE_BYTES: AtomicI64 = AtomicI64::new(0);

// SAFETY: every call is passed on to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        LIVE_BYTES.fetch_add(layout.size() as i64, Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        LIVE_BYTES.fetch_sub(layout.size() as i64, Relaxed);
        // SAFETY: the caller keeps `GlobalAlloc`'s contract.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Far longer than the kernel takes to clear away a thread; only a leak waits for it.
const PATIENCE: Duration = Duration::from_secs(20);

/// Starts and stops that count.
const CYCLES: usize = 1_000;
/// Starts and stops before, in which thread-local and lazily made things come into being.
const WARM_UP: usize = 50;
/// Parts of the test, each of which a leak would show in.
const WINDOWS: usize = 5;

/// One byte per cycle, in one window: less than any allocation that a cycle could leave.
const SLACK_BYTES: i64 = (CYCLES / WINDOWS) as i64;

/// Memory mappings that may come or go: the C library keeps the stacks of some threads that have
/// ended.
const SLACK_MAPPINGS: usize = 50;

/// What the process holds.
#[derive(Debug)]
struct Holdings {
    descriptors: usize,
    threads: usize,
    mappings: usize,
    bytes: i64,
}

impl Holdings {
    fn now() -> Self {
        let entries = |path| fs::read_dir(path).expect("Linux has /proc").count();
        let (descriptors, threads) = (entries("/proc/self/fd"), entries("/proc/self/task"));
        let mappings =
            fs::read_to_string("/proc/self/maps").expect("Linux has /proc").lines().count();
        Self { descriptors, threads, mappings, bytes: LIVE_BYTES.load(Relaxed) }
    }
}

impl Holdings {
    /// What the process holds once the kernel has cleared away what had ended: it may list a
    /// thread, and count its descriptors and mappings, for a while after the thread was joined.
    /// What was leaked stays.
    fn settled(before: &Self) -> Self {
        let start = Instant::now();
        loop {
            let now = Self::now();
            let cleared = now.threads <= before.threads && now.descriptors <= before.descriptors;
            if cleared || start.elapsed() > PATIENCE {
                return now;
            }
            thread::sleep(Duration::from_millis(1));
        }
    }
}

/// One life of a runtime: tasks that finish, one that is woken from outside, a timer, a socket, a
/// handle kept beyond the end, and tasks still queued at the end.
fn cycle<R: Runtime>(workers: usize) {
    let runtime = R::start(&Config::new(workers)).expect("it starts");
    let spawner = runtime.spawner().clone();
    let outside = spawner.spawn(async { String::from("from outside") });
    runtime.block_on(async {
        let (near, far) =
            runtimes::net::UnixStream::pair(spawner.reactor()).expect("a pair of sockets");
        let reader = spawner.spawn(async move {
            let mut buffer = [0; 1];
            far.read_exact(&mut buffer).await.expect("a byte");
        });
        near.write_all(&[1]).await.expect("room for a byte");
        reader.await.expect("it read");
        let (again, inner) = (spawner.clone(), spawner.clone());
        spawner
            .spawn(async move { inner.spawn(async move { drop(again) }).await })
            .await
            .expect("ran")
            .expect("ran");
        assert_eq!(outside.await.expect("ran"), "from outside");
    });
    let kept = spawner.spawn(yield_now());
    let nap = runtimes::time::sleep(spawner.reactor(), Duration::from_secs(3_600));
    let own = spawner.clone();
    drop(spawner.spawn(async move {
        nap.await;
        drop(own);
    }));
    // Until it sleeps: a task that is asleep, with a spawner of its own, when the runtime ends.
    runtime.block_on(async {
        while spawner.reactor().timers() == 0 {
            yield_now().await;
        }
    });
    if let Err(broken) = runtime.shutdown().check_final() {
        panic!("a law of the counters is broken: {broken}");
    }
    let _ = block_on(kept);
    let _ = block_on(spawner.spawn(async {}));
}

/// What a runtime leaves behind by its design.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Leavings {
    /// The most bytes for each start and stop.
    pub(crate) bytes: i64,
    /// It keeps something in each thread that used it, until that thread ends.
    pub(crate) in_threads: bool,
}

/// Starts and stops `R`, and panics if more than `leavings` is left of it.
pub(crate) fn check<R: Runtime>(name: &str, workers: usize, leavings: Leavings) {
    let cycle = || match leavings.in_threads {
        true => thread::spawn(move || cycle::<R>(workers)).join().expect("the cycle ends"),
        false => cycle::<R>(workers),
    };
    for _ in 0..WARM_UP {
        cycle();
    }
    let before = Holdings::now();
    // crossbeam-epoch frees what stealing leaves behind late and in lumps, so one look at the end
    // may find a lump. A leak grows in every window.
    let mut least_growth = i64::MAX;
    for _ in 0..WINDOWS {
        let start = Holdings::now().bytes;
        for _ in 0..CYCLES / WINDOWS {
            cycle();
        }
        least_growth = least_growth.min(Holdings::now().bytes - start);
    }
    let after = Holdings::settled(&before);
    println!("{name}: {before:?} before, {after:?} after {CYCLES} cycles");
    assert!(after.descriptors <= before.descriptors, "{name} leaks descriptors");
    assert!(after.threads <= before.threads, "{name} leaks threads");
    assert!(after.mappings <= before.mappings + SLACK_MAPPINGS, "{name} leaks mappings");
    let per_window = CYCLES / WINDOWS;
    assert!(
        least_growth < SLACK_BYTES + leavings.bytes * per_window as i64,
        "{name} leaks memory: {least_growth} bytes or more in every {per_window} cycles"
    );
}
