//! The pool of fibers: taking and giving back one costs a few nanoseconds, on any thread.
//!
//! Each thread keeps a magazine of idle fibers and uses it newest first, while their stacks are
//! still in its cache. A full magazine gives half of itself to the pool's depot, and an empty one
//! takes a batch from there, under a lock; so a fiber that is always taken on one thread and given
//! back on another costs a thirty-second of a lock. Only when the depot is empty is a stack made.
//!
//! **Idle memory is bounded.** The depot keeps so many fibers ready that their stacks could hold at
//! most `READY_BYTES` (256 MiB; a fiber that never called deeply holds one page of it, 16 MiB at
//! the default size of 64 KiB); with them up to `MAGAZINE` a thread. What comes back beyond that
//! has its memory returned to the system, and only its address space is kept. All of it is unmapped
//! once the pool and the last fiber are gone.
//!
//! **Without a pool** ([`Config::pool_stacks`]), every stack is a mapping of its own, from its
//! first use to its end. That is there to be measured against.
//!
//! **Life.** A fiber outside the depot (in a task, or in a magazine) must find its pool alive, but
//! counting references on every take would bounce a cache line between workers. The depot counts
//! them instead, in batches and under its lock, and holds a reference to the pool on behalf of all
//! of them.
//!
//! **What never comes back.** A fiber whose code was given up is not counted any more. Its stack
//! alone stays mapped: others may have borrowed from its frames. One that was forgotten, which
//! nobody can know, keeps the pool; so when the runtime ends with fibers outside, the idle ones
//! give their memory back.

use std::cell::RefCell;
use std::fmt;
use std::io;
use std::mem;
use std::ops::Range;
use std::ptr::NonNull;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

use super::fiber::{Fiber, Parked};
use super::preempt::Slicer;
use super::stack::{Geometry, Guard, Slab};
use crate::metrics::{Counter, count};
use crate::runtime::Config;
use crate::sync::Mutex;
use crate::sync::no_preempt::{closed, guard};

/// Idle fibers that one thread keeps, at most.
const MAGAZINE: usize = 64;

/// Fibers moved between a magazine and the depot at once.
const BATCH: usize = MAGAZINE / 2;

/// The bytes that the stacks of the depot's ready fibers could hold at most, and the fewest ready
/// fibers.
const READY_BYTES: usize = 256 << 20;
const READY_MIN: usize = 2 * BATCH;

/// The stacks of one runtime.
///
/// Fibers in use keep their memory alive beyond the pool's own life.
pub struct Pool {
    shared: Arc<Shared>,
    slicer: Option<Slicer>,
}

/// What a pool counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stats {
    /// Stacks that are in a task or in some thread's magazine.
    pub out: usize,
    /// Idle stacks in the depot that keep their memory.
    pub ready: usize,
    /// Idle stacks in the depot that gave their memory back to the system.
    pub discarded: usize,
    /// Bytes of address space mapped.
    pub mapped_bytes: usize,
    /// Stacks set up since the pool was made, again after a discard included.
    pub made: u64,
}

/// The part of a pool that its fibers refer to.
pub(super) struct Shared {
    geometry: Geometry,
    /// Whether stacks are used again.
    reused: bool,
    ready_limit: usize,
    made: AtomicU64,
    depot: Mutex<Depot>,
}

struct Depot {
    /// Idle fibers, parked in their loops; the last one was used last.
    ready: Vec<Parked>,
    /// Tops of idle stacks without memory; their guards stand.
    discarded: Vec<Top>,
    /// Tops of stacks whose code was given up.
    given_up: Vec<Top>,
    /// Slots of the newest slab that were never used.
    unused: Range<usize>,
    slabs: Vec<Slab>,
    guard: Guard,
    /// Fibers outside the depot.
    out: usize,
    /// A reference to the pool itself, while `out` is not zero.
    keep: Option<Arc<Shared>>,
}

struct Top(NonNull<u8>);

// SAFETY: an address of memory that belongs to the pool and is bound to no thread.
unsafe impl Send for Top {}

impl Pool {
    /// A pool of stacks of `stack_size` bytes each, rounded up to whole pages and to 32 KiB at
    /// least. Maps nothing until the first is taken.
    pub fn new(stack_size: usize) -> Arc<Self> {
        Self::with_guard(stack_size, Guard::Marker)
    }

    /// The same for a runtime, which preempts its tasks if there is a slicer.
    pub(super) fn configured(config: &Config, slicer: Option<Slicer>) -> Arc<Self> {
        Self::make(config.stack_size, config.pool_stacks, Guard::Marker, slicer)
    }

    pub(super) fn with_guard(stack_size: usize, guard: Guard) -> Arc<Self> {
        Self::make(stack_size, true, guard, None)
    }

    fn make(stack_size: usize, reused: bool, guard: Guard, slicer: Option<Slicer>) -> Arc<Self> {
        let geometry = Geometry::new(stack_size);
        let depot = Depot {
            ready: Vec::new(),
            discarded: Vec::new(),
            given_up: Vec::new(),
            unused: 0..0,
            slabs: Vec::new(),
            guard,
            out: 0,
            keep: None,
        };
        let ready_limit = (READY_BYTES / geometry.stack()).max(READY_MIN);
        let shared = Shared {
            geometry,
            reused,
            ready_limit,
            made: AtomicU64::new(0),
            depot: Mutex::new(depot),
        };
        Arc::new(Self { shared: Arc::new(shared), slicer })
    }

    /// Bytes of each stack. A fiber's own state takes up to 2 KiB of it.
    pub fn stack_size(&self) -> usize {
        self.shared.geometry.stack()
    }

    /// What preempts the tasks of the pool's runtime.
    #[inline]
    pub(super) fn slicer(&self) -> Option<&Slicer> {
        self.slicer.as_ref()
    }

    /// What the pool counts now.
    pub fn stats(&self) -> Stats {
        let _closed = guard();
        let depot = self.shared.depot.lock();
        let alone = if self.shared.reused { 0 } else { depot.out * self.shared.geometry.slot() };
        let mapped_bytes = depot.slabs.iter().map(Slab::bytes).sum::<usize>() + alone;
        let (ready, discarded) = (depot.ready.len(), depot.discarded.len());
        Stats {
            out: depot.out,
            ready,
            discarded,
            mapped_bytes,
            made: self.shared.made.load(Relaxed),
        }
    }

    /// Takes an idle fiber, or makes one. Not to be preempted meanwhile.
    ///
    /// # Errors
    /// What the system says when it refuses a new stack.
    #[inline]
    pub(super) fn take(&self) -> io::Result<Fiber> {
        let cached = MAGAZINES.try_with(|magazine| {
            let mut magazine = magazine.borrow_mut();
            if magazine.serves(&*self.shared) { magazine.fibers.pop() } else { None }
        });
        match cached {
            Ok(Some(parked)) => Ok(parked.into_fiber()),
            _ => self.take_slow(),
        }
    }

    #[cold]
    fn take_slow(&self) -> io::Result<Fiber> {
        if !self.shared.reused {
            return Shared::make(&self.shared);
        }
        let refilled = MAGAZINES.try_with(|magazine| {
            let mut magazine = magazine.borrow_mut();
            magazine.bind(&self.shared);
            self.shared.refill(&mut magazine.fibers, BATCH);
            magazine.fibers.pop()
        });
        let parked = match refilled {
            Ok(parked) => parked,
            // This thread is ending and has no magazine any more.
            Err(_) => {
                let mut one = Vec::new();
                self.shared.refill(&mut one, 1);
                one.pop()
            }
        };
        match parked {
            Some(parked) => Ok(parked.into_fiber()),
            None => Shared::make(&self.shared),
        }
    }
}

impl Pool {
    /// When the runtime has ended. If fibers are still outside, they may never come back.
    pub(super) fn end(&self) {
        // A runtime may be dropped in a preemptible region: whoever ran in the middle would find the
        // magazine borrowed.
        let _closed = guard();
        // Threads that end empty their magazines; this one may live on, and would keep the slabs
        // mapped.
        let _ = MAGAZINES.try_with(|magazine| {
            let mut magazine = magazine.borrow_mut();
            if magazine.serves(&*self.shared) {
                magazine.unbind();
            }
        });
        self.shared.discard_idle();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.end();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("stack_size", &self.stack_size())
            .field("stats", &self.stats())
            .finish()
    }
}

impl Shared {
    pub(super) fn geometry(&self) -> Geometry {
        self.geometry
    }

    /// Moves up to `n` ready fibers out of the depot.
    fn refill(self: &Arc<Self>, fibers: &mut Vec<Parked>, n: usize) {
        let mut depot = self.depot.lock();
        let rest = depot.ready.len().saturating_sub(n);
        let moved = depot.ready.len() - rest;
        fibers.extend(depot.ready.drain(rest..));
        depot.leave(self, moved);
    }

    /// Sets up one stack that was never used, or was discarded.
    fn make(self: &Arc<Self>) -> io::Result<Fiber> {
        let top = {
            let mut depot = self.depot.lock();
            let top = match depot.discarded.pop() {
                Some(Top(top)) => top,
                None if self.reused => depot.open(self.geometry)?,
                None => depot.map_one(self.geometry)?,
            };
            depot.leave(self, 1);
            top
        };
        self.made.fetch_add(1, Relaxed);
        count(Counter::StacksMade, 1);
        // SAFETY: the stack is in no list any more, its guard stands, and the slab stays mapped as
        // long as the fiber is counted as outside or lies in the depot.
        Ok(unsafe { Fiber::make(top, Arc::as_ptr(self)) })
    }

    /// Unmaps the stack of a fiber, which has its mapping to itself.
    fn unmap(&self, parked: Parked) {
        let top = self.geometry.top(parked.address());
        // SAFETY: the fiber was parked, is in no list, and is gone with its stack, which `map_one`
        // mapped.
        drop(unsafe { Slab::of_one(self.geometry, top) });
        let mut depot = self.depot.lock();
        let keep = depot.come_back(1);
        drop(depot);
        drop(keep);
    }

    /// Notes a fiber that will never come back.
    fn give_up(&self, fiber: Parked) {
        let mut depot = self.depot.lock();
        // A stack that is a mapping of its own just stays.
        if self.reused {
            let top = self.geometry.top(fiber.address());
            depot.given_up.push(Top(top));
        }
        let keep = depot.come_back(1);
        drop(depot);
        drop(keep);
    }

    /// Gives the memory of the depot's fibers back, if others keep the pool.
    fn discard_idle(&self) {
        let mut depot = self.depot.lock();
        if depot.out == 0 {
            return;
        }
        for parked in mem::take(&mut depot.ready) {
            let top = self.geometry.top(parked.address());
            // SAFETY: as in `restock`.
            unsafe { Slab::discard(self.geometry, top) };
            depot.discarded.push(Top(top));
        }
    }

    /// Puts fibers into the depot.
    fn restock(&self, fibers: impl ExactSizeIterator<Item = Parked>) {
        let mut depot = self.depot.lock();
        let keep = depot.come_back(fibers.len());
        for parked in fibers {
            if depot.ready.len() < self.ready_limit {
                depot.ready.push(parked);
            } else {
                let top = self.geometry.top(parked.address());
                // SAFETY: the fiber was parked, is in no list any more, and is gone with its
                // stack's contents.
                unsafe { Slab::discard(self.geometry, top) };
                depot.discarded.push(Top(top));
            }
        }
        drop(depot);
        drop(keep);
    }
}

impl Depot {
    fn leave(&mut self, shared: &Arc<Shared>, n: usize) {
        self.out += n;
        if self.out > 0 && self.keep.is_none() {
            self.keep = Some(Arc::clone(shared));
        }
    }

    /// Counts fibers that are not outside any more. With the last one goes the reference, which the
    /// caller drops when it has unlocked the depot.
    #[must_use]
    fn come_back(&mut self, n: usize) -> Option<Arc<Shared>> {
        self.out -= n;
        if self.out == 0 { self.keep.take() } else { None }
    }

    /// Opens a slot that was never used.
    fn open(&mut self, geometry: Geometry) -> io::Result<NonNull<u8>> {
        if self.unused.is_empty() {
            let slab = Slab::map(geometry, geometry.slots())?;
            self.unused = 0..slab.slots();
            self.slabs.push(slab);
        }
        let slab = self.slabs.last().expect("a slab with unused slots");
        let top = Self::guarded(&mut self.guard, slab, self.unused.start)?;
        self.unused.start += 1;
        Ok(top)
    }

    /// Maps a stack by itself, to be unmapped by `Shared::unmap`.
    fn map_one(&mut self, geometry: Geometry) -> io::Result<NonNull<u8>> {
        let slab = Slab::map(geometry, 1)?;
        let top = Self::guarded(&mut self.guard, &slab, 0)?;
        mem::forget(slab);
        Ok(top)
    }

    /// Opens a slot with the kind of guard that the kernel has.
    fn guarded(guard: &mut Guard, slab: &Slab, slot: usize) -> io::Result<NonNull<u8>> {
        let mut opened = slab.open(slot, *guard);
        if *guard == Guard::Marker && opened.is_err() {
            *guard = Guard::Protection;
            opened = slab.open(slot, *guard);
        }
        opened
    }
}

impl Drop for Depot {
    fn drop(&mut self) {
        for slab in mem::take(&mut self.slabs) {
            let kept =
                self.given_up.iter().map(|Top(top)| *top).filter(|top| slab.holds(*top)).collect();
            slab.unmap_except(kept);
        }
    }
}

/// Leaves a fiber's stack as it is, for ever.
///
/// # Safety
/// `shared` is the pool part of the fiber, which counts as outside its depot. Nobody resumes it
/// again.
pub(super) unsafe fn give_up(shared: *const Shared, fiber: Parked) {
    let _closed = guard();
    // SAFETY: the depot's own reference keeps the pool part alive while the fiber is outside.
    let shared = unsafe {
        Arc::increment_strong_count(shared);
        Arc::from_raw(shared)
    };
    shared.give_up(fiber);
}

/// Gives back a fiber.
///
/// # Safety
/// `shared` is the pool part of the parked fiber, which counts as outside its depot.
#[inline]
pub(super) unsafe fn put(shared: *const Shared, parked: Parked) {
    // By code that polls a coroutine by hand, and may be preemptible.
    // SAFETY: the caller's.
    closed(|| unsafe { put_closed(shared, parked) });
}

#[inline]
unsafe fn put_closed(shared: *const Shared, parked: Parked) {
    let mut parked = Some(parked);
    let done = MAGAZINES.try_with(|magazine| {
        let mut magazine = magazine.borrow_mut();
        if magazine.serves(shared) && magazine.fibers.len() < MAGAZINE {
            magazine.fibers.extend(parked.take());
        }
    });
    if done.is_err() || parked.is_some() {
        // SAFETY: the caller's.
        unsafe { put_slow(shared, parked) };
    }
}

/// The rest of [`put`]: the magazine is full, is another pool's, or is gone because the thread
/// ends.
#[cold]
unsafe fn put_slow(shared: *const Shared, mut parked: Option<Parked>) {
    // SAFETY: the depot's own reference keeps the pool part alive while the fiber is outside.
    let shared = unsafe {
        Arc::increment_strong_count(shared);
        Arc::from_raw(shared)
    };
    if !shared.reused {
        return parked.take().map_or((), |parked| shared.unmap(parked));
    }
    let _ = MAGAZINES.try_with(|magazine| {
        let mut magazine = magazine.borrow_mut();
        magazine.bind(&shared);
        if magazine.fibers.len() >= MAGAZINE {
            shared.restock(magazine.fibers.drain(..BATCH));
        }
        magazine.fibers.extend(parked.take());
    });
    if let Some(parked) = parked {
        shared.restock([parked].into_iter());
    }
}

thread_local! {
    static MAGAZINES: RefCell<Magazine> = const { RefCell::new(Magazine { shared: None, fibers: Vec::new() }) };
}

/// Idle fibers of one thread, all of one pool: a thread works for one runtime at a time.
struct Magazine {
    shared: Option<Arc<Shared>>,
    fibers: Vec<Parked>,
}

impl Magazine {
    #[inline]
    fn serves(&self, shared: *const Shared) -> bool {
        self.shared.as_ref().is_some_and(|own| Arc::as_ptr(own) == shared)
    }

    fn bind(&mut self, shared: &Arc<Shared>) {
        if !self.serves(Arc::as_ptr(shared)) {
            self.unbind();
            self.shared = Some(Arc::clone(shared));
            self.fibers.reserve_exact(MAGAZINE);
        }
    }

    fn unbind(&mut self) {
        if let Some(shared) = self.shared.take() {
            shared.restock(self.fibers.drain(..));
        }
    }
}

impl Drop for Magazine {
    fn drop(&mut self) {
        self.unbind();
    }
}
