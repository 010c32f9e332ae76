//! A task whose sources are always ready, or whose timers are always due, gives way nevertheless:
//! leaf futures of ours have a cooperative budget.
//!
//! Each test lets greedy tasks occupy every worker, twice over, and then asks for something that
//! needs one. Without a budget no poll of theirs would ever end.

use std::future::Future;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::Duration;

use futures_lite::future::{or, pending, yield_now, zip};
use runtimes::budget::BUDGET;
use runtimes::net::{TcpListener, UdpSocket, UnixStream};
use runtimes::reactor::{Handle, Interest, Source};
use runtimes::time::{interval, sleep, timeout};
use runtimes::{Runtime, Spawner};

use crate::support::{Case, Count, Launch, Run, Signal, finish};
use runtimes::Property;

/// Any free port of the loopback interface.
fn loopback() -> SocketAddr {
    (Ipv4Addr::LOCALHOST, 0).into()
}

/// When a greedy task ends, and how many operations it has done.
#[derive(Clone, Default)]
struct Greed {
    stop: Arc<AtomicBool>,
    running: Signal,
    operations: Count,
}

impl Greed {
    fn goes_on(&self) -> bool {
        self.operations.add();
        !self.stop.load(SeqCst)
    }
}

type Greedy = Pin<Box<dyn Future<Output = ()> + Send>>;

/// Writes to one end and reads from the other.
fn pair(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        let (a, b) = UnixStream::pair(&handle).unwrap();
        greed.running.raise();
        let mut buffer = [0; 8];
        while greed.goes_on() {
            a.write_all(&[1; 8]).await.unwrap();
            b.read_exact(&mut buffer).await.unwrap();
        }
    })
}

fn datagrams(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        let socket = UdpSocket::bind(&handle, loopback()).unwrap();
        let own = socket.local_addr().unwrap();
        greed.running.raise();
        let mut buffer = [0; 8];
        while greed.goes_on() {
            socket.send_to(&[1; 8], own).await.unwrap();
            socket.recv_from(&mut buffer).await.unwrap();
        }
    })
}

fn readiness(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        let (ours, _theirs) = std::os::unix::net::UnixStream::pair().unwrap();
        ours.set_nonblocking(true).unwrap();
        let source = Source::new(&handle, ours).unwrap();
        greed.running.raise();
        while greed.goes_on() {
            source.writable().await.unwrap();
            source.try_io(Interest::Writable, |_| Ok(())).unwrap();
        }
    })
}

fn ticks(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        let mut ticks = interval(&handle, Duration::from_nanos(1));
        greed.running.raise();
        while greed.goes_on() {
            ticks.tick().await;
        }
    })
}

fn naps(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        greed.running.raise();
        let mut over = sleep(&handle, Duration::from_nanos(1));
        while greed.goes_on() {
            sleep(&handle, Duration::ZERO).await;
            (&mut over).await;
            timeout(&handle, Duration::ZERO, pending::<()>()).await.unwrap_err();
        }
    })
}

/// Takes from whichever of two sources is ready: the one that was refused is dropped, and asked
/// again.
fn choice(handle: Handle, greed: Greed) -> Greedy {
    Box::pin(async move {
        let (a, b) = UnixStream::pair(&handle).unwrap();
        greed.running.raise();
        let (mut one, mut two) = ([0; 1], [0; 1]);
        while greed.goes_on() {
            or(async { a.write(b"x").await.unwrap() }, async { b.write(b"x").await.unwrap() })
                .await;
            or(async { b.read(&mut one).await.unwrap() }, async {
                a.read(&mut two).await.unwrap()
            })
            .await;
        }
    })
}

/// Fills every worker with `greedy` tasks and runs `body` beside them.
fn beside<R: Runtime>(
    case: &Case<R>,
    greedy: fn(Handle, Greed) -> Greedy,
    body: impl AsyncFnOnce(&R),
) {
    if case.deviates(Property::YieldLetsOthersRun)
        || case.deviates(Property::BusyWorkerTakesNewTasks)
    {
        return;
    }
    let runtime = case.start();
    let greed = Greed::default();
    let tasks: Vec<_> = (0..2 * case.workers)
        .map(|_| {
            runtime.spawner().launch(greedy(runtime.spawner().reactor().clone(), greed.clone()))
        })
        .collect();
    runtime.run(async {
        greed.running.reached(tasks.len()).await;
        body(&runtime).await;
        greed.stop.store(true, SeqCst);
        for task in tasks {
            task.await.unwrap();
        }
    });
    finish(runtime);
}

/// New tasks, and tasks that are queued again, have their turns.
async fn others_run<R: Runtime>(runtime: &R) {
    for _ in 0..5 {
        let task = runtime.spawner().launch(async {
            for _ in 0..5 {
                yield_now().await;
            }
        });
        task.await.unwrap();
    }
}

pub(crate) fn a_socket_pair_in_one_task<R: Runtime>(case: &Case<R>) {
    beside(case, pair, others_run);
}

pub(crate) fn datagrams_to_oneself<R: Runtime>(case: &Case<R>) {
    beside(case, datagrams, others_run);
}

pub(crate) fn a_source_that_stays_ready<R: Runtime>(case: &Case<R>) {
    beside(case, readiness, others_run);
}

pub(crate) fn an_interval_that_is_always_due<R: Runtime>(case: &Case<R>) {
    beside(case, ticks, others_run);
}

pub(crate) fn sleeps_that_are_over<R: Runtime>(case: &Case<R>) {
    beside(case, naps, others_run);
}

pub(crate) fn a_choice_of_ready_sources<R: Runtime>(case: &Case<R>) {
    beside(case, choice, others_run);
}

pub(crate) fn others_have_their_events<R: Runtime>(case: &Case<R>) {
    beside(case, pair, async |runtime| {
        let listener = TcpListener::bind(runtime.spawner().reactor(), loopback()).unwrap();
        let address = listener.local_addr().unwrap();
        let echo = runtime.spawner().launch(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut buffer = [0; 4];
            for _ in 0..5 {
                stream.read_exact(&mut buffer).await.unwrap();
                stream.write_all(&buffer).await.unwrap();
            }
        });
        let client = thread::spawn(move || {
            let mut stream = std::net::TcpStream::connect(address).unwrap();
            for _ in 0..5 {
                stream.write_all(b"ping").unwrap();
                stream.read_exact(&mut [0; 4]).unwrap();
            }
        });
        echo.await.unwrap();
        client.join().unwrap();
    });
}

pub(crate) fn others_have_their_timers<R: Runtime>(case: &Case<R>) {
    beside(case, pair, async |runtime| {
        let handle = runtime.spawner().reactor().clone();
        let sleeper = runtime.spawner().launch(async move {
            for _ in 0..5 {
                sleep(&handle, Duration::from_millis(1)).await;
            }
        });
        sleeper.await.unwrap();
    });
}

pub(crate) fn the_root_future_gives_way<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::YieldLetsOthersRun) {
        return;
    }
    let runtime = case.start();
    let greed = Greed::default();
    let stop = greed.stop.clone();
    let task = runtime.spawner().launch(async move {
        for _ in 0..5 {
            yield_now().await;
        }
        stop.store(true, SeqCst);
    });
    runtime.run(pair(runtime.spawner().reactor().clone(), greed));
    runtime.run(task).unwrap();
    finish(runtime);
}

pub(crate) fn a_greedy_branch_leaves_the_others_of_its_task_their_turns<R: Runtime>(
    case: &Case<R>,
) {
    let runtime = case.start();
    let handle = runtime.spawner().reactor().clone();
    let task = runtime.spawner().launch(async move {
        let greed = Greed::default();
        let (stop, operations) = (greed.stop.clone(), greed.operations.clone());
        // The first branch uses up each budget before the second is polled.
        zip(pair(handle.clone(), greed), async {
            let (a, b) = UnixStream::pair(&handle).unwrap();
            let mut ticks = interval(&handle, Duration::from_nanos(1));
            for _ in 0..5 {
                a.write_all(b"x").await.unwrap();
                b.read_exact(&mut [0; 1]).await.unwrap();
                ticks.tick().await;
                sleep(&handle, Duration::from_micros(10)).await;
                timeout(&handle, Duration::ZERO, pending::<()>()).await.unwrap_err();
            }
            stop.store(true, SeqCst);
        })
        .await;
        operations.get()
    });
    runtime.run(task).unwrap();
    finish(runtime);
}

pub(crate) fn nobody_waits_for_more_than_a_budget<R: Runtime>(case: &Case<R>) {
    // Counted in turns where the order is known: one thread, and queues that are served in turn.
    if case.descriptor.name != "local" {
        return;
    }
    const YIELDS: usize = 100;
    let runtime = case.start();
    let greed = Greed::default();
    let greedy = runtime.spawner().launch(pair(runtime.spawner().reactor().clone(), greed.clone()));
    let operations = runtime.run(async {
        greed.running.reached(1).await;
        let (count, stop) = (greed.operations.clone(), greed.stop.clone());
        let other = runtime.spawner().launch(async move {
            let before = count.get();
            for _ in 0..YIELDS {
                yield_now().await;
            }
            stop.store(true, SeqCst);
            2 * (count.get() - before)
        });
        greedy.await.unwrap();
        other.await.unwrap()
    });
    let bound = (YIELDS + 1) * (usize::try_from(BUDGET).unwrap() + 2);
    assert!(operations <= bound, "{operations} operations while another task had {YIELDS} turns");
    finish(runtime);
}

pub(crate) fn an_event_waits_for_no_more_than_a_budget<R: Runtime>(case: &Case<R>) {
    // Counted in turns as well. The event is there as soon as the greedy future has written; the
    // rest of its own budget goes first, and no more.
    if case.descriptor.name != "local" {
        return;
    }
    let greedy = |handle: Handle, greed: Greed, trigger: Arc<std::os::unix::net::UnixStream>| async move {
        let (a, b) = UnixStream::pair(&handle).unwrap();
        greed.running.raise();
        let mut at = 0;
        for operation in 0.. {
            if !greed.goes_on() {
                return operation - at;
            }
            // When everything has its place in the queue.
            if operation == 1_000 {
                (&*trigger).write_all(b"x").unwrap();
                at = operation;
            }
            a.write_all(b"x").await.unwrap();
            b.read_exact(&mut [0; 1]).await.unwrap();
        }
        0
    };
    for in_root in [false, true] {
        let runtime = case.start();
        let handle = runtime.spawner().reactor().clone();
        let (trigger, waits) = std::os::unix::net::UnixStream::pair().unwrap();
        let waits = UnixStream::from_std(&handle, waits).unwrap();
        let greed = Greed::default();
        let stop = greed.stop.clone();
        let other = runtime.spawner().launch(async move {
            waits.read_exact(&mut [0; 1]).await.unwrap();
            stop.store(true, SeqCst);
        });
        let greedy = greedy(handle, greed, Arc::new(trigger));
        let pairs: u64 = if in_root {
            runtime.run(greedy)
        } else {
            let task = runtime.spawner().launch(greedy);
            runtime.run(task).unwrap()
        };
        assert!(
            2 * pairs <= BUDGET + 2,
            "{} operations before an event was heard, root: {in_root}",
            2 * pairs
        );
        runtime.run(other).unwrap();
        finish(runtime);
    }
}

pub(crate) fn direct_style_gives_way<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let greed = Greed::default();
    let handle = runtime.spawner().reactor().clone();
    let run = {
        let greed = greed.clone();
        move |suspend: &dyn runtimes::Suspend| {
            let (a, b) = UnixStream::pair(&handle).unwrap();
            greed.running.raise();
            while greed.goes_on() {
                suspend.wait(pin!(async { a.write_all(b"x").await.unwrap() }));
                suspend.wait(pin!(async { b.read_exact(&mut [0; 1]).await.unwrap() }));
            }
        }
    };
    let tasks: Option<Vec<_>> =
        (0..2 * case.workers).map(|_| runtime.spawner().go(run.clone())).collect();
    let Some(tasks) = tasks else { return };
    runtime.run(async {
        greed.running.reached(tasks.len()).await;
        others_run(&runtime).await;
        greed.stop.store(true, SeqCst);
        for task in tasks {
            task.await.unwrap();
        }
    });
    finish(runtime);
}
