//! Direct-style tasks that block on channels.

use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::mpsc::{RecvError, SendError};
use std::sync::{Arc, Mutex};

use runtimes::stackful::direct::channel;
use runtimes::stackful::{go, suspend, wait};
use runtimes::{JoinError, Runtime, Spawner};

use super::start;

#[test]
fn a_task_whose_channel_is_never_full_or_empty_gives_way() {
    let runtime = start(1);
    let over = Arc::new(AtomicBool::new(false));
    let greedy = go(runtime.spawner(), {
        let over = over.clone();
        move || {
            let (sender, receiver) = channel::bounded(1);
            while !over.load(SeqCst) {
                sender.send(1).unwrap();
                receiver.recv().unwrap();
            }
        }
    });
    let other = go(runtime.spawner(), move || {
        (0..5).for_each(|_| suspend());
        over.store(true, SeqCst);
    });
    runtime.block_on(other).unwrap();
    runtime.block_on(greedy).unwrap();
}

#[test]
fn a_destructor_that_sends_while_its_task_unwinds_is_not_sent_away() {
    // It could not suspend there. Whatever is left of the budget, the panic arrives and the
    // messages do.
    struct Farewell(channel::Sender<u32>);
    impl Drop for Farewell {
        fn drop(&mut self) {
            (0..1_000).for_each(|n| self.0.send(n).unwrap());
        }
    }
    let runtime = start(1);
    let (sender, receiver) = channel::unbounded();
    let task = go(runtime.spawner(), move || {
        let _farewell = Farewell(sender);
        std::panic::resume_unwind(Box::new("over"));
    });
    assert!(matches!(runtime.block_on(task), Err::<(), _>(JoinError::Panicked(_))));
    assert_eq!(receiver.get_ref().len(), 1_000);
}

#[test]
fn a_full_channel_holds_its_sender_back() {
    let runtime = start(1);
    let (sender, receiver) = channel::bounded(2);
    let log = Arc::new(Mutex::new(Vec::new()));
    let sends = go(runtime.spawner(), {
        let log = log.clone();
        move || {
            for n in 0..5 {
                sender.send(n).unwrap();
                log.lock().unwrap().push(format!("sent {n}"));
            }
        }
    });
    let receives = go(runtime.spawner(), {
        let log = log.clone();
        move || {
            // The sender has all the turns that it wants.
            (0..20).for_each(|_| suspend());
            log.lock().unwrap().push("now".into());
            receiver.iter().collect::<Vec<i32>>()
        }
    });
    assert_eq!(runtime.block_on(receives).unwrap(), [0, 1, 2, 3, 4]);
    runtime.block_on(sends).unwrap();
    let log = log.lock().unwrap();
    assert_eq!(log[..3], ["sent 0", "sent 1", "now"], "{log:?}");
}

#[test]
fn each_message_goes_to_one_receiver_whoever_sends_it() {
    const EACH: u64 = 2_000;
    let runtime = start(2);
    let (sender, receiver) = channel::bounded(4);
    // Direct style and futures on both sides, on both workers.
    let mut sums = Vec::new();
    for _ in 0..3 {
        let receiver = receiver.clone();
        sums.push(go(runtime.spawner(), move || receiver.iter().sum::<u64>()));
    }
    sums.push(runtime.spawner().spawn(async move {
        let mut sum = 0;
        while let Ok(n) = receiver.get_ref().recv().await {
            sum += n;
        }
        sum
    }));
    for _ in 0..3 {
        let sender = sender.clone();
        drop(go(runtime.spawner(), move || (1..=EACH).for_each(|n| sender.send(n).unwrap())));
    }
    drop(runtime.spawner().spawn(async move {
        for n in 1..=EACH {
            sender.get_ref().send(n).await.unwrap();
        }
    }));
    let sum: u64 = sums.into_iter().map(|sum| runtime.block_on(sum).unwrap()).sum();
    assert_eq!(sum, 4 * EACH * (EACH + 1) / 2);
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn the_other_side_gone_is_an_error() {
    let runtime = start(1);
    let (sender, receiver) = channel::unbounded();
    let task = go(runtime.spawner(), move || {
        sender.send(1).unwrap();
        let more = sender.clone();
        drop(sender);
        more.send(2).unwrap();
        drop(more);
        let got = (receiver.recv(), receiver.recv(), receiver.recv());
        assert_eq!(got, (Ok(1), Ok(2), Err(RecvError)));
        let (sender, receiver) = channel::bounded(1);
        drop(receiver);
        assert_eq!(sender.send("back"), Err(SendError("back")));
    });
    runtime.block_on(task).unwrap();

    // Also for those who wait already.
    let (sender, receiver) = channel::bounded(1);
    let waits = go(runtime.spawner(), move || receiver.recv() == Err::<(), _>(RecvError));
    let leaves = go(runtime.spawner(), move || {
        (0..5).for_each(|_| suspend());
        drop(sender);
    });
    assert!(runtime.block_on(waits).unwrap());
    runtime.block_on(leaves).unwrap();
}

#[test]
fn an_aborted_receiver_takes_no_message_with_it() {
    let runtime = start(1);
    let (sender, receiver) = channel::bounded(1);
    // On one worker, so what the first line of each does is known when the next runs.
    let first = go(runtime.spawner(), {
        let receiver = receiver.clone();
        move || receiver.recv()
    });
    let second = go(runtime.spawner(), {
        let receiver = receiver.clone();
        move || receiver.recv()
    });
    let both = go(runtime.spawner(), move || {
        // The first is woken for the message, and aborted before it runs.
        sender.send(7).unwrap();
        first.abort();
        (wait(first), wait(second).unwrap())
    });
    let (first, second) = runtime.block_on(both).unwrap();
    assert!(matches!(first, Err(JoinError::Cancelled)), "{first:?}");
    assert_eq!(second, Ok(7));
}
