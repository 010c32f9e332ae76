//! What happens when a coroutine overflows its stack: the process ends with a message that names
//! the task.
//!
//! A fault in the guard of one of our stacks is an overflow. The handler finds the stack by its
//! address, in a list of all slabs that can be read while anything is going on; at a known place of
//! the stack lies the fiber's header, and the header knows the job. Every other fault goes to the
//! handler that was there before, usually the standard library's.
//!
//! The handler runs on the thread's alternate stack. Threads of the standard library have one; on
//! others the overflow ends the process without a message, as it does without this handler.

use std::collections::BTreeMap;
use std::ffi::c_int;
use std::mem::{self, MaybeUninit};
use std::ptr;
use std::sync::atomic::{
    AtomicPtr, AtomicUsize,
    Ordering::{Acquire, Relaxed, Release},
};
use std::sync::{Mutex, OnceLock, PoisonError};

use super::fiber::Header;
use super::stack::Geometry;

/// One slab, for the handler. Never freed, but used again.
struct Entry {
    /// 0: unused.
    base: AtomicUsize,
    bytes: AtomicUsize,
    /// The slab's [`Geometry`], leaked: there are few.
    geometry: AtomicPtr<Geometry>,
    next: *const Entry,
}

/// The newest entry. Entries are only ever added.
static ENTRIES: AtomicPtr<Entry> = AtomicPtr::new(ptr::null_mut());

/// Held to change the list.
static CHANGES: Mutex<Changes> =
    Mutex::new(Changes { geometries: Vec::new(), used: BTreeMap::new(), unused: Vec::new() });

/// Who changes the list finds an entry without searching it: there is one for each stack where
/// stacks are not pooled.
struct Changes {
    geometries: Vec<&'static Geometry>,
    /// By base.
    used: BTreeMap<usize, &'static Entry>,
    unused: Vec<&'static Entry>,
}

// SAFETY: an entry's link to the next is written before anybody else sees it.
unsafe impl Sync for Entry {}

/// The handler that was there before; set before ours is installed.
static FORMER: OnceLock<libc::sigaction> = OnceLock::new();

fn entries() -> impl Iterator<Item = &'static Entry> {
    // Acquire pairs with the Release store that adds an entry.
    let mut next = ENTRIES.load(Acquire).cast_const();
    std::iter::from_fn(move || {
        // SAFETY: entries are leaked, and complete when they are added.
        let entry = unsafe { next.as_ref() }?;
        next = entry.next;
        Some(entry)
    })
}

/// Makes the slab at `base` known, and installs the handler with the first one.
pub(super) fn register(base: usize, bytes: usize, geometry: Geometry) {
    let mut changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    if FORMER.get().is_none() {
        install();
    }
    let geometry: *const Geometry =
        match changes.geometries.iter().find(|known| ***known == geometry) {
            Some(known) => *known,
            None => {
                let leaked: &'static Geometry = Box::leak(Box::new(geometry));
                changes.geometries.push(leaked);
                leaked
            }
        };
    let entry = changes.unused.pop().unwrap_or_else(add);
    changes.used.insert(base, entry);
    entry.bytes.store(bytes, Relaxed);
    entry.geometry.store(geometry.cast_mut(), Relaxed);
    // Release pairs with the handler's Acquire load: a thread that runs on this slab sees all of
    // the entry.
    entry.base.store(base, Release);
}

/// Adds an entry to the list, for whom holds the lock.
fn add() -> &'static Entry {
    let next = ENTRIES.load(Relaxed);
    let new = Entry {
        base: AtomicUsize::new(0),
        bytes: AtomicUsize::new(0),
        geometry: AtomicPtr::new(ptr::null_mut()),
        next,
    };
    let new: &'static Entry = Box::leak(Box::new(new));
    // Release pairs with the Acquire load in `entries`.
    ENTRIES.store(ptr::from_ref(new).cast_mut(), Release);
    new
}

/// Forgets the slab at `base`, on which nobody runs any more.
pub(super) fn forget(base: usize) {
    let mut changes = CHANGES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(entry) = changes.used.remove(&base) {
        entry.base.store(0, Release);
        changes.unused.push(entry);
    }
}

fn install() {
    // SAFETY: the structures are valid, and zero is an empty mask; `handle` is async-signal-safe.
    // If the system refuses, overflows end the process without a message.
    unsafe {
        let mut own: libc::sigaction = mem::zeroed();
        own.sa_sigaction =
            handle as extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) as usize;
        own.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK;
        let mut former = MaybeUninit::uninit();
        if libc::sigaction(libc::SIGSEGV, ptr::null(), former.as_mut_ptr()) == 0 {
            let _ = FORMER.set(former.assume_init());
            libc::sigaction(libc::SIGSEGV, &own, ptr::null_mut());
        }
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the kernel passes valid information; for this signal it has an address.
    let (code, address) = unsafe { ((*info).si_code, (*info).si_addr().addr()) };
    // Not for signals that somebody sent.
    if code > 0
        && let Some((header, size)) = find(address)
    {
        // SAFETY: a fiber runs on this stack, or nothing could have overflowed it: its header is
        // there.
        report(unsafe { &*header }, size);
        // SAFETY: it ends the process.
        unsafe { libc::abort() };
    }
    pass_on(signal, info, context);
}

/// The header of the fiber whose guard holds `address`, and the size of its stack.
fn find(address: usize) -> Option<(*const Header, usize)> {
    entries().find_map(|entry| {
        // Acquire pairs with the Release store in `register`.
        let base = entry.base.load(Acquire);
        let offset = address.checked_sub(base)?;
        if base == 0 || offset >= entry.bytes.load(Relaxed) {
            return None;
        }
        // SAFETY: null or a leaked geometry.
        let geometry = unsafe { entry.geometry.load(Relaxed).as_ref() }?;
        let top = address - offset + geometry.top_above_guard(offset)?;
        Some((ptr::with_exposed_provenance(Header::address(top, *geometry)), geometry.stack()))
    })
}

fn report(header: &Header, size: usize) {
    let mut digits = [0u8; 20];
    write(&["\ntask "]);
    // SAFETY: the fiber runs, so its turn is valid.
    if let Some(name) = unsafe { header.task_name() } {
        write(&["`", name, "`, "]);
    }
    write(&[
        header.code(),
        ", has overflowed its stack of ",
        decimal(size, &mut digits),
        " bytes\n",
    ]);
    write(&["fatal runtime error: stack overflow, aborting\n"]);
}

/// Writes to the standard error, without locks.
fn write(parts: &[&str]) {
    for part in parts {
        // SAFETY: it writes bytes of a valid string.
        unsafe { libc::write(2, part.as_ptr().cast(), part.len()) };
    }
}

fn decimal(mut value: usize, digits: &mut [u8; 20]) -> &str {
    let mut first = digits.len();
    loop {
        first -= 1;
        digits[first] = b'0' + (value % 10) as u8;
        value /= 10;
        if value == 0 {
            break;
        }
    }
    str::from_utf8(&digits[first..]).unwrap_or_default()
}

fn pass_on(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    let former = FORMER.get();
    match former.map_or(libc::SIG_DFL, |former| former.sa_sigaction) {
        libc::SIG_DFL | libc::SIG_IGN => {
            // The instruction faults again, and the process ends as it would have.
            // SAFETY: it sets the default action.
            unsafe { libc::signal(signal, libc::SIG_DFL) };
        }
        address if former.is_some_and(|former| former.sa_flags & libc::SA_SIGINFO != 0) => {
            // SAFETY: it was installed as such a function, and is called as the kernel would.
            let call: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                unsafe { mem::transmute(address) };
            call(signal, info, context);
        }
        address => {
            // SAFETY: as above, without the flag.
            let call: extern "C" fn(c_int) = unsafe { mem::transmute(address) };
            call(signal);
        }
    }
}
