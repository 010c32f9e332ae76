//! What ends the process, shown in child processes.

use std::env;
use std::os::unix::process::ExitStatusExt;
use std::pin::pin;
use std::process::{Command, Output};

use rustix::process::{Resource, Rlimit, setrlimit};

use super::super::pool::Pool;
use super::super::stack::Guard;
use super::super::{Coroutine, Direct, go_named, wait};
use super::{Pending, poll};
use crate::stackful::StackfulExecutor;
use crate::{Config, Runtime};

const CASE: &str = "STAMPEDE_STACKFUL_CHILD";
const SIGABRT: i32 = 6;
const SIGSEGV: i32 = 11;

fn child(case: &str) -> Output {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", &format!("{module}::in_the_child")])
        .env(CASE, case)
        .env("RUST_BACKTRACE", if case == "backtrace" { "full" } else { "0" })
        .output()
        .unwrap()
}

fn limit(resource: Resource, bytes: u64) {
    setrlimit(resource, Rlimit { current: Some(bytes), maximum: Some(bytes) }).unwrap();
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = env::var(CASE) else { return };
    limit(Resource::Core, 0);
    match case.as_str() {
        "named" => {
            let runtime = StackfulExecutor::start(&Config::new(1)).unwrap();
            let _ = runtime.block_on(go_named(runtime.spawner(), "deep thought", || descend(0)));
        }
        "elsewhere" => {
            // A slab that came and went: the handler is there.
            let _ = poll(pin!(Coroutine::new(Pool::new(0), async {})));
            // SAFETY: it faults, which is the point.
            unsafe { std::ptr::without_provenance::<u64>(64).read_volatile() };
        }
        "marker" => overflow(Guard::Marker),
        "protection" => overflow(Guard::Protection),
        "backtrace" => {
            let _ = poll(pin!(Coroutine::new(Pool::new(0), async { panic!("with a backtrace") })));
        }
        "refused" => {
            limit(Resource::As, 64 << 20);
            let _ = poll(pin!(Coroutine::new(Pool::new(1 << 26), async {})));
        }
        "unwinding" => {
            struct Waits;
            impl Drop for Waits {
                fn drop(&mut self) {
                    wait(Pending(1));
                }
            }
            let code = || {
                let _waits = Waits;
                panic!("the first panic");
            };
            // SAFETY: the process ends in it.
            let mut code = pin!(unsafe { Direct::new(Pool::new(0), code) });
            let _ = poll(code.as_mut());
        }
        other => panic!("no case {other}"),
    }
    println!("survived");
}

#[expect(unconditional_recursion, reason = "this is the point")]
fn descend(n: u64) -> u64 {
    std::hint::black_box(n) + descend(n + 1)
}

fn overflow(guard: Guard) {
    let pool = Pool::with_guard(0, guard);
    // A neighbour below, whose stack must not be reached.
    let mut below = pin!(Coroutine::new(&*pool, Pending(1)));
    let _ = poll(below.as_mut());
    let _ = poll(pin!(Coroutine::new(&*pool, async { descend(0) })));
}

#[test]
fn an_overflow_ends_the_process_with_a_message_that_names_the_task() {
    for (case, task) in [
        (
            "marker",
            "task runtimes::stackful::tests::overflow::overflow::{{closure}}, has overflowed its \
             stack of 32768 bytes",
        ),
        (
            "protection",
            "task runtimes::stackful::tests::overflow::overflow::{{closure}}, has overflowed its \
             stack of 32768",
        ),
        (
            "named",
            "task `deep thought`, runtimes::stackful::tests::overflow::in_the_child::{{closure}}, \
             has overflowed",
        ),
    ] {
        let output = child(case);
        let text = String::from_utf8_lossy(&output.stderr);
        assert!(text.contains(task), "{case}: {output:?}");
        assert_eq!(output.status.signal(), Some(SIGABRT), "{case}: {output:?}");
    }
}

#[test]
fn other_faults_end_it_as_ever() {
    let output = child("elsewhere");
    assert!(!String::from_utf8_lossy(&output.stderr).contains("overflowed"), "{output:?}");
    assert_eq!(output.status.signal(), Some(SIGSEGV), "{output:?}");
}

#[test]
fn a_refused_stack_is_a_panic_that_says_so() {
    let output = child("refused");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("no stack for a coroutine: "), "{output:?}");
    assert_eq!(output.status.code(), Some(101), "{output:?}");
}

#[test]
fn suspending_while_unwinding_aborts_with_a_message() {
    let output = child("unwinding");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("cannot suspend while it unwinds"), "{output:?}");
    assert_eq!(output.status.signal(), Some(SIGABRT), "{output:?}");
}

#[test]
fn the_smallest_stack_has_room_for_a_panic_with_a_backtrace() {
    let output = child("backtrace");
    let text = String::from_utf8_lossy(&output.stderr);
    assert!(text.contains("with a backtrace") && text.contains("in_the_child"), "{output:?}");
    assert_eq!(output.status.code(), Some(101), "{output:?}");
}
