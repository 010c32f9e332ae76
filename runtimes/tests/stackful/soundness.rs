//! What safe code must not be able to do. Each test failed once, and AddressSanitizer saw those
//! that read freed memory.
#![forbid(unsafe_code)]

use std::cell::{Cell, RefCell};
use std::io::{BufWriter, Write};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering::SeqCst};
use std::sync::mpsc;
use std::thread;

use futures_lite::future;
use runtimes::policies::local::Local;
use runtimes::stackful::direct::{TcpListener, TcpStream, Unwinding, channel};
use runtimes::stackful::{Stackful, go, suspend, try_wait, wait};
use runtimes::{Config, Executor, JoinError, Runtime, Spawner};

use super::{LOOPBACK, start};

type OnCaller = Executor<Local, Stackful>;

fn on_caller() -> OnCaller {
    OnCaller::start(&Config::new(1)).unwrap()
}

// Code that holds what a thread-local lent it, when the thread ends.

/// A thread-local's value, on the heap so that its end frees memory.
struct Key(Vec<u8>);

/// What the thread that ends tells.
#[derive(Clone, Default)]
struct Seen {
    key_is_gone: Arc<AtomicBool>,
    unwound: Arc<AtomicUsize>,
    used_after_its_end: Arc<AtomicBool>,
    started: Arc<AtomicUsize>,
}

thread_local! {
    static SEEN: Seen = Seen::default();
    static KEY: Key = Key((0..100).collect());
    static HOLDER: RefCell<Option<Holder>> = const { RefCell::new(None) };
}

impl Drop for Key {
    fn drop(&mut self) {
        SEEN.with(|seen| seen.key_is_gone.store(true, SeqCst));
    }
}

/// A frame's variable that uses the key's value when the frame unwinds.
struct Borrows<'a>(&'a Key, Seen);

impl Drop for Borrows<'_> {
    fn drop(&mut self) {
        let Self(Key(bytes), seen) = self;
        seen.unwound.fetch_add(1, SeqCst);
        let intact = bytes.iter().map(|&byte| u32::from(byte)).sum::<u32>() == 4_950;
        if seen.key_is_gone.load(SeqCst) || !intact {
            seen.used_after_its_end.store(true, SeqCst);
        }
    }
}

/// A runtime that its thread's destructors drop, and use before.
struct Holder {
    runtime: OnCaller,
    runs_at_the_end: bool,
}

impl Drop for Holder {
    fn drop(&mut self) {
        if self.runs_at_the_end {
            let spawner = self.runtime.spawner().clone();
            let a_while = async move {
                for _ in 0..10 {
                    let _ = spawner.spawn(future::yield_now()).await;
                }
            };
            self.runtime.block_on(a_while);
        }
    }
}

/// Starts code on `runtime` that borrows from the key and suspends again and again.
fn borrow_on(runtime: &OnCaller, seen: &Seen) {
    let before = seen.started.load(SeqCst);
    let started = seen.clone();
    drop(go(runtime.spawner(), move || {
        KEY.with(|key| {
            let _borrows = Borrows(key, started.clone());
            started.started.fetch_add(1, SeqCst);
            (0..1_000).for_each(|_| suspend());
        });
    }));
    while seen.started.load(SeqCst) == before {
        runtime.block_on(runtime.spawner().spawn(future::yield_now())).unwrap();
    }
}

/// Leaves code suspended on `runtime`.
fn suspended_on(runtime: &OnCaller) {
    let (started, is_started) = mpsc::channel();
    drop(go(runtime.spawner(), move || {
        started.send(()).unwrap();
        wait(future::pending::<()>());
    }));
    while is_started.try_recv().is_err() {
        runtime.block_on(runtime.spawner().spawn(future::yield_now())).unwrap();
    }
}

/// What of these the thread uses first.
#[derive(Clone, Copy, Debug, PartialEq)]
enum First {
    Holder,
    Key,
    /// Other code was suspended on this thread before either.
    OtherCode,
    /// The runtime has been used where nothing held it.
    Runtime,
}

#[test]
fn code_on_an_ending_thread_uses_nothing_that_the_thread_has_lost() {
    for first in [First::Holder, First::Key, First::OtherCode, First::Runtime] {
        for runs_at_the_end in [false, true] {
            let seen = Seen::default();
            let ending = seen.clone();
            thread::spawn(move || {
                let hold = |runtime| {
                    HOLDER.with(|holder| {
                        *holder.borrow_mut() = Some(Holder { runtime, runs_at_the_end })
                    });
                };
                let use_it = |seen: &Seen| {
                    HOLDER.with_borrow(|holder| borrow_on(&holder.as_ref().unwrap().runtime, seen))
                };
                let shared = |seen: &Seen| {
                    SEEN.with(|of_thread| Seen {
                        key_is_gone: of_thread.key_is_gone.clone(),
                        ..seen.clone()
                    })
                };
                let seen = shared(&ending);
                match first {
                    First::Holder => {
                        hold(on_caller());
                        use_it(&seen);
                    }
                    First::Key => {
                        KEY.with(|key| assert_eq!(key.0.len(), 100));
                        hold(on_caller());
                        use_it(&seen);
                    }
                    First::OtherCode => {
                        suspended_on(&on_caller());
                        hold(on_caller());
                        use_it(&seen);
                    }
                    First::Runtime => {
                        let runtime = on_caller();
                        suspended_on(&runtime);
                        hold(runtime);
                        use_it(&seen);
                    }
                }
            })
            .join()
            .unwrap();
            let unwound = seen.unwound.load(SeqCst);
            assert!(!seen.used_after_its_end.load(SeqCst), "{first:?}, {runs_at_the_end}");
            if first == First::Key && !runs_at_the_end {
                assert!(unwound <= 1);
            } else {
                assert_eq!(
                    unwound, 0,
                    "{first:?}, {runs_at_the_end}: frames are given up where their key has gone"
                );
            }
        }
    }
}

#[test]
fn a_runtime_that_is_dropped_while_its_thread_lives_unwinds_its_code() {
    thread::spawn(|| {
        let seen = Seen::default();
        for n in 1..=10 {
            let runtime = on_caller();
            borrow_on(&runtime, &seen);
            borrow_on(&runtime, &seen);
            drop(runtime);
            assert_eq!(seen.unwound.load(SeqCst), 2 * n);
        }
        assert!(!seen.used_after_its_end.load(SeqCst));
    })
    .join()
    .unwrap();
}

// Runtimes that are dropped by a task's code.

/// Tries to suspend the code that drops it.
struct Suspends(Arc<AtomicUsize>);

impl Drop for Suspends {
    fn drop(&mut self) {
        if catch_unwind(AssertUnwindSafe(suspend)).is_err() {
            self.0.fetch_add(1, SeqCst);
        }
    }
}

#[test]
fn a_runtime_that_a_task_drops_cannot_suspend_that_task() {
    let runtime = start(1);
    let refused = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..4)
        .map(|_| {
            let refused = refused.clone();
            go(runtime.spawner(), move || {
                for _ in 0..5 {
                    let inner = Executor::<Local>::start(&Config::new(1)).unwrap();
                    let (pinned, queued) = (refused.clone(), refused.clone());
                    drop(inner.spawner().spawn_pinned(move || {
                        let held = Suspends(pinned);
                        async move { drop(held) }
                    }));
                    let held = Suspends(queued);
                    drop(inner.spawner().spawn(async move { drop(held) }));
                    suspend();
                    drop(inner);
                    suspend();
                }
            })
        })
        .collect();
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
    // The tasks of the inner runtimes were never polled, so it is their ends that dropped what they
    // held.
    assert!(refused.load(SeqCst) >= 20, "{}", refused.load(SeqCst));
    // The worker still knows whose it is.
    let spawner = runtime.spawner().clone();
    let nested = runtime.spawner().spawn(async move { spawner.spawn(async { 5 }).await.unwrap() });
    assert_eq!(runtime.block_on(nested).unwrap(), 5);
    runtime.shutdown().check_final().unwrap();
}

// Destructors that wait while they unwind.

#[test]
fn an_aborted_task_whose_destructors_block_ends_and_the_process_goes_on() {
    let runtime = start(1);
    let reactor = runtime.spawner().reactor().clone();
    let listener = TcpListener::bind(&reactor, LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    let (ready, is_ready) = mpsc::channel();
    let task = go(runtime.spawner(), move || {
        let stream = TcpStream::connect(&reactor, address).unwrap();
        // More than sockets take, and nobody reads.
        let mut writer = BufWriter::with_capacity(64 << 20, stream);
        writer.write_all(&vec![0; 32 << 20]).unwrap();
        ready.send(()).unwrap();
        wait(future::pending::<()>());
    });
    is_ready.recv().unwrap();
    task.abort();
    assert!(matches!(runtime.block_on(task), Err(JoinError::Cancelled)));
    drop(listener);
    assert_eq!(runtime.block_on(go(runtime.spawner(), || 1)).unwrap(), 1);
    runtime.shutdown().check_final().unwrap();
}

/// Calls everything that waits, when it is dropped.
struct WaitsForAll {
    listener: TcpListener,
    told: mpsc::Sender<[bool; 6]>,
}

impl Drop for WaitsForAll {
    fn drop(&mut self) {
        let (sender, receiver) = channel::bounded(1);
        sender.send(1).unwrap();
        let full = sender.send(2).is_err_and(|error| error.0 == 2);
        let first = receiver.recv() == Ok(1);
        let empty = receiver.recv().is_err();
        let accept =
            self.listener.accept().is_err_and(|error| error.downcast::<Unwinding>().is_ok());
        suspend();
        let pending = try_wait(future::pending::<()>()).is_err();
        let ready = try_wait(async { 1 }) == Ok(1);
        self.told.send([full, first, empty, accept, pending, ready]).unwrap();
    }
}

#[test]
fn whatever_waits_in_a_destructor_is_refused_by_an_error_while_the_code_unwinds() {
    // Aborted, dropped with the runtime, or panicking by itself.
    for end in 0..3 {
        let runtime = start(1);
        let (told, tells) = mpsc::channel();
        let (started, starts) = mpsc::channel();
        let listener = TcpListener::bind(runtime.spawner().reactor(), LOOPBACK).unwrap();
        let task = go(runtime.spawner(), move || {
            let _waits = WaitsForAll { listener, told };
            started.send(()).unwrap();
            if end == 2 {
                std::panic::resume_unwind(Box::new("by itself"));
            }
            wait(future::pending::<()>());
        });
        starts.recv().unwrap();
        if end == 0 {
            task.abort();
        }
        if end != 1 {
            assert!(runtime.block_on(task).is_err());
        }
        runtime.shutdown().check_final().unwrap();
        assert_eq!(tells.recv().unwrap(), [true; 6], "end {end}");
    }
}

#[test]
fn a_thread_local_is_usable_by_code_that_is_resumed_by_later_calls_of_block_on() {
    thread_local!(static COUNT: Cell<u32> = const { Cell::new(0) });
    let runtime = on_caller();
    let task = go(runtime.spawner(), || {
        for _ in 0..100 {
            COUNT.set(COUNT.get() + 1);
            suspend();
        }
    });
    for _ in 0..10 {
        runtime.block_on(runtime.spawner().spawn(future::yield_now())).unwrap();
    }
    runtime.block_on(task).unwrap();
    assert_eq!(COUNT.get(), 100);
}
