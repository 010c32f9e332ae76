//! Coroutines that drive futures.

use std::cell::Cell;
use std::future::{Future, poll_fn};
use std::marker::PhantomPinned;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::{Pin, pin};
use std::ptr;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, mpsc};
use std::task::{Context, Poll, Waker};
use std::{array, thread};

use super::super::{Coroutine, Pool};
use super::{Dropped, Pending, Wakes, here, poll};

#[test]
fn a_future_runs_to_its_output_through_many_suspensions() {
    let pool = Pool::new(0);
    let wakes = Arc::new(Wakes::default());
    let waker = Waker::from(wakes.clone());
    let mut context = Context::from_waker(&waker);
    let mut coroutine = pin!(Coroutine::new(pool, async {
        let mut sum = 0;
        for n in 0..100 {
            Pending(1).await;
            sum += n;
        }
        sum
    }));
    for polls in 0..100 {
        assert_eq!(wakes.count(), polls);
        assert_eq!(coroutine.as_mut().poll(&mut context), Poll::Pending);
    }
    assert_eq!(coroutine.as_mut().poll(&mut context), Poll::Ready(4950));
}

#[test]
fn polls_run_on_one_stack_of_the_task_and_not_on_the_callers() {
    let size = 64 * 1024;
    let pool = Pool::new(size);
    let addresses = || async {
        let mut all = Vec::new();
        for _ in 0..3 {
            all.push(here());
            Pending(1).await;
        }
        all
    };
    let mut two = [0, 1].map(|_| Box::pin(Coroutine::new(&*pool, addresses())));
    for _ in 0..3 {
        assert!(two.iter_mut().all(|coroutine| poll(coroutine.as_mut()).is_pending()));
    }
    let seen = two.map(|mut coroutine| match poll(coroutine.as_mut()) {
        Poll::Ready(all) => all,
        Poll::Pending => panic!("three suspensions, four polls"),
    });
    for all in &seen {
        assert!(all.iter().all(|address| address.abs_diff(all[0]) < size), "{seen:x?}");
        assert!(all[0].abs_diff(here()) > size, "{seen:x?}");
    }
    assert!(seen[0][0].abs_diff(seen[1][0]) > size - 4096, "{seen:x?}");
}

#[test]
fn each_poll_sees_its_own_context() {
    let wakers: [Waker; 3] = array::from_fn(|_| Waker::from(Arc::new(Wakes::default())));
    let expected = wakers.clone();
    let mut polls = 0;
    let mut coroutine = pin!(Coroutine::new(
        Pool::new(0),
        poll_fn(move |context| {
            assert!(context.waker().will_wake(&expected[polls]));
            polls += 1;
            if polls == 3 { Poll::Ready(polls) } else { Poll::Pending }
        })
    ));
    assert!(coroutine.as_mut().poll(&mut Context::from_waker(&wakers[0])).is_pending());
    assert!(coroutine.as_mut().poll(&mut Context::from_waker(&wakers[1])).is_pending());
    assert_eq!(coroutine.as_mut().poll(&mut Context::from_waker(&wakers[2])), Poll::Ready(3));
}

#[test]
fn dropping_a_suspended_coroutine_drops_its_future_once_and_frees_its_stack() {
    let pool = Pool::new(0);
    let drops = AtomicUsize::new(0);
    for n in 1..=200 {
        let counted = Dropped(&drops);
        let mut coroutine = Box::pin(Coroutine::new(&*pool, async {
            let _counted = counted;
            Pending(10).await;
        }));
        assert!(poll(coroutine.as_mut()).is_pending());
        drop(coroutine);
        assert_eq!(drops.load(SeqCst), n);
    }
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn a_coroutine_that_is_never_polled_takes_no_stack() {
    let pool = Pool::new(0);
    let drops = AtomicUsize::new(0);
    let counted = Dropped(&drops);
    drop(Coroutine::new(&*pool, async move { drop(counted) }));
    assert_eq!(drops.load(SeqCst), 1);
    assert_eq!((pool.stats().made, pool.stats().mapped_bytes), (0, 0));
}

#[test]
fn a_panic_reaches_the_poller_and_leaves_the_stack_usable() {
    let pool = Pool::new(0);
    for n in 0..20 {
        let mut coroutine = pin!(Coroutine::new(&*pool, async move {
            Pending(1).await;
            if n % 2 == 0 {
                std::panic::panic_any(n);
            }
            n
        }));
        assert!(poll(coroutine.as_mut()).is_pending());
        let end = catch_unwind(AssertUnwindSafe(|| poll(coroutine.as_mut())));
        match end {
            Ok(output) => assert_eq!(output, Poll::Ready(n)),
            Err(payload) => assert_eq!((*payload.downcast::<i32>().unwrap(), n % 2), (n, 0)),
        }
        assert!(!thread::panicking());
    }
    assert_eq!(pool.stats().made, 1);
}

/// Knows its own address from its first poll on.
struct SelfReferential {
    own: *const Self,
    polls: usize,
    _pinned: PhantomPinned,
}

// SAFETY: the pointer is only compared.
unsafe impl Send for SelfReferential {}

impl Future for SelfReferential {
    type Output = usize;

    fn poll(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<usize> {
        // SAFETY: nothing is moved out.
        let this = unsafe { self.get_unchecked_mut() };
        if this.polls == 0 {
            this.own = this;
        }
        assert!(ptr::eq(this.own, this), "the pinned future has moved");
        this.polls += 1;
        if this.polls == 50 { Poll::Ready(this.polls) } else { Poll::Pending }
    }
}

#[test]
fn a_future_that_is_not_unpin_stays_in_place_while_it_moves_between_threads() {
    let pool = Pool::new(0);
    let future = SelfReferential { own: ptr::null(), polls: 0, _pinned: PhantomPinned };
    let mut coroutine = Box::pin(Coroutine::new(pool.clone(), future));
    let output = loop {
        // A new thread for each poll.
        let (again, polled) = thread::spawn(move || {
            let polled = poll(coroutine.as_mut());
            (coroutine, polled)
        })
        .join()
        .unwrap();
        coroutine = again;
        if let Poll::Ready(output) = polled {
            break output;
        }
    };
    assert_eq!(output, 50);
    drop(coroutine);
    assert_eq!((pool.stats().made, pool.stats().out), (1, 0));
}

#[test]
fn thread_locals_are_those_of_the_polling_thread_after_a_move() {
    thread_local!(static NAME: Cell<u32> = const { Cell::new(0) });
    let mut coroutine = Box::pin(Coroutine::new(Pool::new(0), async {
        let mut seen = Vec::new();
        for _ in 0..20 {
            seen.push(NAME.get());
            Pending(1).await;
        }
        seen
    }));
    let (give, take) = mpsc::sync_channel(0);
    let (give_back, take_back) = mpsc::sync_channel(0);
    let other = thread::spawn(move || {
        NAME.set(2);
        for mut coroutine in take {
            let polled = poll::<Coroutine<_>>(Pin::as_mut(&mut coroutine));
            give_back.send((coroutine, polled)).unwrap();
        }
    });
    NAME.set(1);
    let seen = loop {
        if let Poll::Ready(seen) = poll(coroutine.as_mut()) {
            break seen;
        }
        give.send(coroutine).unwrap();
        let (again, polled) = take_back.recv().unwrap();
        coroutine = again;
        assert!(polled.is_pending(), "an even number of polls before the last");
    };
    drop(give);
    other.join().unwrap();
    assert_eq!(seen, [1, 2].repeat(10));
}

#[test]
fn recursion_may_use_most_of_the_stack() {
    /// Uses more than 256 bytes a level.
    fn descend(levels: usize) -> usize {
        let filler = std::hint::black_box([levels as u8; 256]);
        if levels == 0 {
            0
        } else {
            1 + descend(levels - 1) + usize::from(filler[7]) - levels % 256
        }
    }
    let size = 256 * 1024;
    let mut coroutine =
        pin!(Coroutine::new(Pool::new(size), async move { descend(size / 2 / 384) }));
    assert_eq!(poll(coroutine.as_mut()), Poll::Ready(size / 2 / 384));
}

#[test]
fn a_coroutine_may_drive_another() {
    let pool = Pool::new(0);
    let inner = Coroutine::new(pool.clone(), async {
        Pending(2).await;
        7
    });
    let mut outer = pin!(Coroutine::new(pool.clone(), async move { inner.await + 1 }));
    assert!(poll(outer.as_mut()).is_pending());
    assert!(poll(outer.as_mut()).is_pending());
    assert_eq!(poll(outer.as_mut()), Poll::Ready(8));
    assert_eq!(pool.stats().made, 2);
}

#[test]
fn it_is_send_if_its_future_is() {
    fn check<F: Future + Send>(_: &F) {}
    check(&Coroutine::new(Pool::new(0), Pending(1)));
}
