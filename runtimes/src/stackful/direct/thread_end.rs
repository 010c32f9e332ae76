//! When a thread ends: suspended frames must not run any more once the destructors of thread-locals
//! do.
//!
//! A frame may hold what `LocalKey::with` lent it. That is valid until the key's destructor runs,
//! when the thread ends (or calls `exit`); resumed or unwound after that, the frame would use freed
//! memory. A worker on a thread of its own unwinds all its tasks before the thread ends, and
//! [`Direct::new`](super::Direct::new) demands as much. There remains the runtime on its caller's
//! thread: it may lie in a thread-local itself, and be used or dropped by that one's destructor.
//!
//! Destructors run in the reverse order of their registration, which for a key is its first use. So
//! whenever such a runtime leaves the thread to its caller ([`before_leaving`]) and code is
//! suspended, a destructor of our own is registered. It is newer than every key that a suspended
//! frame can have used, and runs before theirs: from then on frames are given up, neither resumed
//! nor unwound. A frame that runs after that is again followed by a registration before the thread
//! can end. Registrations cannot be taken back: each costs some 50 bytes until the thread ends.
//! There is one for each `block_on` that leaves suspended code behind.

use std::cell::Cell;
use std::ffi::{c_int, c_void};
use std::ptr;
use std::sync::OnceLock;

thread_local! {
    /// Direct-style code of this thread that has begun and not ended.
    static LIVE: Cell<usize> = const { Cell::new(0) };

    /// The destructors of this thread's thread-locals run.
    static BEGUN: Cell<bool> = const { Cell::new(false) };
}

/// Code begins.
pub(super) fn count_in() {
    LIVE.set(LIVE.get() + 1);
}

/// It has ended, or was given up.
pub(super) fn count_out() {
    LIVE.set(LIVE.get() - 1);
}

/// Whether suspended code must be given up.
#[inline]
pub(super) fn has_begun() -> bool {
    BEGUN.get()
}

/// Called when code of this thread has run, and the thread may end from here on.
pub(crate) fn before_leaving() {
    if LIVE.get() == 0 || BEGUN.get() {
        return;
    }
    // Where the C library has no such order of destructors to register in, suspended code is given
    // up at once.
    let registered = register().is_some_and(|register| {
        // SAFETY: the function is the C library's; `begin` needs nothing of the thread but a
        // variable without a destructor. The third argument is an address in the object that
        // `begin` lies in.
        unsafe { register(begin, ptr::null_mut(), (&raw const OWN).cast_mut().cast()) == 0 }
    });
    if !registered {
        BEGUN.set(true);
    }
}

unsafe extern "C" fn begin(_: *mut c_void) {
    BEGUN.set(true);
}

/// Any variable: its address tells which object this code belongs to.
static OWN: u8 = 0;

type Destructor = unsafe extern "C" fn(*mut c_void);
type Register = unsafe extern "C" fn(Destructor, *mut c_void, *mut c_void) -> c_int;

/// What the standard library registers its thread-locals' destructors with, on Linux:
/// `__cxa_thread_atexit_impl`.
fn register() -> Option<Register> {
    static FOUND: OnceLock<Option<Register>> = OnceLock::new();
    *FOUND.get_or_init(|| {
        // SAFETY: the name is a valid string, and if the function is there it has this type.
        unsafe {
            let found = libc::dlsym(libc::RTLD_DEFAULT, c"__cxa_thread_atexit_impl".as_ptr());
            std::mem::transmute::<*mut c_void, Option<Register>>(found)
        }
    })
}
