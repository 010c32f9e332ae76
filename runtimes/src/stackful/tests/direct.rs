//! Direct-style code.

use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::panic::{AssertUnwindSafe, catch_unwind, panic_any, resume_unwind};
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;

use super::super::{Cancelled, Coroutine, Direct, Pool, Unwinding, suspend, try_wait, wait};
use super::{Pending, Wakes, poll};
use crate::engine::Executor;
use crate::policies::{local::Local, work_stealing::WorkStealing};
use crate::runtime::{Config, Runtime, Spawner};

/// Direct-style code, polled by hand.
fn direct<C: FnOnce() -> T, T>(pool: Arc<Pool>, code: C) -> Direct<C, T> {
    // SAFETY: these tests finish or drop what they make before they return, and keep none in a
    // thread-local.
    unsafe { Direct::new(pool, code) }
}

/// Writes its name down when it is dropped.
struct Named<'a>(&'static str, &'a RefCell<Vec<&'static str>>);

impl Drop for Named<'_> {
    fn drop(&mut self) {
        self.1.borrow_mut().push(self.0);
    }
}

fn message(payload: Box<dyn std::any::Any + Send>) -> String {
    payload
        .downcast_ref::<String>()
        .cloned()
        .or_else(|| payload.downcast_ref::<&str>().map(|s| s.to_string()))
        .unwrap()
}

#[test]
fn wait_suspends_the_whole_call_stack() {
    fn descend(levels: u32) -> u32 {
        if levels == 0 {
            wait(Pending(3));
            return 0;
        }
        let kept = Rc::new(levels); // Not Send, and alive across the suspension.
        descend(levels - 1) + *kept
    }
    let mut code = pin!(direct(Pool::new(0), || descend(10)));
    for _ in 0..3 {
        assert_eq!(poll(code.as_mut()), Poll::Pending);
    }
    assert_eq!(poll(code.as_mut()), Poll::Ready(55));
}

#[test]
fn wait_gives_the_output_and_each_turn_its_own_waker() {
    let wakes: [Arc<Wakes>; 3] = Default::default();
    let mut code = pin!(direct(Pool::new(0), || {
        wait(Pending(1));
        suspend();
        wait(async { "done" })
    }));
    let mut turns = wakes.iter().map(|wakes| {
        let waker = Waker::from(wakes.clone());
        code.as_mut().poll(&mut Context::from_waker(&waker))
    });
    assert_eq!([turns.next(), turns.next()], [Some(Poll::Pending); 2]);
    assert_eq!(turns.next(), Some(Poll::Ready("done")));
    assert_eq!(wakes.each_ref().map(|wakes| wakes.count()), [1, 1, 0]);
}

#[test]
fn several_run_interleaved_on_one_thread() {
    let pool = Pool::new(0);
    let log = RefCell::new(Vec::new());
    let mut all: Vec<_> = (0..3)
        .map(|n| {
            let log = &log;
            direct(pool.clone(), move || {
                for step in 0..2 {
                    log.borrow_mut().push((step, n));
                    suspend();
                }
            })
        })
        .collect();
    for _ in 0..2 {
        assert!(all.iter_mut().all(|code| poll(Pin::new(code)).is_pending()));
    }
    assert!(all.iter_mut().all(|code| poll(Pin::new(code)).is_ready()));
    assert_eq!(*log.borrow(), [(0, 0), (0, 1), (0, 2), (1, 0), (1, 1), (1, 2)]);
}

#[test]
fn direct_code_may_run_other_direct_code() {
    let pool = Pool::new(0);
    let inner = direct(pool.clone(), || {
        wait(Pending(2));
        7
    });
    let mut outer = pin!(direct(pool, move || {
        let seven = wait(inner);
        wait(Pending(1));
        seven + 1
    }));
    for _ in 0..3 {
        assert!(poll(outer.as_mut()).is_pending());
    }
    assert_eq!(poll(outer.as_mut()), Poll::Ready(8));
}

#[test]
fn wait_is_refused_outside_and_inside_a_poll() {
    let refused = |f: &mut dyn FnMut()| {
        let payload = catch_unwind(AssertUnwindSafe(f)).unwrap_err();
        assert!(message(payload).contains("was called outside direct-style code"));
    };
    refused(&mut || wait(Pending(0)));
    refused(&mut suspend);
    // A future on a stack of its own may move between threads half-way, direct-style code must not.
    let pool = Pool::new(0);
    refused(&mut || {
        let _ = poll(pin!(Coroutine::new(&*pool, async { wait(Pending(0)) })));
    });
    let mut code = pin!(direct(pool.clone(), || {
        // The future's own poll would be suspended in the middle.
        refused(&mut || {
            wait(poll_fn(|_| {
                wait(Pending(1));
                Poll::Ready(())
            }));
        });
        // So would this one, on another stack: the direct-style code is not the topmost.
        refused(&mut || {
            let _ = poll(pin!(Coroutine::new(&*pool, async { wait(Pending(1)) })));
        });
        wait(Pending(1));
        "still works"
    }));
    assert!(poll(code.as_mut()).is_pending());
    assert_eq!(poll(code.as_mut()), Poll::Ready("still works"));
    refused(&mut || wait(Pending(0)));
}

#[test]
fn a_panic_reaches_the_poller_and_leaves_the_stack_usable() {
    let pool = Pool::new(0);
    for n in 0..10 {
        let mut code = pin!(direct(pool.clone(), || {
            wait(Pending(1));
            panic_any(n);
        }));
        assert!(poll(code.as_mut()).is_pending());
        let payload = catch_unwind(AssertUnwindSafe(|| poll(code.as_mut()))).unwrap_err();
        assert_eq!(*payload.downcast::<i32>().unwrap(), n);
        let again = catch_unwind(AssertUnwindSafe(|| poll(code.as_mut()))).unwrap_err();
        assert!(message(again).contains("after it had finished"));
    }
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn a_panic_may_be_caught_inside_across_suspensions() {
    let mut code = pin!(direct(Pool::new(0), || {
        let caught = catch_unwind(|| {
            wait(Pending(1));
            panic_any(5);
        });
        wait(Pending(1));
        *caught.unwrap_err().downcast::<i32>().unwrap()
    }));
    assert!(poll(code.as_mut()).is_pending());
    assert!(poll(code.as_mut()).is_pending());
    assert_eq!(poll(code.as_mut()), Poll::Ready(5));
}

#[test]
fn dropping_suspended_code_unwinds_it() {
    let pool = Pool::new(0);
    for _ in 0..50 {
        let log = RefCell::new(Vec::new());
        let mut code = Box::pin(direct(pool.clone(), || {
            let _outer = Named("outer", &log);
            let deeper = || {
                let _inner = Named("inner", &log);
                wait(Pending(5));
                log.borrow_mut().push("not reached");
            };
            deeper();
        }));
        assert!(poll(code.as_mut()).is_pending());
        drop(code);
        assert!(!thread::panicking());
        assert_eq!(log.into_inner(), ["inner", "outer"]);
    }
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn code_that_never_started_is_dropped_without_a_stack() {
    let pool = Pool::new(0);
    let log = RefCell::new(Vec::new());
    let captured = Named("captured", &log);
    drop(direct(pool.clone(), move || drop(captured)));
    assert_eq!(*log.borrow(), ["captured"]);
    assert_eq!(pool.stats().made, 0);
}

#[test]
fn cancellation_that_is_caught_is_raised_again() {
    let pool = Pool::new(0);
    let log = RefCell::new(Vec::new());
    let mut code = Box::pin(direct(pool.clone(), || {
        let _all = Named("all", &log);
        for request in ["first", "second"] {
            let caught = catch_unwind(AssertUnwindSafe(|| {
                let _request = Named(request, &log);
                wait(Pending(5));
            }));
            assert!(caught.unwrap_err().is::<Cancelled>());
        }
        suspend();
        log.borrow_mut().push("not reached");
    }));
    assert!(poll(code.as_mut()).is_pending());
    drop(code);
    assert_eq!(*log.borrow(), ["first", "second", "all"]);
    let mut next = pin!(direct(pool.clone(), || wait(Pending(0))));
    assert!(poll(next.as_mut()).is_ready());
    assert_eq!(pool.stats().made, 1);
}

#[test]
fn code_that_returns_although_it_is_cancelled_is_done() {
    let returned = Rc::new(Cell::new(false));
    let seen = returned.clone();
    let mut code = Box::pin(direct(Pool::new(0), move || {
        let _ = catch_unwind(|| wait(Pending(5)));
        seen.set(true);
        "the output is dropped"
    }));
    assert!(poll(code.as_mut()).is_pending());
    drop(code);
    assert!(returned.get());
    assert_eq!(Rc::strong_count(&returned), 1);
}

#[test]
fn code_that_catches_everything_is_given_up_and_leaked() {
    let pool = Pool::new(0);
    let tries = Cell::new(0);
    let mut code = Box::pin(direct(pool.clone(), || {
        loop {
            tries.set(tries.get() + 1);
            let _ = catch_unwind(|| wait(Pending(1)));
        }
    }));
    assert!(poll(code.as_mut()).is_pending());
    drop(code);
    assert!((100..200).contains(&tries.get()), "{}", tries.get());
    // Its stack is not used again.
    let mut next = pin!(direct(pool.clone(), || wait(Pending(0))));
    assert!(poll(next.as_mut()).is_ready());
    assert_eq!(pool.stats().made, 2);
}

#[test]
fn destructors_may_wait_for_what_is_ready_while_they_unwind() {
    struct Flush<'a>(&'a Cell<u32>);
    impl Drop for Flush<'_> {
        fn drop(&mut self) {
            self.0.set(wait(async { 42 }));
        }
    }
    let flushed = Cell::new(0);
    let mut code = Box::pin(direct(Pool::new(0), || {
        let _flush = Flush(&flushed);
        wait(Pending(5));
    }));
    assert!(poll(code.as_mut()).is_pending());
    drop(code);
    assert_eq!(flushed.get(), 42);
}

#[test]
fn destructors_that_would_wait_while_they_unwind_are_told_so() {
    struct Waits<'a>(&'a RefCell<Vec<Result<(), Unwinding>>>);
    impl Drop for Waits<'_> {
        fn drop(&mut self) {
            suspend();
            let all = [try_wait(Pending(0)), try_wait(Pending(1)), try_wait(Pending(0))];
            self.0.borrow_mut().extend(all);
        }
    }
    let told = [Ok(()), Err(Unwinding), Ok(())];
    let log = RefCell::new(Vec::new());
    // An abort; and one by an owner that unwinds itself, so that the thread does anyhow.
    for owner_unwinds in [false, true] {
        let result = catch_unwind(AssertUnwindSafe(|| {
            let mut code = Box::pin(direct(Pool::new(0), || {
                let (_outer, _inner) = (Waits(&log), Waits(&log));
                wait(Pending(5));
            }));
            assert!(poll(code.as_mut()).is_pending());
            if owner_unwinds {
                panic_any(1);
            }
        }));
        assert_eq!(result.is_err(), owner_unwinds);
        assert!(!thread::panicking());
        assert_eq!(log.take(), [told, told].concat());
    }
    // A panic of the code itself.
    let mut code = pin!(direct(Pool::new(0), || {
        let _waits = Waits(&log);
        panic_any(2);
    }));
    assert!(catch_unwind(AssertUnwindSafe(|| poll(code.as_mut()))).unwrap_err().is::<i32>());
    assert_eq!(log.take(), told);
}

#[test]
fn code_that_catches_everything_is_given_up_when_its_owner_unwinds() {
    let pool = Pool::new(0);
    let tries = Cell::new(0);
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut code = Box::pin(direct(pool.clone(), || {
            loop {
                tries.set(tries.get() + 1);
                let _ = catch_unwind(|| wait(Pending(1)));
            }
        }));
        assert!(poll(code.as_mut()).is_pending());
        panic_any(1);
    }));
    assert!(result.unwrap_err().is::<i32>());
    assert!(!thread::panicking());
    assert!((100..200).contains(&tries.get()), "{}", tries.get());
}

/// That code which blocks on a runtime cannot suspend meanwhile, and that the runtime can be used
/// afterwards.
fn block_on_is_not_suspended<R: Runtime>() {
    let runtime = R::start(&Config::new(1)).unwrap();
    let mut code = pin!(direct(Pool::new(0), || {
        let refused =
            catch_unwind(AssertUnwindSafe(|| runtime.block_on(async { wait(Pending(1)) })));
        assert!(message(refused.unwrap_err()).contains("was called outside direct-style code"));
        wait(Pending(1));
        runtime.block_on(async { 1 })
    }));
    assert!(poll(code.as_mut()).is_pending());
    assert_eq!(runtime.block_on(async { 2 }), 2);
    assert_eq!(poll(code.as_mut()), Poll::Ready(1));
    let task = runtime.spawner().spawn(async { 3 });
    assert_eq!(runtime.block_on(task).unwrap(), 3);
}

#[test]
fn wait_within_block_on_is_refused_and_leaves_nothing_behind() {
    block_on_is_not_suspended::<Executor<Local>>();
    block_on_is_not_suspended::<Executor<WorkStealing>>();
}

#[test]
fn another_panic_during_cancellation_reaches_the_dropper() {
    let mut code = Box::pin(direct(Pool::new(0), || {
        let caught = catch_unwind(|| wait(Pending(5)));
        assert!(caught.is_err());
        resume_unwind(Box::new("another"));
    }));
    assert!(poll(code.as_mut()).is_pending());
    let payload = catch_unwind(AssertUnwindSafe(|| drop(code))).unwrap_err();
    assert_eq!(message(payload), "another");
}

#[test]
fn code_is_unwound_when_its_owner_unwinds() {
    let log = RefCell::new(Vec::new());
    let result = catch_unwind(AssertUnwindSafe(|| {
        let mut code = Box::pin(direct(Pool::new(0), || {
            let _local = Named("local", &log);
            wait(Pending(5));
        }));
        assert!(poll(code.as_mut()).is_pending());
        panic_any(1);
    }));
    assert!(result.unwrap_err().is::<i32>());
    assert!(!thread::panicking());
    assert_eq!(*log.borrow(), ["local"]);
}
