//! Tasks with stacks of their own, on the engine: who runs them where, and how they end.

mod channel;
#[path = "../../examples/direct_echo.rs"]
mod direct_echo;
#[path = "../../examples/direct_pipeline.rs"]
mod direct_pipeline;
mod fairness;
mod soundness;

use std::cell::Cell;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, Shutdown};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::thread::{self, ThreadId};
use std::time::{Duration, Instant};

use futures_lite::future::{self, yield_now};
use runtimes::metrics::Counter;
use runtimes::stackful::StackfulExecutor;
use runtimes::stackful::direct::{self, TcpListener, TcpStream};
use runtimes::stackful::{go, suspend, wait};
use runtimes::{Config, Executor, Join, JoinError, Runtime, Spawner};

const LOOPBACK: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 0);

fn start(workers: usize) -> StackfulExecutor {
    StackfulExecutor::start(&Config::new(workers)).unwrap()
}

/// Sends the thread that drops it.
struct DroppedOn(mpsc::Sender<ThreadId>);

impl Drop for DroppedOn {
    fn drop(&mut self) {
        self.0.send(thread::current().id()).unwrap();
    }
}

#[test]
fn futures_run_on_stacks_and_switches_are_counted() {
    for workers in [1, 2] {
        let runtime = start(workers);
        let spawner = runtime.spawner().clone();
        let sum = runtime.block_on(async move {
            let tasks: Vec<_> = (0..1_000u64)
                .map(|n| {
                    spawner.spawn(async move {
                        for _ in 0..n % 8 {
                            yield_now().await;
                        }
                        n
                    })
                })
                .collect();
            let mut sum = 0;
            for task in tasks {
                sum += task.await.unwrap();
            }
            sum
        });
        assert_eq!(sum, 499_500);
        let metrics = runtime.shutdown();
        metrics.check_final().unwrap();
        assert_eq!(metrics.get(Counter::Switches), metrics.get(Counter::Polls));
        assert!((1..=1_000).contains(&metrics.get(Counter::StacksMade).unwrap()), "{metrics:?}");
    }
}

#[test]
fn direct_code_stays_on_one_worker_however_it_is_woken() {
    let runtime = start(3);
    let spawner = runtime.spawner().clone();
    let tasks: Vec<_> = (0..30)
        .map(|_| {
            let reactor = spawner.reactor().clone();
            let spawner = spawner.clone();
            go(&spawner.clone(), move || {
                let not_send = Rc::new(Cell::new(0));
                let here = thread::current().id();
                for _ in 0..10 {
                    // Woken by a timer, by another task on whichever worker, and by itself.
                    direct::sleep(&reactor, Duration::from_micros(100));
                    assert_eq!(wait(spawner.spawn(async { 5 })).unwrap(), 5);
                    suspend();
                    assert_eq!(thread::current().id(), here);
                    not_send.set(not_send.get() + 1);
                }
                (here, not_send.get())
            })
        })
        .collect();
    let mut threads = Vec::new();
    for task in tasks {
        let (thread, turns) = runtime.block_on(task).unwrap();
        assert_eq!(turns, 10);
        threads.push(thread);
    }
    threads.sort_by_key(|thread| format!("{thread:?}"));
    threads.dedup();
    assert_eq!(threads.len(), 3, "code started from outside goes to each worker in turn");
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn the_examples_run() {
    direct_echo::main().unwrap();
    direct_pipeline::main().unwrap();
}

#[test]
fn an_echo_server_reads_like_blocking_code() {
    let runtime = start(2);
    let spawner = runtime.spawner().clone();
    let reactor = spawner.reactor().clone();
    let listener = TcpListener::bind(&reactor, LOOPBACK).unwrap();
    let address = listener.local_addr().unwrap();
    const CLIENTS: usize = 20;

    let server = go(&spawner.clone(), {
        let spawner = spawner.clone();
        move || {
            let connections: Vec<_> = (0..CLIENTS)
                .map(|_| {
                    let (mut stream, _) = listener.accept().unwrap();
                    go(&spawner, move || {
                        let mut buffer = [0; 1024];
                        let mut total = 0;
                        loop {
                            let n = stream.read(&mut buffer).unwrap();
                            if n == 0 {
                                return total;
                            }
                            stream.write_all(&buffer[..n]).unwrap();
                            total += n;
                        }
                    })
                })
                .collect();
            connections.into_iter().map(|connection| wait(connection).unwrap()).sum::<usize>()
        }
    });
    let clients: Vec<_> = (0..CLIENTS)
        .map(|client| {
            let reactor = reactor.clone();
            go(&spawner, move || {
                let stream = TcpStream::connect(&reactor, address).unwrap();
                let mut replies = BufReader::new(&stream).lines();
                let mut sent = 0;
                for n in 0..50 {
                    let line = format!("line {n} of client {client}");
                    writeln!(&stream, "{line}").unwrap();
                    assert_eq!(replies.next().unwrap().unwrap(), line);
                    sent += line.len() + 1;
                }
                stream.shutdown(Shutdown::Write).unwrap();
                assert!(replies.next().is_none());
                sent
            })
        })
        .collect();
    let sent: usize = clients.into_iter().map(|client| runtime.block_on(client).unwrap()).sum();
    assert_eq!(runtime.block_on(server).unwrap(), sent);
}

#[test]
fn sleep_suspends_only_its_caller() {
    let runtime = start(1);
    let reactor = runtime.spawner().reactor().clone();
    let begun = Arc::new(AtomicUsize::new(0));
    let tasks: Vec<_> = (0..50)
        .map(|_| {
            let (reactor, begun) = (reactor.clone(), begun.clone());
            // Each sleeps until all have begun, which they can do only while the others sleep.
            go(runtime.spawner(), move || {
                begun.fetch_add(1, SeqCst);
                let before = Instant::now();
                while begun.load(SeqCst) < 50 {
                    assert!(before.elapsed() < Duration::from_secs(20), "the others do not begin");
                    direct::sleep(&reactor, Duration::from_millis(1));
                }
                let before = Instant::now();
                direct::sleep(&reactor, Duration::from_millis(1));
                before.elapsed()
            })
        })
        .collect();
    for task in tasks {
        assert!(runtime.block_on(task).unwrap() >= Duration::from_millis(1));
    }
}

#[test]
fn a_panic_in_direct_code_reaches_its_handle() {
    let runtime = start(1);
    let task = go(runtime.spawner(), || {
        suspend();
        panic!("in direct style");
    });
    let error: JoinError = runtime.block_on(task).map(|(): ()| ()).unwrap_err();
    assert_eq!(error.panic_message(), Some("in direct style"));
    assert_eq!(runtime.block_on(go(runtime.spawner(), || 1)).unwrap(), 1);
}

#[test]
fn wait_in_a_spawned_future_is_refused_with_a_message() {
    let runtime = start(1);
    let task = runtime.spawner().spawn(async { wait(yield_now()) });
    let error = runtime.block_on(task).unwrap_err();
    assert!(error.panic_message().unwrap().contains("outside direct-style code"), "{error}");
}

#[test]
fn aborted_direct_code_is_unwound_on_its_own_worker() {
    let runtime = start(2);
    let (started, starts) = mpsc::channel();
    let (dropped, drops) = mpsc::channel();
    let mut tasks: Vec<_> = (0..20)
        .map(|_| {
            let (started, dropped) = (started.clone(), dropped.clone());
            go(runtime.spawner(), move || {
                let _local = DroppedOn(dropped);
                started.send(thread::current().id()).unwrap();
                wait(future::pending::<()>());
            })
        })
        .collect();
    let mut on: Vec<_> = (0..20).map(|_| starts.recv().unwrap()).collect();
    tasks.iter_mut().for_each(Join::abort);
    for task in tasks {
        assert!(matches!(runtime.block_on(task), Err(JoinError::Cancelled)));
    }
    let mut off: Vec<_> = (0..20).map(|_| drops.recv().unwrap()).collect();
    for threads in [&mut on, &mut off] {
        threads.sort_by_key(|thread| format!("{thread:?}"));
    }
    assert_eq!(on, off);
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn shutdown_unwinds_what_is_suspended_on_its_own_worker() {
    let runtime = start(2);
    let (started, starts) = mpsc::channel();
    let (dropped, drops) = mpsc::channel();
    let mut kept = Vec::new();
    for n in 0..20 {
        let (started, dropped) = (started.clone(), dropped.clone());
        let task = go(runtime.spawner(), move || {
            let here = thread::current().id();
            let _local = DroppedOn(dropped);
            started.send(here).unwrap();
            wait(future::pending::<()>());
        });
        // Detached or not.
        if n % 2 == 0 {
            kept.push(task);
        } else {
            drop(task);
        }
    }
    let mut on: Vec<_> = (0..20).map(|_| starts.recv().unwrap()).collect();
    runtime.shutdown().check_final().unwrap();
    drop(dropped);
    let mut off: Vec<_> = drops.iter().collect();
    for threads in [&mut on, &mut off] {
        threads.sort_by_key(|thread| format!("{thread:?}"));
    }
    assert_eq!(on, off);
    for task in kept {
        assert!(matches!(future::block_on(task), Err(JoinError::Cancelled)));
    }
}

#[test]
fn shutdown_drops_suspended_futures_and_takes_their_stacks_back() {
    struct Guard(mpsc::Sender<()>);
    impl Drop for Guard {
        fn drop(&mut self) {
            self.0.send(()).unwrap();
        }
    }
    let runtime = start(2);
    let pool = runtime.spawner().body().clone();
    let (dropped, drops) = mpsc::channel();
    let (started, starts) = mpsc::channel();
    let kept: Vec<_> = (0..200)
        .map(|_| {
            let guard = Guard(dropped.clone());
            let started = started.clone();
            runtime.spawner().spawn(async move {
                let _guard = guard;
                started.send(()).unwrap();
                future::pending::<()>().await;
            })
        })
        .collect();
    (0..200).for_each(|_| starts.recv().unwrap());
    assert!(pool.stats().out >= 200);
    drop(runtime);
    drop(dropped);
    assert_eq!(drops.iter().count(), 200);
    // The workers are gone with their magazines; this thread, which dropped the futures, has one.
    assert!(pool.stats().out <= 64, "{:?}", pool.stats());
    drop(kept);
}

#[test]
fn starting_and_stopping_leaves_no_stacks_mapped() {
    let mapped_pages = || {
        let text = std::fs::read_to_string("/proc/self/statm").unwrap();
        text.split(' ').next().unwrap().parse::<i64>().unwrap()
    };
    let cycle = || {
        let runtime = start(2);
        let tasks: Vec<_> = (0..10).map(|_| runtime.spawner().spawn(yield_now())).collect();
        let code = go(runtime.spawner(), || wait(yield_now()));
        tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
        runtime.block_on(code).unwrap();
    };
    cycle();
    let before = mapped_pages();
    (0..200).for_each(|_| cycle());
    // Each leaked pool would hold 64 MiB of address space, and there were 200; other tests run
    // meanwhile.
    let grown = (mapped_pages() - before) * rustix::param::page_size() as i64;
    assert!(grown < 2 << 30, "{grown} bytes more are mapped");
}

#[test]
fn the_body_composes_with_other_policies() {
    use runtimes::policies::{
        global_queue::{GlobalQueue, WakeOne},
        local::Local,
    };
    use runtimes::stackful::Stackful;

    fn check<S: runtimes::scheduler::Scheduler>() {
        let runtime = Executor::<S, Stackful>::start(&Config::new(1)).unwrap();
        let code = go(runtime.spawner(), || {
            wait(yield_now());
            3
        });
        let task = runtime.spawner().spawn(async move {
            yield_now().await;
            code.await.unwrap() + 1
        });
        assert_eq!(runtime.block_on(task).unwrap(), 4);
        runtime.shutdown().check_final().unwrap();
    }
    check::<Local>();
    check::<GlobalQueue<WakeOne>>();
}
