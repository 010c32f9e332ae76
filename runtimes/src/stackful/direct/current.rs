//! Which direct-style code this thread is running, and how it suspends.

use std::cell::Cell;
use std::panic::resume_unwind;
use std::ptr;
use std::task::Waker;
use std::thread;

use super::super::fiber::{Fiber, Header};
use super::super::preempt::{self, Slot};
use super::Cancelled;
use crate::metrics::{Counter, count};
use crate::sync::{no_preempt, unsuspended};

/// How often code may swallow its cancellation before it is given up. A server that catches the
/// panics of its requests swallows it once or twice; more than this is a loop that catches
/// everything.
const RAISES: u32 = 100;

/// How often code that unwinds may try to suspend in one turn. Destructors try a few times; more
/// than this is a loop that would never end.
const REFUSALS: u32 = 1 << 20;

/// What one resume carries onto the stack.
pub(super) struct Turn {
    waker: *const Waker,
    /// A `Slot` of the type that the job knows.
    slot: *mut (),
    /// The task is being dropped: unwind.
    cancelled: bool,
    raised: Cell<u32>,
    /// How often it was not suspended because it unwinds.
    refused: Cell<u32>,
    /// The resumer's thread was unwinding already, on a stack further down.
    panicking: bool,
    /// The task's name, kept by the resumer.
    name: Option<*const str>,
}

impl Turn {
    /// A turn that polls, or one that unwinds the code.
    pub(super) fn new(waker: &Waker, name: Option<&str>, slot: *mut (), cancelled: bool) -> Self {
        let name = name.map(ptr::from_ref);
        let (raised, refused) = (Cell::new(0), Cell::new(0));
        Self { waker, slot, cancelled, raised, refused, panicking: thread::panicking(), name }
    }

    /// The task's name in this turn.
    ///
    /// # Safety
    /// As for [`slot`](Self::slot).
    pub(super) unsafe fn name(header: &Header) -> Option<&str> {
        // SAFETY: the resumer keeps its turn, and in it the name, until the fiber suspends or
        // finishes.
        unsafe { (*header.turn().cast_const().cast::<Self>()).name.map(|name| &*name) }
    }

    /// Runs it on `fiber`, with `switch`, as this thread's current direct-style code. True: it was
    /// preempted, which only a task's whole body (`own_task`) can be.
    #[inline]
    pub(super) fn run(
        &self,
        fiber: &mut Fiber,
        own_task: bool,
        switch: impl FnOnce(&mut Fiber, *mut ()),
    ) -> bool {
        struct Restore(*const ());
        impl Drop for Restore {
            fn drop(&mut self) {
                unsuspended::replace(self.0);
            }
        }
        let _restore = Restore(unsuspended::replace(ptr::from_ref(fiber.header()).cast()));
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
pub(crate) struct Aside(*const ());

/// For a coroutine that is preempted, before it is suspended.
pub(crate) fn put_aside() -> Aside {
    Aside(unsuspended::replace(ptr::null()))
}

/// After it was resumed.
pub(crate) fn put_back(aside: Aside) {
    unsuspended::replace(aside.0);
}

/// The current direct-style code, taken out of its place: whoever is called meanwhile cannot
/// suspend it, and nobody can preempt it.
pub(super) struct Current<'a> {
    header: &'a Header,
    /// A guard against preemption is held.
    closed: bool,
}

impl Current<'_> {
    /// Takes the current direct-style code.
    ///
    /// # Panics
    /// When there is none on this very stack.
    #[inline(always)]
    pub(super) fn claim(function: &str) -> Self {
        let closed = no_preempt::is_sliced();
        if closed {
            // Until the value is dropped.
            no_preempt::close();
        }
        let header: *const Header = unsuspended::current().cast();
        let here = 0u8;
        // SAFETY: not null means that this thread is within `Turn::run` of a fiber, whose header
        // stays.
        match unsafe { header.as_ref() } {
            // Another stack on top of it (a coroutine polled by hand) must not suspend it either.
            Some(header) if header.holds((&raw const here).addr()) => {
                unsuspended::replace(ptr::null());
                Self { header, closed }
            }
            _ => {
                if closed {
                    no_preempt::reopen();
                }
                refuse(function)
            }
        }
    }

    /// The waker of the task, for this turn.
    #[inline(always)]
    pub(super) fn waker(&self) -> &Waker {
        // SAFETY: the resumer keeps its waker as long as its turn, and the borrow of `self` ends
        // before the code suspends.
        unsafe { &*self.turn().waker }
    }

    /// Unwinds if the task is cancelled: its code has swallowed that once, or the stack is resumed
    /// to hear it.
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
        if self.is_unwinding() {
            self.give_up_or_panic();
        }
        self.switch_away();
        self.check_cancelled();
    }

    /// The same. False, and nothing happens, where the code unwinds.
    #[inline(always)]
    pub(super) fn try_suspend(self) -> bool {
        if self.is_unwinding() {
            self.count_refusal();
            return false;
        }
        self.switch_away();
        self.check_cancelled();
        true
    }

    #[cold]
    fn count_refusal(&self) {
        let refused = &self.turn().refused;
        refused.set(refused.get() + 1);
        if refused.get() > REFUSALS {
            self.give_up_or_panic();
        }
    }

    /// Code that unwinds wants to suspend, and has no way to be told that it cannot but this.
    #[cold]
    fn give_up_or_panic(&self) -> ! {
        let turn = self.turn();
        // Code that has caught so many of these is not within a destructor that an unwinding thread
        // calls: there the first one ended the process.
        while turn.cancelled && turn.raised.get() >= RAISES {
            self.switch_away();
        }
        turn.raised.set(turn.raised.get() + u32::from(turn.cancelled));
        panic!(
            "direct-style code cannot suspend while it unwinds (from a panic, or because its task \
             was aborted): a \
             destructor called stackful::wait with something that is not ready; call \
             stackful::try_wait there"
        )
    }

    #[inline(always)]
    fn switch_away(&self) {
        let aside = preempt::current().map(Slot::put_aside);
        // SAFETY: on this fiber's stack, as `claim` checked.
        unsafe { self.header.suspend() };
        if let Some(aside) = aside {
            // Asked for anew: code that is polled by hand may be resumed under another runtime, or
            // under none.
            match preempt::current() {
                Some(slot) => slot.put_back(aside),
                None => aside.put_back_without_slot(),
            }
        }
    }

    /// Whether this code unwinds, and not only the thread below it. (If both may, it does once it
    /// was told to.)
    #[inline(always)]
    pub(super) fn is_unwinding(&self) -> bool {
        thread::panicking() && {
            let turn = self.turn();
            !turn.panicking || turn.raised.get() != 0
        }
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
        "stackful::{function} was called outside direct-style code: it suspends the stack of a \
         closure started with \
         stackful::go, and may be called by that closure and what it calls, but not by a future's \
         poll (await there \
         instead), nor within block_on or the end of a runtime"
    )
}

impl Drop for Current<'_> {
    #[inline(always)]
    fn drop(&mut self) {
        unsuspended::replace(ptr::from_ref(self.header).cast());
        if self.closed {
            no_preempt::reopen();
        }
    }
}
