//! Which direct-style code this thread is running, and how it suspends.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr;
use std::task::Waker;
use std::thread;

use super::super::fiber::{Fiber, Header};
use super::super::preempt::{self, Slot};
use super::Cancelled;
use crate::engine::count;
use crate::metrics::Counter;

/// How often code may swallow its cancellation before it is given up. A server that catches the panics of its
/// requests swallows it once or twice; more than this is a loop that catches everything.
const RAISES: u32 = 100;

thread_local! {
    /// The fiber whose direct-style code runs on this thread now. Null elsewhere, and inside a poll.
    static CURRENT: Cell<*const Header> = const { Cell::new(ptr::null()) };
}

/// What one resume carries onto the stack.
pub(super) struct Turn {
    waker: *const Waker,
    /// A `Slot` of the type that the job knows.
    slot: *mut (),
    /// The task is being dropped: unwind.
    cancelled: bool,
    raised: Cell<u32>,
    /// The resumer's thread was unwinding already, on a stack further down.
    panicking: bool,
    /// The task's name, kept by the resumer.
    name: Option<*const str>,
}

impl Turn {
    /// A turn that polls, or one that unwinds the code.
    pub(super) fn new(waker: &Waker, name: Option<&str>, slot: *mut (), cancelled: bool) -> Self {
        let name = name.map(ptr::from_ref);
        Self { waker, slot, cancelled, raised: Cell::new(0), panicking: thread::panicking(), name }
    }

    /// The task's name in this turn.
    ///
    /// # Safety
    /// As for [`slot`](Self::slot).
    pub(super) unsafe fn name(header: &Header) -> Option<&str> {
        // SAFETY: the resumer keeps its turn, and in it the name, until the fiber suspends or finishes.
        unsafe { (*header.turn().cast_const().cast::<Self>()).name.map(|name| &*name) }
    }

    /// Runs it on `fiber`, with `switch`, as this thread's current direct-style code. True: it was preempted, which only
    /// a task's whole body (`own_task`) can be.
    #[inline]
    pub(super) fn run(&self, fiber: &mut Fiber, own_task: bool, switch: impl FnOnce(&mut Fiber, *mut ())) -> bool {
        struct Restore(*const Header);
        impl Drop for Restore {
            fn drop(&mut self) {
                CURRENT.set(self.0);
            }
        }
        let _restore = Restore(CURRENT.replace(fiber.header()));
        let turn = ptr::from_ref(self).cast_mut().cast();
        let preempted = match preempt::current() {
            None => {
                switch(fiber, turn);
                false
            }
            Some(slot) => {
                let outer = slot.enter(own_task.then(|| fiber.header()));
                switch(fiber, turn);
                slot.leave(outer)
            }
        };
        count(Counter::Switches, 1);
        preempted
    }

    /// Where the closure comes from and the result goes to in this turn.
    ///
    /// # Safety
    /// `header` is that of a fiber which runs direct-style code in a turn.
    pub(super) unsafe fn slot(header: &Header) -> *mut () {
        // SAFETY: the resumer keeps its turn until the fiber suspends or finishes.
        unsafe { &*header.turn().cast_const().cast::<Self>() }.slot
    }
}

/// What is put aside while a coroutine is preempted: whether direct-style code was running on it.
pub(crate) struct Aside(*const Header);

/// For a coroutine that is preempted, before it is suspended.
pub(crate) fn put_aside() -> Aside {
    Aside(CURRENT.replace(ptr::null()))
}

/// After it was resumed.
pub(crate) fn put_back(aside: Aside) {
    CURRENT.set(aside.0);
}

/// The current direct-style code, taken out of its place: whoever is called meanwhile cannot suspend it, and nobody
/// can preempt it.
pub(super) struct Current<'a> {
    header: &'a Header,
    /// Where a guard against preemption is held.
    slot: Option<&'a Slot>,
}

impl Current<'_> {
    /// Takes the current direct-style code.
    ///
    /// # Panics
    /// When there is none on this very stack.
    #[inline(always)]
    pub(super) fn claim(function: &str) -> Self {
        let slot = preempt::current();
        // Until the value is dropped.
        slot.inspect(|_| preempt::close());
        let header = CURRENT.replace(ptr::null());
        // SAFETY: not null means that this thread is within `Turn::run` of a fiber, whose header stays.
        let current = unsafe { header.as_ref() }.map(|header| Self { header, slot });
        let here = 0u8;
        match current {
            // Another stack on top of it (a coroutine polled by hand) must not suspend it either.
            Some(current) if current.header.holds((&raw const here).addr()) => current,
            _ => {
                slot.inspect(|_| preempt::reopen());
                refuse(function)
            }
        }
    }

    /// The waker of the task, for this turn.
    #[inline(always)]
    pub(super) fn waker(&self) -> &Waker {
        // SAFETY: the resumer keeps its waker as long as its turn, and the borrow of `self` ends before the
        // code suspends.
        unsafe { &*self.turn().waker }
    }

    /// Unwinds if the task is cancelled: its code has swallowed that once, or the stack is resumed to hear it.
    #[inline(always)]
    pub(super) fn check_cancelled(&self) {
        let turn = self.turn();
        if !turn.cancelled || self.is_unwinding() {
            return;
        }
        self.raise(turn)
    }

    #[cold]
    fn raise(&self, turn: &Turn) -> ! {
        while turn.raised.get() >= RAISES {
            // The resumer sees a job that does not end, and never resumes it again.
            self.switch_away();
        }
        turn.raised.set(turn.raised.get() + 1);
        resume_unwind(Box::new(Cancelled))
    }

    /// Suspends until the task is polled again.
    #[inline(always)]
    pub(super) fn suspend(self) {
        assert!(
            !self.is_unwinding(),
            "direct-style code cannot suspend while it unwinds from a panic: a destructor called stackful::wait or \
             stackful::suspend with something that is not ready"
        );
        self.switch_away();
        self.check_cancelled();
    }

    #[inline(always)]
    fn switch_away(&self) {
        let aside = self.slot.map(Slot::put_aside);
        // SAFETY: on this fiber's stack, as `claim` checked.
        unsafe { self.header.suspend() };
        if let Some((slot, aside)) = self.slot.zip(aside) {
            slot.put_back(aside);
        }
    }

    /// Whether this code unwinds, and not only the thread below it.
    #[inline(always)]
    fn is_unwinding(&self) -> bool {
        thread::panicking() && !self.turn().panicking
    }

    #[inline(always)]
    fn turn(&self) -> &Turn {
        // SAFETY: the resumer keeps its turn until the fiber suspends or finishes.
        unsafe { &*self.header.turn().cast_const().cast::<Turn>() }
    }
}

#[cold]
fn refuse(function: &str) -> ! {
    panic!(
        "stackful::{function} was called outside direct-style code: it suspends the stack of a closure started with \
         stackful::go, and may be called by that closure and what it calls, but not by a future's poll (await there \
         instead)"
    )
}

impl Drop for Current<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        CURRENT.set(self.header);
        self.slot.inspect(|_| preempt::reopen());
    }
}
