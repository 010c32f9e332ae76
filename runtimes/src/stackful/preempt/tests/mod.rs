//! That the rule about foreign code is needed: without it the C library's allocator is entered
//! twice.

use std::env;
use std::process::{Command, Output};
use std::sync::Arc;
use std::sync::atomic::{
    AtomicBool,
    Ordering::{Relaxed, SeqCst},
};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::super::{go, preemptible};
use crate::metrics::Counter;
use crate::stackful::StackfulExecutor;
use crate::{Config, Runtime};

/// Whether all code counts as safe to preempt.
pub(super) static RULES_OFF: AtomicBool = AtomicBool::new(false);

const CASE: &str = "STAMPEDE_PREEMPT_CHILD";

fn child(case: &str) -> Output {
    let module = module_path!().split_once("::").unwrap().1;
    Command::new(env::current_exe().unwrap())
        .args(["--exact", "--ignored", "--nocapture", &format!("{module}::in_the_child")])
        .env(CASE, case)
        .output()
        .unwrap()
}

#[test]
#[ignore = "run by the other tests, in a child process"]
fn in_the_child() {
    let Ok(case) = env::var(CASE) else { return };
    rustix::process::setrlimit(
        rustix::process::Resource::Core,
        rustix::process::Rlimit { current: Some(0), maximum: Some(0) },
    )
    .unwrap();
    RULES_OFF.store(case == "rules off", SeqCst);
    let (done, wait) = mpsc::channel();
    thread::spawn(move || {
        allocate_in_regions();
        done.send(()).unwrap();
    });
    // Without the rule it may also hang, in the allocator's lock.
    let patience = if case == "rules off" { 6 } else { 120 };
    if wait.recv_timeout(Duration::from_secs(patience)).is_ok() {
        println!("clean");
    }
    std::process::exit(0);
}

fn allocate_in_regions() {
    let mut config = Config::new(1);
    config.slice = Some(Duration::from_micros(20));
    let runtime = StackfulExecutor::start(&config).unwrap();
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (0..8usize)
        .map(|own| {
            let done = done.clone();
            go(runtime.spawner(), move || {
                let mut kept: Vec<Vec<u8>> = vec![Vec::new(); 64];
                let mut n = own;
                while !done.load(Relaxed) {
                    // SAFETY: the allocator is in a shared library. (Without that rule it is wrong:
                    // that is the test.)
                    unsafe {
                        preemptible(|| {
                            for _ in 0..1_000 {
                                n = n.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(own + 1);
                                kept[n >> 58] = vec![own as u8; 16 + (n >> 40) % 2_000];
                            }
                        });
                    }
                    assert!(kept.iter().all(|one| one.iter().all(|&byte| byte == own as u8)));
                }
            })
        })
        .collect();
    while runtime.metrics().get(Counter::Preemptions) < Some(2_000) {
        thread::sleep(Duration::from_millis(1));
    }
    done.store(true, Relaxed);
    tasks.into_iter().for_each(|task| runtime.block_on(task).unwrap());
}

#[test]
fn the_c_librarys_allocator_survives_only_with_the_rule_about_foreign_code() {
    let with = child("rules on");
    assert!(String::from_utf8_lossy(&with.stdout).contains("clean"), "{with:?}");
    let without = child("rules off");
    assert!(!String::from_utf8_lossy(&without.stdout).contains("clean"), "{without:?}");
}
