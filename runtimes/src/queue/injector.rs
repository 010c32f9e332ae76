//! A multi-producer queue that is emptied as a whole: a Treiber stack through the tasks' own links.
//!
//! Producers push with one compare-and-swap and no allocation. The consumer takes the whole stack
//! with one swap and reverses it, so tasks leave in the order in which they came. Nobody ever pops
//! a single node, so there is no ABA problem.

use std::collections::VecDeque;
use std::ptr::{self, NonNull};

use crate::sync::atomic::{
    AtomicPtr,
    Ordering::{Acquire, Relaxed, Release},
};
use crate::sync::pause;
use crate::task::{Header, Runnable};

/// See the module.
#[derive(Debug)]
pub struct Injector {
    head: AtomicPtr<Header>,
}

impl Default for Injector {
    fn default() -> Self {
        Self::new()
    }
}

impl Injector {
    /// An empty queue.
    pub fn new() -> Self {
        Self { head: AtomicPtr::new(ptr::null_mut()) }
    }

    /// Whether a look now finds nothing.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.head.load(Relaxed).is_null()
    }

    /// Adds a task, from any thread.
    pub fn push(&self, task: Runnable) {
        let node = task.into_raw();
        let mut head = self.head.load(Relaxed);
        loop {
            // SAFETY: the duty to run the task, which this thread owns, includes its link, and
            // keeps it alive.
            unsafe { *node.as_ref().link.get() = head };
            // Release publishes the link and the task to the Acquire swap in `take`. A failed
            // exchange reads nothing but the pointer.
            match self.head.compare_exchange_weak(head, node.as_ptr(), Release, Relaxed) {
                Ok(_) => return,
                Err(actual) => head = actual,
            }
        }
    }

    /// Takes every task, oldest first, and hands each to `each`.
    pub fn take(&self, mut each: impl FnMut(Runnable)) {
        // Acquire pairs with the Release in `push`: each push is a read-modify-write, so the newest
        // head's release sequence covers all of them.
        let mut newest = self.head.swap(ptr::null_mut(), Acquire);
        let mut oldest = ptr::null_mut::<Header>();
        while let Some(node) = NonNull::new(newest) {
            // SAFETY: the swap made this thread the owner of the whole chain.
            let link = unsafe { node.as_ref() }.link.get();
            // SAFETY: as above; each link is read, then turned round.
            unsafe {
                newest = *link;
                *link = oldest;
            }
            oldest = node.as_ptr();
        }
        // Drops, and so cancels, what is left when `each` panics.
        let mut taken = Taken(oldest);
        while let Some(task) = taken.pop() {
            each(task);
        }
    }

    /// Takes every task, oldest first, to the end of `queue`.
    pub fn take_into(&self, queue: &mut VecDeque<Runnable>) {
        if !self.is_empty() {
            self.take(|task| queue.push_back(task));
        }
    }
}

/// What a consumer took and has not handed on yet: the oldest, and through the links all that came
/// later.
struct Taken(*mut Header);

impl Taken {
    #[inline]
    fn pop(&mut self) -> Option<Runnable> {
        let node = NonNull::new(self.0)?;
        // SAFETY: the chain is this thread's; the link is read before the task is given away.
        self.0 = unsafe { *node.as_ref().link.get() };
        // SAFETY: the node came from `Runnable::into_raw` in `push`.
        Some(unsafe { Runnable::from_raw(node) })
    }
}

impl Drop for Taken {
    #[inline]
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

/// One worker's look at an [`Injector`] when it has nothing else to do.
///
/// Who takes tasks as fast as another thread pushes them gets few at a time, and both are busy
/// fetching one cache line from each other. So when the next tasks are there as soon as a small
/// batch is done, they are left to gather for a moment.
#[derive(Debug)]
pub struct InjectorBatcher {
    last: u32,
}

impl Default for InjectorBatcher {
    fn default() -> Self {
        Self { last: u32::MAX }
    }
}

impl InjectorBatcher {
    /// A batch this small is followed by a pause of `GATHER` spins, about a microsecond.
    const SMALL: u32 = 16;
    const GATHER: u32 = 64;

    /// Takes the tasks, the oldest first.
    #[inline]
    pub fn take(&mut self, injector: &Injector, mut each: impl FnMut(Runnable)) {
        if injector.is_empty() {
            self.last = u32::MAX;
            return;
        }
        if self.last < Self::SMALL {
            (0..Self::GATHER).for_each(|_| pause());
        }
        self.last = 0;
        injector.take(|task| {
            self.last += 1;
            each(task);
        });
    }
}

impl Drop for Injector {
    fn drop(&mut self) {
        self.take(drop);
    }
}
