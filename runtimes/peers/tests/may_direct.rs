//! Direct style on may, which is offered with one worker: in a process of its own, because all of
//! may's runtimes share their workers.

use std::future::pending;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use futures_channel::oneshot;
use peers::may::Variant;
use runtimes::{Config, Join, JoinError, Runtime, Spawner};

/// Counts its drop.
struct Probe(Arc<AtomicUsize>);

impl Drop for Probe {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

fn start() -> Variant {
    Variant::start(&Config::new(1)).expect("every test starts it with one worker")
}

#[test]
fn code_stays_on_its_thread_while_others_run() {
    let runtime = start();
    let order = Arc::new(Mutex::new(Vec::new()));
    let tasks: Vec<_> = (0..3)
        .map(|task| {
            let order = Arc::clone(&order);
            let code = runtime.spawner().go(move |stack| {
                let home = thread::current().id();
                for turn in 0..50 {
                    order.lock().unwrap().push((turn, task));
                    stack.yield_now();
                    assert_eq!(thread::current().id(), home);
                }
                task
            });
            code.expect("there is one worker")
        })
        .collect();
    for (n, task) in tasks.into_iter().enumerate() {
        assert_eq!(runtime.block_on(task).unwrap(), n);
    }
    let order = order.lock().unwrap();
    let switches = order.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
    assert!(switches > 100, "a yield lets the others have their turn: {switches} switches of 149");
}

#[test]
fn code_waits_for_what_another_thread_sends() {
    let runtime = start();
    for n in 0..200 {
        let (send, receive) = oneshot::channel();
        let code = runtime.spawner().go(move |stack| {
            let mut got = 0;
            stack.wait(pin!(async { got = receive.await.unwrap() }));
            got
        });
        let sender = thread::spawn(move || send.send(n));
        assert_eq!(runtime.block_on(code.expect("there is one worker")).unwrap(), n);
        sender.join().unwrap().unwrap();
    }
}

#[test]
fn aborted_code_unwinds_from_either_call() {
    let runtime = start();
    for yields in [true, false] {
        let dropped = Arc::new(AtomicUsize::new(0));
        let probe = Probe(Arc::clone(&dropped));
        let (raise, started) = oneshot::channel();
        let code = runtime.spawner().go(move |stack| -> () {
            let _probe = probe;
            raise.send(()).unwrap();
            loop {
                if yields { stack.yield_now() } else { stack.wait(pin!(pending())) }
            }
        });
        let mut code = code.expect("there is one worker");
        runtime.block_on(started).unwrap();
        code.abort();
        assert!(matches!(runtime.block_on(code), Err(JoinError::Cancelled)));
        assert_eq!(dropped.load(Ordering::Relaxed), 1);
    }
}

#[test]
fn a_panic_reaches_the_handle() {
    let runtime = start();
    let code = runtime.spawner().go(|stack| {
        stack.yield_now();
        stack.wait(pin!(async { panic!("waited for") }));
    });
    let Err(JoinError::Panicked(payload)) = runtime.block_on(code.expect("there is one worker"))
    else {
        panic!("no panic arrived")
    };
    assert_eq!(payload.downcast_ref::<&str>(), Some(&"waited for"));
}

#[test]
fn shutdown_unwinds_code_that_waits() {
    let dropped = Arc::new(AtomicUsize::new(0));
    let runtime = start();
    let probe = Probe(Arc::clone(&dropped));
    let (raise, started) = oneshot::channel();
    let code = runtime.spawner().go(move |stack| {
        let _probe = probe;
        raise.send(()).unwrap();
        stack.wait(pin!(pending()));
    });
    runtime.block_on(started).unwrap();
    runtime.shutdown();
    assert_eq!(dropped.load(Ordering::Relaxed), 1);
    drop(code);
}
