//! The stack on which signal handlers run: coroutines have no room for them.

use std::io;
use std::mem::MaybeUninit;
use std::ptr;

use rustix::mm::{MapFlags, MprotectFlags, ProtFlags, mmap_anonymous, mprotect, munmap};

/// Bytes of the stack. The kernel's frame takes up to 12 KiB of it with all of a large processor's
/// registers, and other libraries' handlers that ours calls should find what they are used to.
const SIZE: usize = 64 * 1024;

/// An alternate signal stack, the calling thread's until it is dropped there.
pub(super) struct AlternateStack {
    mapping: *mut libc::c_void,
    bytes: usize,
    former: libc::stack_t,
}

impl AlternateStack {
    /// Makes one, with a guard page, and gives it to the calling thread.
    ///
    /// # Errors
    /// What `mmap`, `mprotect` or `sigaltstack` say.
    pub(super) fn install() -> io::Result<Self> {
        let page = rustix::param::page_size();
        let bytes = SIZE + page;
        let access = ProtFlags::READ | ProtFlags::WRITE;
        // SAFETY: a new mapping at an address of the kernel's choice touches no existing memory.
        let mapping = unsafe { mmap_anonymous(ptr::null_mut(), bytes, access, MapFlags::PRIVATE)? };
        let mut stack = Self { mapping, bytes, former: no_stack() };
        // SAFETY: the lowest page of the mapping just made.
        unsafe { mprotect(mapping, page, MprotectFlags::empty())? };
        let own =
            libc::stack_t { ss_sp: mapping.wrapping_byte_add(page), ss_flags: 0, ss_size: SIZE };
        stack.former = exchange(&own)?;
        Ok(stack)
    }
}

impl Drop for AlternateStack {
    fn drop(&mut self) {
        // It cannot fail: this stack is not in use, and the former one was accepted before.
        let _ = exchange(&self.former);
        // SAFETY: the mapping is this value's, and the thread does not use it any more.
        let _ = unsafe { munmap(self.mapping, self.bytes) };
    }
}

fn no_stack() -> libc::stack_t {
    libc::stack_t { ss_sp: ptr::null_mut(), ss_flags: libc::SS_DISABLE, ss_size: SIZE }
}

fn exchange(new: &libc::stack_t) -> io::Result<libc::stack_t> {
    let mut former = MaybeUninit::uninit();
    // SAFETY: both point to such structures; the new stack stays mapped until it is exchanged
    // again.
    if unsafe { libc::sigaltstack(new, former.as_mut_ptr()) } != 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call succeeded, so it wrote the former one.
    Ok(unsafe { former.assume_init() })
}
