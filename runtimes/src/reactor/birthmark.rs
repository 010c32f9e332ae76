//! Tells the process that made a reactor from its children.
//!
//! `fork` gives a child a copy of the memory and of the descriptors, but both sides' epoll
//! descriptor means one and the same interest list. A child that drops a source would end the
//! *parent's* registration of it, and one that waits would take edges that the parent then never
//! hears of. So in a child the reactor keeps its hands off the epoll instance: registering and
//! waiting fail ([`Forked`]), and the end of a source ends nothing.
//!
//! The mark lies in a page of its own that the kernel empties in a child (`MADV_WIPEONFORK`, Linux
//! 4.14). Asking costs a load; a comparison of process numbers would cost a system call each time,
//! and be wrong in a child that is the first of a new process namespace. Where the kernel refuses
//! the advice, nothing is detected.

use std::fmt;
use std::io;
use std::ptr::{NonNull, null_mut};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};

use rustix::mm::{Advice, MapFlags, ProtFlags, madvise, mmap_anonymous, munmap};

/// Any number but the kernel's zero.
const MARK: u32 = 1;

#[derive(Debug)]
pub(super) struct Birthmark {
    page: NonNull<AtomicU32>,
    bytes: usize,
}

// SAFETY: the page belongs to the value until it is dropped, and what is done with it meanwhile is
// atomic.
unsafe impl Send for Birthmark {}
// SAFETY: as above.
unsafe impl Sync for Birthmark {}

impl Birthmark {
    /// Marks the calling process.
    ///
    /// # Errors
    /// When the system refuses a page.
    pub(super) fn new() -> io::Result<Self> {
        let bytes = rustix::param::page_size();
        // SAFETY: a new mapping, of which nobody else knows.
        let at = unsafe {
            mmap_anonymous(
                null_mut(),
                bytes,
                ProtFlags::READ | ProtFlags::WRITE,
                MapFlags::PRIVATE,
            )?
        };
        // A kernel that does not know the advice says so, and every process keeps the mark. Miri,
        // which has no `fork`, does not know it either.
        if !cfg!(miri) {
            // SAFETY: the whole mapping, and it changes only what becomes of it in children.
            let _ = unsafe { madvise(at, bytes, Advice::LinuxWipeOnFork) };
        }
        let page =
            NonNull::new(at.cast()).ok_or_else(|| io::Error::other("a mapping at address zero"))?;
        let birthmark = Self { page, bytes };
        birthmark.word().store(MARK, Relaxed);
        Ok(birthmark)
    }

    fn word(&self) -> &AtomicU32 {
        // SAFETY: mapped, aligned and zero to begin with, which is a valid value, and unmapped only
        // by `drop`.
        unsafe { self.page.as_ref() }
    }

    /// Whether this is a process other than the one that was marked.
    #[inline]
    pub(super) fn is_missing(&self) -> bool {
        // Relaxed: nobody writes to it but the kernel, before the child has its first thread.
        self.word().load(Relaxed) != MARK
    }

    /// An error in a child.
    pub(super) fn check(&self) -> io::Result<()> {
        if self.is_missing() { Err(io::Error::other(Forked)) } else { Ok(()) }
    }
}

impl Drop for Birthmark {
    fn drop(&mut self) {
        // SAFETY: the mapping made by `new`; nothing refers to it any more.
        let _ = unsafe { munmap(self.page.as_ptr().cast(), self.bytes) };
    }
}

/// What a child process is told.
#[derive(Debug)]
struct Forked;

impl fmt::Display for Forked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the reactor belongs to the process that forked this one; make another here")
    }
}

impl std::error::Error for Forked {}
