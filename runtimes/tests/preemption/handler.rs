//! The process's handler of `SIGURG`, in child processes: other tests use it at the same time.

use std::ffi::c_int;
use std::fs;
use std::mem::MaybeUninit;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering::Relaxed};
use std::time::{Duration, Instant};

use runtimes::metrics::Counter;
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::{go, preemptible};
use runtimes::{Config, Runtime, Spawner};

use super::{LIMIT, SHORT, child_says, preemptions, spin_until, start, wait_for};

fn action() -> usize {
    let mut now = MaybeUninit::<libc::sigaction>::uninit();
    // SAFETY: it reads the action.
    unsafe {
        assert_eq!(libc::sigaction(libc::SIGURG, ptr::null(), now.as_mut_ptr()), 0);
        now.assume_init().sa_sigaction
    }
}

/// Calls of another library's handlers, and the handler that the second one passes signals on to.
static CALLS: AtomicU32 = AtomicU32::new(0);
static CALLS_ABOVE: AtomicU32 = AtomicU32::new(0);
static BELOW: std::sync::atomic::AtomicUsize = std::sync::atomic::AtomicUsize::new(0);

extern "C" fn another(signal: c_int) {
    assert_eq!(signal, libc::SIGURG);
    CALLS.fetch_add(1, Relaxed);
}

extern "C" fn above(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    CALLS_ABOVE.fetch_add(1, Relaxed);
    let below = BELOW.load(Relaxed);
    // SAFETY: the address of such a handler, as `sigaction` returned it.
    let below: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) =
        unsafe { std::mem::transmute(below) };
    below(signal, info, context);
}

fn install(handler: usize, flags: c_int) {
    // SAFETY: all zero is an empty mask and no flags; the handlers above touch atomics only.
    unsafe {
        let mut new: libc::sigaction = std::mem::zeroed();
        new.sa_sigaction = handler;
        new.sa_flags = flags;
        assert_eq!(libc::sigaction(libc::SIGURG, &new, ptr::null_mut()), 0);
    }
}

fn raise() {
    // SAFETY: SIGURG has a handler.
    unsafe { assert_eq!(libc::raise(libc::SIGURG), 0) };
}

fn preempt_a_little() -> StackfulExecutor {
    let runtime = start(1, SHORT);
    let stop = Arc::new(AtomicBool::new(false));
    let tasks =
        [stop.clone(), stop.clone()].map(|stop| go(runtime.spawner(), move || spin_until(&stop)));
    wait_for(&runtime, Counter::Preemptions, 2);
    stop.store(true, Relaxed);
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    runtime
}

#[test]
fn another_librarys_handler_is_called_and_restored() {
    child_says("chained", "restored");
}

pub(super) fn between_another_librarys() {
    install(another as extern "C" fn(c_int) as usize, 0);
    let runtime = preempt_a_little();
    assert_ne!(action(), another as extern "C" fn(c_int) as usize);
    // On a thread that is no worker, and from nobody that we know.
    let before = CALLS.load(Relaxed);
    raise();
    assert!(CALLS.load(Relaxed) > before);
    // Every signal of ours was passed on, because it may have stood for another's.
    let delivered = runtime.metrics().get(Counter::SignalsDelivered).unwrap();
    assert!(u64::from(CALLS.load(Relaxed)) > delivered);
    drop(runtime);
    assert_eq!(action(), another as extern "C" fn(c_int) as usize);
    println!("restored");
}

#[test]
fn a_handler_installed_above_ours_stays() {
    child_says("buried", "it stays");
}

pub(super) fn under_another_librarys() {
    let runtime = preempt_a_little();
    BELOW.store(action(), Relaxed);
    install(
        above as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize,
        libc::SA_SIGINFO | libc::SA_ONSTACK,
    );
    drop(runtime);
    assert_eq!(
        action(),
        above as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize
    );
    raise();
    assert_eq!(CALLS_ABOVE.load(Relaxed), 1);
    // The next runtime works through it.
    drop(preempt_a_little());
    assert!(CALLS_ABOVE.load(Relaxed) > 1);
    println!("it stays");
}

#[test]
fn the_default_action_comes_back() {
    child_says("default", "default again");
}

pub(super) fn restores_the_default() {
    let default = action();
    let (first, second) = (preempt_a_little(), preempt_a_little());
    let ours = action();
    assert_ne!(ours, default);
    drop(first);
    assert_eq!(action(), ours, "the second runtime still needs it");
    drop(second);
    assert_eq!(action(), default);
    drop(preempt_a_little());
    assert_eq!(action(), default);
    println!("default again");
}

#[test]
fn without_a_slice_there_is_no_handler_and_no_monitor() {
    child_says("off", "nothing there");
}

/// The monitors' entries in /proc.
fn monitors() -> Vec<std::path::PathBuf> {
    let all = fs::read_dir("/proc/self/task").unwrap().map(|entry| entry.unwrap().path());
    all.filter(|task| {
        fs::read_to_string(task.join("comm")).is_ok_and(|name| name.trim_end() == "slice-monitor")
    })
    .collect()
}

pub(super) fn off_by_default() {
    let default = action();
    let runtime = StackfulExecutor::start(&Config::new(1)).unwrap();
    // SAFETY: it computes.
    let task = go(runtime.spawner(), || unsafe { preemptible(|| 6 * 7) });
    assert_eq!(runtime.block_on(task).unwrap(), 42);
    assert_eq!((action(), monitors().len()), (default, 0));
    assert!(runtime.slicing().is_none());
    drop(runtime);

    // With one, the monitor sleeps while nobody is in a region.
    let runtime = preempt_a_little();
    let monitors = monitors();
    assert_eq!(monitors.len(), 1);
    let wakes = || {
        let status = fs::read_to_string(monitors[0].join("status")).unwrap();
        let line = status.lines().find(|line| line.starts_with("voluntary_ctxt_switches")).unwrap();
        line.split_whitespace().last().unwrap().parse::<u64>().unwrap()
    };
    let reactor = runtime.spawner().reactor().clone();
    // It may still be on its way to sleep.
    let begin = Instant::now();
    let in_a_while = || {
        let before = wakes();
        runtime.block_on(runtimes::time::sleep(&reactor, Duration::from_millis(200)));
        wakes() - before
    };
    while in_a_while() > 1 {
        assert!(begin.elapsed() < LIMIT, "the monitor wakes while it has nothing to do");
    }
    // And is there again when somebody is.
    let stop = Arc::new(AtomicBool::new(false));
    let task = go(runtime.spawner(), {
        let stop = stop.clone();
        move || spin_until(&stop)
    });
    let seen = preemptions(&runtime.metrics());
    wait_for(&runtime, Counter::Preemptions, seen + 3);
    stop.store(true, Relaxed);
    runtime.block_on(task).unwrap();
    println!("nothing there");
}
