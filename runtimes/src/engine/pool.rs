//! Memory for tasks, and with it the list of all tasks that a runtime has.
//!
//! Tasks up to 1 KiB live in slots of size classes, cut from chunks that belong to the engine. Each
//! worker keeps two magazines of free slots per class, so that allocating and freeing touch nothing
//! shared; whole magazines go to and from a depot under a lock (tasks are often freed on another
//! worker than made them). A free slot's state word is zero and a live task's never is, so shutdown
//! finds every task by walking the chunks: spawning and finishing keep no list. Larger tasks come
//! from the global allocator and are kept in a set.

use std::alloc::{Layout, alloc, dealloc, handle_alloc_error};
use std::collections::HashSet;
use std::ptr::{self, NonNull};

use crate::sync::Mutex;
use crate::task::{Header, Size};

/// Sizes are rounded up to a multiple of this many bytes, which is also every slot's alignment: a
/// cache line, so that what a thread outside touches to wake a task lies in one.
const GRAIN: usize = 64;
/// The largest slot in bytes.
const LARGEST: usize = 1024;
const CLASSES: usize = LARGEST / GRAIN;
/// Slots in a full magazine, and in a chunk.
const MAGAZINE: usize = 64;

/// The size class of a task, or `None` for one that is too large or too strictly aligned for slots.
const fn class_of(size: Size) -> Option<usize> {
    let layout = size.layout();
    if layout.size() > LARGEST || layout.align() > GRAIN {
        return None;
    }
    Some((layout.size() - 1) / GRAIN)
}

/// A chain of free slots through their links.
#[derive(Clone, Copy, Debug)]
struct Chain {
    head: *mut Header,
    len: usize,
}

// SAFETY: a chain owns the free slots in it, and nobody else refers to them.
unsafe impl Send for Chain {}

impl Chain {
    const EMPTY: Self = Self { head: ptr::null_mut(), len: 0 };

    #[inline]
    fn pop(&mut self) -> Option<NonNull<Header>> {
        let slot = NonNull::new(self.head)?;
        // SAFETY: a free slot's link belongs to the chain.
        self.head = unsafe { *link(slot) };
        self.len -= 1;
        Some(slot)
    }

    /// # Safety
    /// The slot is free, its link is initialised, and it is in no other chain.
    #[inline]
    unsafe fn push(&mut self, slot: NonNull<Header>) {
        // SAFETY: the caller gives the slot, and with it the link.
        unsafe { *link(slot) = self.head };
        self.head = slot.as_ptr();
        self.len += 1;
    }
}

/// Where a slot keeps its link. No reference to the header as a whole is made: a slot that never
/// held a task has only the two fields that may be zero.
fn link(slot: NonNull<Header>) -> *mut *mut Header {
    // SAFETY: the field lies inside the slot.
    unsafe { (&raw mut (*slot.as_ptr()).link).cast() }
}

/// Free slots of every class for one thread.
#[derive(Debug)]
pub(super) struct Cache {
    /// Per class: the magazine in use, and one that is full or empty.
    magazines: [(Chain, Chain); CLASSES],
    /// Tasks allocated here minus tasks freed here.
    pub(super) live: i64,
}

impl Cache {
    pub(super) fn new() -> Self {
        Self { magazines: [(Chain::EMPTY, Chain::EMPTY); CLASSES], live: 0 }
    }

    /// Memory for a task of `size`, with an initialised header or none yet.
    #[inline]
    pub(super) fn allocate(&mut self, size: Size, depot: &Depot) -> NonNull<Header> {
        self.live += 1;
        let Some(class) = class_of(size) else { return depot.allocate_large(size) };
        let (current, spare) = &mut self.magazines[class];
        if let Some(slot) = current.pop() {
            return slot;
        }
        std::mem::swap(current, spare);
        if let Some(slot) = current.pop() {
            return slot;
        }
        *current = depot.full_magazine(class);
        match current.pop() {
            Some(slot) => slot,
            None => unreachable!("the depot hands out full magazines"),
        }
    }

    /// # Safety
    /// The memory was allocated with the same size, here or in another cache of the same depot, and
    /// nothing in it is used again.
    #[inline]
    pub(super) unsafe fn free(&mut self, memory: NonNull<Header>, size: Size, depot: &Depot) {
        self.live -= 1;
        // SAFETY: the header is initialised, and the caller gives it up.
        unsafe { memory.as_ref() }.state.mark_free();
        let Some(class) = class_of(size) else {
            // SAFETY: a size without a class was allocated as large.
            return unsafe { depot.free_large(memory, size) };
        };
        let (current, spare) = &mut self.magazines[class];
        if current.len == MAGAZINE {
            if spare.len == MAGAZINE {
                depot.take_back(class, *spare);
                *spare = Chain::EMPTY;
            }
            std::mem::swap(current, spare);
        }
        // SAFETY: free by the caller's promise, and marked so.
        unsafe { current.push(memory) };
    }
}

/// What the caches of one engine share.
#[derive(Debug)]
pub(super) struct Depot(Mutex<Stock>);

#[derive(Debug)]
struct Stock {
    full: [Vec<Chain>; CLASSES],
    chunks: Vec<Chunk>,
    large: HashSet<NonNull<Header>>,
}

/// [`MAGAZINE`] slots in a row.
#[derive(Debug)]
struct Chunk {
    first: NonNull<Header>,
    class: usize,
}

// SAFETY: the depot owns its chunks and the memory of large tasks; what happens to the tasks in
// them is ordered by their state words.
unsafe impl Send for Stock {}

impl Chunk {
    fn layout(class: usize) -> Layout {
        match Layout::from_size_align((class + 1) * GRAIN * MAGAZINE, GRAIN) {
            Ok(layout) => layout,
            Err(_) => {
                unreachable!("at most {} bytes, aligned to a power of two", LARGEST * MAGAZINE)
            }
        }
    }

    fn slots(&self) -> impl Iterator<Item = NonNull<Header>> + use<> {
        let (first, step) = (self.first.cast::<u8>(), (self.class + 1) * GRAIN);
        // SAFETY: the chunk has MAGAZINE slots of `step` bytes.
        (0..MAGAZINE).map(move |i| unsafe { first.add(i * step) }.cast())
    }
}

impl Depot {
    pub(super) fn new() -> Self {
        let full = [const { Vec::new() }; CLASSES];
        Self(Mutex::new(Stock { full, chunks: Vec::new(), large: HashSet::new() }))
    }

    #[cold]
    fn full_magazine(&self, class: usize) -> Chain {
        let mut stock = self.0.lock();
        if let Some(chain) = stock.full[class].pop() {
            return chain;
        }
        let layout = Chunk::layout(class);
        // SAFETY: the layout is not empty. Zeroed memory is a row of free slots: a state word of
        // zero is free, and a null link is a link.
        let Some(first) = NonNull::new(unsafe { std::alloc::alloc_zeroed(layout) }) else {
            handle_alloc_error(layout)
        };
        let chunk = Chunk { first: first.cast(), class };
        let mut chain = Chain::EMPTY;
        // The lowest address on top, so that a burst of spawns walks upwards through memory.
        for slot in chunk.slots().collect::<Vec<_>>().into_iter().rev() {
            // SAFETY: the memory is zeroed, which `Header`'s `state` and `link` allow; only these
            // two are touched until a task is written over it.
            unsafe { chain.push(slot) };
        }
        stock.chunks.push(chunk);
        chain
    }

    #[cold]
    fn take_back(&self, class: usize, chain: Chain) {
        self.0.lock().full[class].push(chain);
    }

    #[cold]
    fn allocate_large(&self, size: Size) -> NonNull<Header> {
        // SAFETY: a task has a header, so the layout is not empty.
        let Some(memory) = NonNull::new(unsafe { alloc(size.layout()) }) else {
            handle_alloc_error(size.layout())
        };
        self.0.lock().large.insert(memory.cast());
        memory.cast()
    }

    /// # Safety
    /// The memory came from `allocate_large` with the same size, and is not used again.
    #[cold]
    unsafe fn free_large(&self, memory: NonNull<Header>, size: Size) {
        self.0.lock().large.remove(&memory);
        // SAFETY: as the caller promises.
        unsafe { dealloc(memory.as_ptr().cast(), size.layout()) };
    }

    /// Calls `claim` with every task and every free slot (of which only the state is valid), and
    /// returns those that it claimed.
    ///
    /// A large task is looked at under the lock that freeing it takes, so it cannot go away
    /// meanwhile; slots stay. Tasks made during the walk may be missed.
    pub(super) fn claim(&self, claim: impl Fn(NonNull<Header>) -> bool) -> Vec<NonNull<Header>> {
        self.0.lock().all().filter(|&task| claim(task)).collect()
    }

    /// Whether `is` holds for some task or free slot, which it looks at as [`claim`](Self::claim)
    /// does.
    pub(super) fn any(&self, is: impl Fn(NonNull<Header>) -> bool) -> bool {
        self.0.lock().all().any(is)
    }
}

impl Stock {
    fn all(&self) -> impl Iterator<Item = NonNull<Header>> {
        self.chunks.iter().flat_map(Chunk::slots).chain(self.large.iter().copied())
    }
}

impl Drop for Stock {
    fn drop(&mut self) {
        debug_assert!(self.large.is_empty(), "an engine lives as long as its tasks");
        for chunk in &self.chunks {
            // SAFETY: allocated with this layout; the engine that owns the depot lives as long as
            // any task.
            unsafe { dealloc(chunk.first.as_ptr().cast(), Chunk::layout(chunk.class)) };
        }
    }
}
