//! Where stacks come from: one mapping, a slab, holds many of them, each above a guard.
//!
//! ```text
//!   slot 0                        slot 1
//! +-------+----------------------+-------+----------------------+----
//! | guard |  stack, grows down   | guard |  stack, grows down   | ...
//! +-------+----------------------+-------+----------------------+----
//! ^ slab                  top 0 ^                        top 1 ^
//! ```
//!
//! A guard made of marker entries in the page table (`MADV_GUARD_INSTALL`, Linux 6.13) leaves the
//! slab one area of the address space. A guard made by `mprotect` splits it, two areas a stack, so
//! that the kernel's default limit of 65,530 areas ends at about 32,000 stacks.

use std::io;
use std::mem::ManuallyDrop;
use std::num::NonZeroUsize;
use std::ptr::{NonNull, null_mut};

use rustix::mm::{
    Advice, MapFlags, MprotectFlags, ProtFlags, madvise, mmap_anonymous, mprotect, munmap,
};

use super::overflow;

/// The smallest stack, in bytes. Printing the backtrace of a panic takes about 22 KiB.
pub(super) const MIN_STACK: usize = 32 * 1024;

/// The largest stack, in bytes: a slab of a few of them still fits the address space many times.
pub(super) const MAX_STACK: usize = 1 << 30;

/// Address space of one slab, in bytes, unless a few stacks need more. Only touched pages cost
/// memory.
const SLAB: usize = 64 << 20;

/// The sizes of a slot, all in bytes and whole pages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Geometry {
    page: usize,
    guard: usize,
    stack: usize,
}

impl Geometry {
    /// Slots for stacks of at least `stack_size` bytes, within [`MIN_STACK`] and [`MAX_STACK`].
    pub(super) fn new(stack_size: usize) -> Self {
        let page = rustix::param::page_size();
        let pages = stack_size.clamp(MIN_STACK, MAX_STACK).div_ceil(page);
        // An odd number of pages from stack to stack: with an even one, and worst with a power of
        // two, the hot top pages of all stacks would share a few sets of the cache.
        let guard_pages = if pages.is_multiple_of(2) { 1 } else { 2 };
        Self { page, guard: guard_pages * page, stack: pages * page }
    }

    /// Bytes that a coroutine can use.
    pub(super) fn stack(self) -> usize {
        self.stack
    }

    /// The lowest usable address of the stack whose topmost page holds the address `inside`.
    pub(super) fn lowest(self, inside: usize) -> usize {
        (inside | (self.page - 1)) + 1 - self.stack
    }

    /// The lowest address of the guard below the stack whose topmost page holds the address
    /// `inside`.
    pub(super) fn limit(self, inside: usize) -> usize {
        self.lowest(inside) - self.guard
    }

    /// The top of the stack whose topmost page `inside` points into.
    pub(super) fn top(self, inside: NonNull<u8>) -> NonNull<u8> {
        inside.map_addr(|address| {
            NonZeroUsize::new((address.get() | (self.page - 1)) + 1)
                .expect("not the last page of the address space")
        })
    }

    /// How many slots a slab of the usual size has.
    pub(super) fn slots(self) -> usize {
        (SLAB / self.slot()).max(4)
    }

    /// Bytes of a stack and its guard.
    pub(super) fn slot(self) -> usize {
        self.guard + self.stack
    }

    /// The size of a page.
    pub(super) fn page(self) -> usize {
        self.page
    }

    /// For an offset into a slab that lies in a guard: the offset of the top of the stack above
    /// that guard.
    pub(super) fn top_above_guard(self, offset: usize) -> Option<usize> {
        let slot = offset / self.slot();
        (offset % self.slot() < self.guard).then(|| (slot + 1) * self.slot())
    }
}

/// What stands below a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Guard {
    /// Marker entries in the page table.
    Marker,
    /// Pages without access rights: an area of the address space of their own.
    Protection,
}

/// One mapping with a number of slots, unmapped when it is dropped.
#[derive(Debug)]
pub(super) struct Slab {
    base: NonNull<u8>,
    slots: usize,
    geometry: Geometry,
}

// SAFETY: a `Slab` owns its mapping, and nothing in it is bound to a thread.
unsafe impl Send for Slab {}

impl Slab {
    /// Maps a slab of so many slots. Nothing in it is resident or guarded yet.
    ///
    /// # Errors
    /// What `mmap` says: the address space or the number of areas is used up.
    pub(super) fn map(geometry: Geometry, slots: usize) -> io::Result<Self> {
        let bytes = slots * geometry.slot();
        let access = ProtFlags::READ | ProtFlags::WRITE;
        let kind = MapFlags::PRIVATE | MapFlags::NORESERVE | MapFlags::STACK;
        // SAFETY: a new anonymous mapping at an address of the kernel's choice touches no existing
        // memory.
        let base = unsafe { mmap_anonymous(null_mut(), bytes, access, kind)? };
        let slab = Self {
            base: NonNull::new(base.cast()).ok_or(io::ErrorKind::OutOfMemory)?,
            slots,
            geometry,
        };
        // A huge page would make dozens of stacks resident at the first touch of one. Kernels
        // without huge pages refuse the advice, and then there is nothing to fear.
        // SAFETY: the range is the mapping just made, and the advice does not change its contents.
        let _ = unsafe { madvise(base, bytes, Advice::LinuxNoHugepage) };
        overflow::register(slab.base.as_ptr().expose_provenance(), bytes, geometry);
        Ok(slab)
    }

    /// The slab of one slot whose stack ends at `top`, after it was forgotten.
    ///
    /// # Safety
    /// It was mapped with this geometry and one slot, is nobody else's, and nobody uses the stack.
    pub(super) unsafe fn of_one(geometry: Geometry, top: NonNull<u8>) -> Self {
        // SAFETY: the caller's: the mapping reaches down from `top` by one slot.
        Self { base: unsafe { top.sub(geometry.slot()) }, slots: 1, geometry }
    }

    /// Whether the stack that ends at `top` is one of its own.
    pub(super) fn holds(&self, top: NonNull<u8>) -> bool {
        let offset = top.addr().get().wrapping_sub(self.base.addr().get());
        (1..=self.bytes()).contains(&offset)
    }

    /// Unmaps it, apart from the stacks that end at these addresses, and their guards.
    pub(super) fn unmap_except(self, mut tops: Vec<NonNull<u8>>) {
        if tops.is_empty() {
            return;
        }
        let slab = ManuallyDrop::new(self);
        overflow::forget(slab.base.addr().get());
        tops.sort_unstable();
        let base = slab.base.addr().get();
        let mut from = 0;
        let ends = tops
            .iter()
            .map(|top| top.addr().get() - base)
            .chain([slab.bytes() + slab.geometry.slot()]);
        for end in ends {
            let to = end - slab.geometry.slot();
            if from < to {
                // SAFETY: this part of the mapping is ours, and holds no stack that is still used.
                let unmapped = unsafe { munmap(slab.base.as_ptr().add(from).cast(), to - from) };
                debug_assert!(unmapped.is_ok());
            }
            from = end;
        }
    }

    /// Its address space.
    pub(super) fn bytes(&self) -> usize {
        self.slots * self.geometry.slot()
    }

    /// How many stacks it holds.
    pub(super) fn slots(&self) -> usize {
        self.slots
    }

    /// Installs the guard of a slot and returns the top of its stack: the address one past it.
    ///
    /// # Errors
    /// What the system call says: `EINVAL` when the kernel has no markers (or the memory is
    /// locked), `ENOMEM` when there are too many areas.
    pub(super) fn open(&self, slot: usize, guard: Guard) -> io::Result<NonNull<u8>> {
        assert!(slot < self.slots);
        // SAFETY: within the mapping, as the slot's number is.
        let bottom = unsafe { self.base.add(slot * self.geometry.slot()) };
        let len = self.geometry.guard;
        match guard {
            Guard::Marker => install_marker(bottom, len)?,
            // SAFETY: the pages belong to this slot, which nobody uses yet.
            Guard::Protection => unsafe {
                mprotect(bottom.as_ptr().cast(), len, MprotectFlags::empty())?
            },
        }
        // SAFETY: at most the end of the mapping.
        Ok(unsafe { bottom.add(self.geometry.slot()) })
    }

    /// Gives the memory of the stack below `top` back to the system. It reads as zeroes afterwards,
    /// and its guard stays.
    ///
    /// # Safety
    /// The slot is one of a slab of this geometry, and nobody uses the stack or reads it again.
    pub(super) unsafe fn discard(geometry: Geometry, top: NonNull<u8>) {
        // SAFETY: the stack reaches down from `top` by that many bytes.
        let lowest = unsafe { top.sub(geometry.stack) };
        // SAFETY: the caller gives up the contents. The call cannot fail for such a range (locked
        // memory apart, which then stays resident).
        let _ = unsafe { madvise(lowest.as_ptr().cast(), geometry.stack, Advice::LinuxDontNeed) };
    }
}

impl Drop for Slab {
    fn drop(&mut self) {
        overflow::forget(self.base.addr().get());
        // SAFETY: the mapping is ours; the pool drops its slabs once no stack is outside it.
        let unmapped = unsafe { munmap(self.base.as_ptr().cast(), self.bytes()) };
        debug_assert!(unmapped.is_ok());
    }
}

/// `madvise(MADV_GUARD_INSTALL)`, which rustix does not name yet.
fn install_marker(at: NonNull<u8>, len: usize) -> io::Result<()> {
    const MADV_GUARD_INSTALL: libc::c_int = 102;
    // SAFETY: the caller's range lies in a slot that nobody uses yet, so no live memory is
    // discarded.
    if unsafe { libc::madvise(at.as_ptr().cast(), len, MADV_GUARD_INSTALL) } == 0 {
        Ok(())
    } else {
        Err(io::Error::last_os_error())
    }
}
