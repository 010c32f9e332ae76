//! How fast an executor could be at most: the steps of some workloads, done by hand, with no
//! executor at all.
//!
//! A task is polled when it is known to be due, wakers do nothing, and nothing is spawned, queued
//! or joined. What is left is the channels, which every runtime pays alike. Run it beside the
//! figures that it explains:
//!
//! ```sh
//! cargo run --release -p workloads --example floors
//! ```

use std::future::Future;
use std::hint::black_box;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll, Waker};
use std::time::Instant;

use atomic_waker::AtomicWaker;
use futures_channel::oneshot;

/// Each floor is the least of so many tries: noise only adds.
const TRIES: usize = 15;

fn main() {
    print("ping_pong", "round trip", ping_pong);
    print("ring", "hop", ring);
    print("mpsc", "message", mpsc);
    print("wake_storm", "wake", wake_storm);
    print("yield_many", "yield through a FIFO queue of crossbeam-deque", deque);
}

fn print(workload: &str, operation: &str, floor: fn() -> f64) {
    let least = (0..TRIES).map(|_| floor()).fold(f64::INFINITY, f64::min);
    println!("{workload:<12} {least:>7.1} ns per {operation}");
}

/// Runs `step`, which does `operations` of them, and returns nanoseconds for each.
fn time(operations: u64, step: impl FnOnce()) -> f64 {
    let start = Instant::now();
    step();
    start.elapsed().as_nanos() as f64 / operations as f64
}

fn pending<F: Future + ?Sized>(future: Pin<&mut F>) {
    assert!(future.poll(&mut Context::from_waker(Waker::noop())).is_pending());
}

fn ready<F: Future + ?Sized>(future: Pin<&mut F>) -> F::Output {
    match future.poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(output) => output,
        Poll::Pending => panic!("a task was polled before it was due"),
    }
}

/// Both channels of a pair, and the three polls.
fn ping_pong() -> f64 {
    const PAIRS: u64 = 100_000;
    time(PAIRS, || {
        for i in 0..PAIRS {
            let (ping, pinged) = oneshot::channel::<u64>();
            let (pong, ponged) = oneshot::channel::<u64>();
            let mut partner = pin!(async move {
                if let Ok(value) = pinged.await {
                    let _ = pong.send(value + 1);
                }
            });
            let mut first = pin!(async move {
                ping.send(i).ok()?;
                ponged.await.ok()
            });
            pending(first.as_mut());
            ready(partner.as_mut());
            assert_eq!(ready(first.as_mut()), Some(i + 1));
        }
    })
}

/// A token through 300 channels; every task waits in `recv` when it comes.
fn ring() -> f64 {
    const TASKS: usize = 300;
    const LAPS: usize = 300;
    let channels: Vec<_> = (0..TASKS).map(|_| async_channel::bounded::<u64>(1)).collect();
    let mut tasks: Vec<Pin<Box<dyn Future<Output = ()>>>> = (0..TASKS)
        .map(|i| {
            let (from, to) = (channels[i].1.clone(), channels[(i + 1) % TASKS].0.clone());
            Box::pin(async move {
                while let Ok(token) = from.recv().await {
                    if to.send(token + 1).await.is_err() {
                        return;
                    }
                }
            }) as _
        })
        .collect();
    tasks.iter_mut().for_each(|task| pending(task.as_mut()));
    channels[0].0.try_send(0).expect("the ring is empty");
    time((TASKS * LAPS) as u64, || {
        for _ in 0..LAPS {
            tasks.iter_mut().for_each(|task| pending(task.as_mut()));
        }
    })
}

/// Five producers fill a channel of 100; the consumer empties it.
fn mpsc() -> f64 {
    const ROUNDS: u64 = 1_000;
    const CAPACITY: u64 = 100;
    let (to, from) = async_channel::bounded::<u64>(CAPACITY as usize);
    let received = AtomicU64::new(0);
    let mut producers: Vec<_> = (0..5)
        .map(|_| {
            let to = to.clone();
            Box::pin(async move { while to.send(1).await.is_ok() {} })
        })
        .collect();
    let mut consumer = pin!(async {
        while let Ok(n) = from.recv().await {
            received.fetch_add(n, Ordering::Relaxed);
        }
    });
    let start = Instant::now();
    for _ in 0..ROUNDS {
        producers.iter_mut().for_each(|producer| pending(producer.as_mut()));
        pending(consumer.as_mut());
    }
    start.elapsed().as_nanos() as f64 / received.load(Ordering::Relaxed) as f64
}

/// The event of 100 slots fires, and each waiter looks, answers and waits again.
fn wake_storm() -> f64 {
    const WAITERS: u64 = 100;
    const STORMS: u64 = 2_000;
    let slots: Vec<AtomicWaker> = (0..WAITERS).map(|_| AtomicWaker::new()).collect();
    let (fired, missing, lost, owner) =
        (AtomicU64::new(0), AtomicU64::new(0), AtomicBool::new(false), AtomicWaker::new());
    let mut answered = vec![0; WAITERS as usize];
    slots.iter().for_each(|slot| slot.register(Waker::noop()));
    time(WAITERS * STORMS, || {
        for storm in 1..=STORMS {
            missing.store(WAITERS, Ordering::Relaxed);
            fired.store(storm, Ordering::Release);
            slots.iter().for_each(AtomicWaker::wake);
            owner.register(Waker::noop());
            for (slot, answered) in slots.iter().zip(&mut answered) {
                slot.register(Waker::noop());
                let now = fired.load(Ordering::Acquire);
                if *answered != now {
                    *answered = now;
                    if missing.fetch_sub(1, Ordering::Release) == 1 {
                        owner.wake();
                    }
                }
            }
            assert!(!lost.load(Ordering::Acquire) && missing.load(Ordering::Acquire) == 0);
        }
    })
}

/// The queue's part of a yield on `work-stealing`: a push at one end and a pop at the other, with
/// 1,000 in between.
fn deque() -> f64 {
    const YIELDS: u64 = 200_000;
    let queue = crossbeam_deque::Worker::new_fifo();
    (0..1_000_u64).for_each(|task| queue.push(task));
    time(YIELDS, || {
        for _ in 0..YIELDS {
            if let Some(task) = black_box(queue.pop()) {
                queue.push(task);
            }
        }
    })
}
