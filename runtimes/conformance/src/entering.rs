//! `block_on`: what it accepts, and where it refuses to be called.

use std::future::pending;
use std::rc::Rc;
use std::thread;

use futures_lite::future::yield_now;
use runtimes::{Config, Runtime, StartError};

use crate::support::{Case, Launch, Signal, finish, panic_text};
use runtimes::Property;

/// The refusal names what was called and what to do instead.
fn assert_is_refusal(text: &str, name: &str) {
    for part in ["block_on", "inside runtime", name, "await"] {
        assert!(text.contains(part), "the message must contain `{part}`: {text}");
    }
}

pub(crate) fn takes_a_future_that_borrows_and_is_not_send<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let local = Rc::new(5);
    let borrowed = String::from("borrowed");
    let length = runtime.block_on(async {
        let local = Rc::clone(&local);
        yield_now().await;
        borrowed.len() + *local
    });
    assert_eq!(length, 13);
    assert_eq!(Rc::strong_count(&local), 1);
    finish(runtime);
}

pub(crate) fn again_and_again<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let go = Signal::default();
    let go_on = go.clone();
    let across = runtime.spawner().launch(async move {
        go_on.reached(50).await;
        "survived"
    });
    for round in 0..50 {
        assert_eq!(
            runtime.block_on(runtime.spawner().launch(async move { round })).unwrap(),
            round
        );
        go.raise();
    }
    assert_eq!(runtime.block_on(across).unwrap(), "survived");
    finish(runtime);
}

pub(crate) fn inside_itself_is_refused<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let text = runtime.block_on(async { panic_text(|| runtime.block_on(async {})) });
    assert_is_refusal(&text, case.descriptor.name);
    assert_eq!(runtime.block_on(async { 1 }), 1, "the refusal leaves no trace");
    finish(runtime);
}

pub(crate) fn inside_another_runtimes_is_refused<R: Runtime>(case: &Case<R>) {
    let (outer, inner) = (case.start(), case.start());
    let text = outer.block_on(async { panic_text(|| inner.block_on(async {})) });
    assert_is_refusal(&text, case.descriptor.name);
    assert_eq!(inner.block_on(async { 1 }), 1);
    finish(inner);
    finish(outer);
}

pub(crate) fn inside_a_task_is_refused<R: Runtime>(case: &Case<R>) {
    // Starting a runtime and panicking, both unoptimised, take more than a coroutine's usual stack.
    let mut config = Config::new(case.workers);
    config.stack_size = 1 << 20;
    let runtime = case.start_with(&config);
    let (another, may_drop) = (case.clone(), !case.deviates(Property::DropsInsideTasks));
    let text = runtime.block_on(runtime.spawner().launch(async move {
        // A runtime of the task's own: the thread it would block is the worker's all the same.
        let own = another.start();
        let text = panic_text(|| own.block_on(async {}));
        if may_drop {
            finish(own);
        } else {
            std::mem::forget(own);
        }
        text
    }));
    assert_is_refusal(&text.unwrap(), case.descriptor.name);
    assert_eq!(runtime.block_on(runtime.spawner().launch(async { 1 })).unwrap(), 1);
    finish(runtime);
}

pub(crate) fn on_a_thread_of_a_tasks_own_is_fine<R: Runtime>(case: &Case<R>) {
    if case.deviates(Property::OwnsItsThreads) {
        return; // the inner runtime's tasks may wait for the very worker that waits for them
    }
    let runtime = case.start();
    let another = case.clone();
    let output = runtime.block_on(runtime.spawner().launch(async move {
        let thread = thread::spawn(move || {
            let own = another.start();
            let output = own.block_on(own.spawner().launch(async { 3 })).unwrap();
            finish(own);
            output
        });
        thread.join().unwrap()
    }));
    assert_eq!(output.unwrap(), 3);
    finish(runtime);
}

pub(crate) fn two_runtimes_take_turns<R: Runtime>(case: &Case<R>) {
    let (left, right) = (case.start(), case.start());
    let mut message = Signal::default();
    for _ in 0..20 {
        let (next, raise, waiting) = (Signal::default(), message.clone(), message.clone());
        let answer = next.clone();
        // A task of one runtime awaits what a task of the other one does.
        let task = left.spawner().launch(async move {
            waiting.reached(1).await;
            answer.raise();
        });
        right.block_on(right.spawner().launch(async move { raise.raise() })).unwrap();
        left.block_on(task).unwrap();
        assert_eq!(next.get(), 1);
        message = Signal::default();
    }
    finish(right);
    finish(left);
}

pub(crate) fn spawning_into_another_runtime<R: Runtime>(case: &Case<R>) {
    let (left, right) = (case.start(), case.start());
    let into_right = right.spawner().clone();
    // From a task of one into the other: the fast path of "my own thread" must not be taken.
    let done = Signal::default();
    let raise = done.clone();
    let spawning =
        left.spawner().launch(async move { drop(into_right.launch(async move { raise.raise() })) });
    left.block_on(spawning).unwrap();
    right.block_on(done.reached(1));
    finish(right);
    finish(left);
}

pub(crate) fn zero_workers_are_refused<R: Runtime>(case: &Case<R>) {
    let Err(error) = case.try_start(&Config::new(0)) else { panic!("0 workers were accepted") };
    assert!(error.to_string().contains(case.descriptor.name), "{error}");
    if !case.has_threads() {
        let Err(error) = case.try_start(&Config::new(2)) else { panic!("2 workers were accepted") };
        assert!(error.to_string().contains('2'), "{error}");
    }
    if case.deviates(Property::OwnsItsThreads) {
        let _first = case.start();
        let Err(error) = case.try_start(&Config::new(case.workers + 1)) else {
            panic!("the threads are counted already")
        };
        assert!(matches!(error, StartError::SharedWorkers { .. }), "{error}");
    }
}

pub(crate) fn a_pending_root_does_not_hold_up_tasks<R: Runtime>(case: &Case<R>) {
    let runtime = case.start();
    let done = Signal::default();
    let raise = done.clone();
    drop(runtime.spawner().launch(async move {
        for _ in 0..1_000 {
            yield_now().await;
        }
        raise.raise();
    }));
    runtime.block_on(futures_lite::future::or(pending(), done.reached(1)));
    finish(runtime);
}
