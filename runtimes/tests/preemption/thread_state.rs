//! What belongs to the thread is the same before and after a preemption.

use std::arch::asm;
use std::io::{Read, Write};
use std::mem::MaybeUninit;
use std::os::unix::net::UnixStream;
use std::ptr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::thread;
use std::time::{Duration, Instant};

use runtimes::Runtime;
use runtimes::metrics::Counter;
use runtimes::stackful::{go, preemptible};

use super::{SHORT, preemptions, start, wait_for};

fn errno() -> *mut i32 {
    // SAFETY: it returns this thread's variable, and direct-style code stays on its thread.
    unsafe { libc::__errno_location() }
}

fn mask() -> [u8; 128] {
    let mut mask = [0u8; 128];
    // SAFETY: it reads the mask into memory that is large enough.
    unsafe { libc::pthread_sigmask(libc::SIG_SETMASK, ptr::null(), mask.as_mut_ptr().cast()) };
    mask
}

fn alternate_stack() -> (usize, usize, i32) {
    let mut now = MaybeUninit::<libc::stack_t>::uninit();
    // SAFETY: it reads the thread's alternate stack.
    let now = unsafe {
        assert_eq!(libc::sigaltstack(ptr::null(), now.as_mut_ptr()), 0);
        now.assume_init()
    };
    (now.ss_sp.addr(), now.ss_size, now.ss_flags)
}

#[test]
fn errno_mask_and_alternate_stack_are_unchanged() {
    let runtime = start(2, SHORT);
    let done = Arc::new(AtomicBool::new(false));
    let tasks: Vec<_> = (1..=6)
        .map(|own| {
            let done = done.clone();
            go(runtime.spawner(), move || {
                let before = (thread::current().id(), mask(), alternate_stack());
                let mut checks = 0u64;
                while !done.load(Relaxed) {
                    // SAFETY: it writes the thread's error number, which is kept for each
                    // coroutine.
                    unsafe {
                        preemptible(|| {
                            *errno() = own;
                            for _ in 0..50_000 {
                                assert_eq!(errno().read_volatile(), own);
                            }
                            checks += 1;
                        });
                    }
                    assert_eq!((thread::current().id(), mask(), alternate_stack()), before);
                }
                checks
            })
        })
        .collect();
    wait_for(&runtime, Counter::Preemptions, 2_000);
    done.store(true, Relaxed);
    for task in tasks {
        assert!(runtime.block_on(task).unwrap() > 0);
    }
    runtime.shutdown().check_final().unwrap();
}

#[test]
fn the_alternate_stack_is_the_threads_own_again_after_block_on() {
    use runtimes::policies::local::Local;
    use runtimes::stackful::Stackful;
    let before = alternate_stack();
    let runtime: runtimes::Executor<Local, Stackful> = super::start_as(1, SHORT);
    let inside = runtime.block_on(async { alternate_stack() });
    assert_ne!(inside, before);
    assert_eq!(alternate_stack(), before);
    drop(runtime);
    assert_eq!(alternate_stack(), before);
}

#[test]
fn interrupted_system_calls_end_as_they_should() {
    let runtime = start(1, SHORT);
    let (mut near, mut far) = UnixStream::pair().unwrap();
    let calls = go(runtime.spawner(), move || {
        // SAFETY: system calls, and no locks.
        unsafe {
            preemptible(|| {
                // Signalled again and again while it blocks: the standard library sleeps on, and
                // the kernel restarts `read`.
                let begin = Instant::now();
                thread::sleep(Duration::from_millis(20));
                assert!(begin.elapsed() >= Duration::from_millis(20));
                let mut bytes = [0; 3];
                near.read_exact(&mut bytes).unwrap();
                bytes
            })
        }
    });
    wait_for(&runtime, Counter::RefusedForeignCode, 3);
    far.write_all(b"one").unwrap();
    assert_eq!(&runtime.block_on(calls).unwrap(), b"one");
}

/// A system call whose instruction is in the executable: a signal finds it there.
unsafe fn system_call(number: i64, arguments: [usize; 3]) -> isize {
    let result;
    // SAFETY: the caller's.
    unsafe {
        asm!("syscall", inlateout("rax") number as isize => result, in("rdi") arguments[0], in("rsi") arguments[1],
             in("rdx") arguments[2], lateout("rcx") _, lateout("r11") _, options(nostack));
    }
    result
}

#[test]
fn a_coroutine_can_be_preempted_in_a_system_call_of_its_own() {
    let runtime = start(1, SHORT);
    let (near, mut far) = UnixStream::pair().unwrap();
    let reader = go(runtime.spawner(), move || {
        let mut bytes = [0u8; 3];
        let arguments =
            [std::os::fd::AsRawFd::as_raw_fd(&near) as usize, bytes.as_mut_ptr().addr(), 3];
        // SAFETY: `read` into memory of this frame; its address is exposed to the kernel by
        // `as_mut_ptr`.
        let read = unsafe { preemptible(|| system_call(libc::SYS_read, arguments)) };
        (read, bytes)
    });
    let sleeper = go(runtime.spawner(), || {
        let time = libc::timespec { tv_sec: 30, tv_nsec: 0 };
        // SAFETY: it reads the time from this frame.
        unsafe {
            preemptible(|| system_call(libc::SYS_nanosleep, [(&raw const time).addr(), 0, 0]))
        }
    });
    // `read` is preempted at its instruction, and then restarted; `nanosleep` is told.
    wait_for(&runtime, Counter::Preemptions, 2);
    far.write_all(b"two").unwrap();
    assert_eq!(runtime.block_on(reader).unwrap(), (3, *b"two"));
    assert_eq!(runtime.block_on(sleeper).unwrap(), -libc::EINTR as isize);
    assert!(preemptions(&runtime.shutdown()) >= 2);
}
