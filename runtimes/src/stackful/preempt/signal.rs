//! The process's `SIGURG` handler: installed while any runtime slices, calling the one that was
//! there before, and replaced by it at the end.
//!
//! Every signal is passed on, also those that the monitor sent: the kernel keeps one pending signal
//! of a kind, so ours may stand for another library's as well. (Go passes them on for the same
//! reason.) For those who ignore `SIGURG`, which is its default, nothing happens.

use std::ffi::c_int;
use std::io;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{
    AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};

use super::slot;
use super::trampoline::Interrupted;

const SIGNAL: c_int = libc::SIGURG;

/// A share in the handler.
pub(super) struct Installed(());

/// Runtimes that share it, and what was there before.
static SHARES: Mutex<(usize, Option<libc::sigaction>)> = Mutex::new((0, None));

/// The former handler's address, or `SIG_DFL` or `SIG_IGN`, and its flags.
static FORMER: AtomicUsize = AtomicUsize::new(libc::SIG_DFL);
static FORMER_FLAGS: AtomicUsize = AtomicUsize::new(0);

impl Installed {
    /// Installs the handler, or shares it.
    ///
    /// # Errors
    /// What `sigaction` says.
    pub(super) fn new() -> io::Result<Self> {
        let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
        // It is there although nobody shares it when another library's, installed above it, kept it
        // from going.
        if shares.1.is_none() {
            let former = exchange(None)?;
            FORMER_FLAGS.store(former.sa_flags as usize, Relaxed);
            // Release pairs with the handler's Acquire load, which must see the flags.
            FORMER.store(former.sa_sigaction, Release);
            let mut own = former;
            own.sa_sigaction =
                handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
            // On the alternate stack, as coroutines have no room; and not nested on it. What the
            // former handler blocked stays blocked.
            own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_RESTART;
            exchange(Some(&own))?;
            shares.1 = Some(former);
        }
        shares.0 += 1;
        Ok(Self(()))
    }
}

impl Drop for Installed {
    fn drop(&mut self) {
        let mut shares = SHARES.lock().unwrap_or_else(PoisonError::into_inner);
        shares.0 -= 1;
        if shares.0 != 0 {
            return;
        }
        // If another library has installed its own above ours, it may call ours: that stays,
        // passing signals on.
        if exchange(None).is_ok_and(|now| is_ours(&now))
            && let Some(former) = shares.1.take()
        {
            let _ = exchange(Some(&former));
        }
    }
}

fn is_ours(action: &libc::sigaction) -> bool {
    action.sa_sigaction
        == handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize
}

/// Sets the action, or only reads it.
fn exchange(new: Option<&libc::sigaction>) -> io::Result<libc::sigaction> {
    let mut former = MaybeUninit::uninit();
    // SAFETY: both point to such structures, or to nothing; `handle` may run at any time from here
    // on.
    if unsafe {
        libc::sigaction(SIGNAL, new.map_or(ptr::null(), ptr::from_ref), former.as_mut_ptr())
    } != 0
    {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it wrote the former one.
    Ok(unsafe { former.assume_init() })
}

/// Lets the calling thread take `SIGURG` until it is dropped there. A thread inherits what its
/// maker blocks, and blocked signals would preempt nobody.
pub(super) struct Unblocked {
    was_blocked: bool,
}

impl Unblocked {
    pub(super) fn new() -> Self {
        let former = change_mask(libc::SIG_UNBLOCK);
        // SAFETY: `change_mask` returns a valid set.
        Self { was_blocked: unsafe { libc::sigismember(&former, SIGNAL) } == 1 }
    }
}

impl Drop for Unblocked {
    fn drop(&mut self) {
        if self.was_blocked {
            change_mask(libc::SIG_BLOCK);
        }
    }
}

/// Blocks or unblocks the signal for the calling thread; returns what was blocked before.
fn change_mask(how: c_int) -> libc::sigset_t {
    let (mut own, mut former) = (MaybeUninit::uninit(), MaybeUninit::uninit());
    // SAFETY: both point to such sets; `sigemptyset` initialises the first. The calls fail only for
    // wrong arguments.
    unsafe {
        libc::sigemptyset(own.as_mut_ptr());
        libc::sigaddset(own.as_mut_ptr(), SIGNAL);
        libc::sigemptyset(former.as_mut_ptr());
        libc::pthread_sigmask(how, own.as_ptr(), former.as_mut_ptr());
        former.assume_init()
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let errno = errno();
    pass_on(signal, info, context);
    if let Some(slot) = slot::current() {
        // SAFETY: the kernel passes the interrupted context, this handler's alone until it returns.
        if let Some(interrupted) = unsafe { Interrupted::new(context) } {
            slot.interrupt(interrupted);
        }
    }
    set_errno(errno);
}

fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let former = FORMER.load(Acquire);
    if former == libc::SIG_DFL || former == libc::SIG_IGN {
        return;
    }
    if FORMER_FLAGS.load(Relaxed) & libc::SA_SIGINFO as usize != 0 {
        // SAFETY: it was installed as such a function, and is called as the kernel would.
        let former: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) =
            unsafe { mem::transmute(former) };
        former(signal, info, context);
    } else {
        // SAFETY: as above, without the flag.
        let former: extern "C" fn(c_int) = unsafe { mem::transmute(former) };
        former(signal);
    }
}

/// The calling thread's `errno`. Not inlined: its address must be asked for anew each time.
#[inline(never)]
pub(super) fn errno() -> c_int {
    // SAFETY: a valid address, of this thread's own variable.
    unsafe { *libc::__errno_location() }
}

#[inline(never)]
pub(super) fn set_errno(value: c_int) {
    // SAFETY: as above.
    unsafe { *libc::__errno_location() = value }
}
