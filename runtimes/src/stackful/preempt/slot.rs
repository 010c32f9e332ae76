//! What the handler and the monitor know of one worker: which coroutine runs, whether in a region,
//! since when.

use std::cell::Cell;
use std::ptr;
use std::task::Waker;

use rustix::process::Pid;

use super::super::direct;
use super::super::fiber::Header;
use super::histogram::Recorder;
use super::monitor::{self, Alarm, now_ns};
use super::safe_point;
use super::trampoline::Interrupted;
use super::words::Words;
use crate::metrics::{Block, Counter};
use crate::sync::no_preempt;
use crate::task;

thread_local! {
    /// The slot of the worker that runs on this thread, if its runtime slices.
    static CURRENT: Cell<*const Slot> = const { Cell::new(ptr::null()) };
}

/// The slot of the calling thread.
#[inline]
pub(crate) fn current<'a>() -> Option<&'a Slot> {
    // SAFETY: whoever sets it keeps the slot alive until it is null again (`Registered`), and code
    // that runs on a worker's thread while it is set does not outlive the worker.
    unsafe { CURRENT.get().as_ref() }
}

/// Makes `slot` the calling thread's, and returns the former one.
pub(super) fn set_current(slot: *const Slot) -> *const Slot {
    no_preempt::set_sliced(!slot.is_null());
    CURRENT.replace(slot)
}

/// See the module. Cells belong to the worker's thread and the handlers that interrupt it.
pub(crate) struct Slot {
    /// The worker's number.
    index: usize,
    /// The coroutine that may be preempted: the body of the running task. Null between tasks, and
    /// on other stacks.
    fiber: Cell<*const Header>,
    /// Addresses of that coroutine's stack.
    lowest: Cell<usize>,
    highest: Cell<usize>,
    /// Open regions of the running coroutine.
    open: Cell<u32>,
    /// This turn's slice; 0 until the turn opens a region.
    slice: Cell<u64>,
    last_slice: Cell<u64>,
    /// Set by the coroutine when it is suspended by force; cleared by its resumer.
    preempted: Cell<bool>,

    /// What it shares with the monitor. The recipient is the thread, while one is registered, and
    /// its counters.
    words: Words<(Pid, *const Block)>,
    /// The same counters, for the handler.
    counters: Cell<*const Block>,
    pub(super) alarm: Alarm,
    slice_ns: u64,
    /// From the monitor's `tgkill` to the switch.
    pub(super) latency_ns: Recorder,
    /// How much longer than a slice the coroutine ran.
    pub(super) overrun_ns: Recorder,
}

/// After a turn of a task that was preempted, or that had been: keeps the task on this worker, due
/// to run, or lets it go.
///
/// # Safety
/// `waker` is that of the engine's task that this thread, a worker, is polling, and the coroutine
/// is its whole body.
pub(crate) unsafe fn mark_or_clear(waker: &Waker, preempted: bool) {
    match current() {
        Some(slot) if preempted => {
            // SAFETY: the caller's.
            unsafe { task::mark_preempted(waker, slot.index) };
            waker.wake_by_ref();
        }
        // SAFETY: the caller's.
        _ => unsafe { task::clear_preempted(waker) },
    }
}

// SAFETY: cells are touched on the registered thread alone (by its code and by handlers that
// interrupt it), one thread at a time; the pointer in `words` is valid while it is there and only
// used while it cannot go.
unsafe impl Send for Slot {}
// SAFETY: as above; everything else is atomic or locked.
unsafe impl Sync for Slot {}

/// What of the slot belongs to a coroutine that is not running.
pub(crate) struct Aside {
    open: u32,
    guards: no_preempt::Aside,
}

impl Aside {
    /// For a coroutine that is resumed where nothing is preempted: puts back what does not belong
    /// to a slot.
    pub(crate) fn put_back_without_slot(&self) {
        no_preempt::put_back(&self.guards);
    }
}

/// What of the slot belongs to the resumer of a coroutine while that runs.
pub(crate) struct Outer {
    fiber: *const Header,
    bounds: (usize, usize),
    slice: u64,
    started_ns: u64,
    aside: Aside,
}

impl Slot {
    pub(super) fn new(index: usize, slice_ns: u64, alarm: Alarm) -> Self {
        Self {
            index,
            fiber: Cell::new(ptr::null()),
            lowest: Cell::new(0),
            highest: Cell::new(0),
            open: Cell::new(0),
            slice: Cell::new(0),
            last_slice: Cell::new(0),
            preempted: Cell::new(false),
            words: Words::new(),
            counters: Cell::new(ptr::null()),
            alarm,
            slice_ns,
            latency_ns: Recorder::new(),
            overrun_ns: Recorder::new(),
        }
    }

    /// Registers the calling thread, or takes it off. `counters` stay valid until it is off again.
    pub(super) fn set_thread(&self, counters: Option<&Block>) {
        let counters = counters.map(ptr::from_ref);
        self.words.set_recipient(counters.map(|counters| (rustix::thread::gettid(), counters)));
        self.counters.set(counters.unwrap_or(ptr::null()));
    }

    /// Another slot was the thread's for a while: a signal for this one may have been taken there.
    pub(super) fn is_back(&self) {
        self.words.forget_signal();
    }

    // What the worker's own code does. Between two of its steps a handler may run: nothing is armed
    // unless all the cells are right.

    #[inline]
    pub(super) fn open(&self) {
        let open = self.open.get();
        self.open.set(open + 1);
        if open == 0 {
            self.arm();
        }
    }

    #[inline]
    pub(super) fn close(&self) {
        // The region was opened in another slot if a coroutine polled by hand has come to this one.
        let open = self.open.get().saturating_sub(1);
        if open == 0 {
            self.words.disarm();
        }
        self.open.set(open);
    }

    fn arm(&self) {
        if self.fiber.get().is_null() {
            return;
        }
        if self.slice.get() == 0 {
            let slice = self.last_slice.get() + 1;
            self.last_slice.set(slice);
            self.slice.set(slice);
            self.words.set_started_ns(now_ns());
            self.count(Counter::Slices);
        }
        self.words.arm(self.slice.get());
        self.alarm.ring();
    }

    /// Puts aside what belongs to the running coroutine, which is about to suspend.
    #[inline]
    pub(crate) fn put_aside(&self) -> Aside {
        self.words.disarm();
        Aside { open: self.open.replace(0), guards: no_preempt::put_aside() }
    }

    /// Puts it back after the coroutine was resumed.
    #[inline]
    pub(crate) fn put_back(&self, aside: Aside) {
        self.open.set(aside.open);
        no_preempt::put_back(&aside.guards);
        if aside.open != 0 {
            self.arm();
        }
    }

    /// Begins a turn of `fiber`, which may be preempted, or of another coroutine (`None`), which
    /// may not.
    pub(crate) fn enter(&self, fiber: Option<&Header>) -> Outer {
        let aside = self.put_aside();
        let bounds = fiber.map_or((0, 0), Header::bounds);
        let fiber = fiber.map_or(ptr::null(), ptr::from_ref);
        Outer {
            aside,
            fiber: self.fiber.replace(fiber),
            bounds: (self.lowest.replace(bounds.0), self.highest.replace(bounds.1)),
            slice: self.slice.replace(0),
            started_ns: self.words.started_ns(),
        }
    }

    /// Ends the turn. True: the coroutine was preempted.
    pub(crate) fn leave(&self, outer: Outer) -> bool {
        self.words.disarm();
        self.fiber.set(outer.fiber);
        self.lowest.set(outer.bounds.0);
        self.highest.set(outer.bounds.1);
        self.slice.set(outer.slice);
        self.words.set_started_ns(outer.started_ns);
        self.put_back(outer.aside);
        self.preempted.take()
    }

    /// Suspends the running coroutine by force, and returns when it is resumed.
    ///
    /// # Safety
    /// Called by the trampoline on the coroutine's stack, after `interrupt` accepted.
    pub(super) unsafe fn switch_away(&self) {
        let now = now_ns();
        self.latency_ns.record(now.saturating_sub(self.words.sent_ns()));
        self.overrun_ns.record(now.saturating_sub(self.words.started_ns() + self.slice_ns));
        let aside = self.put_aside();
        let direct = direct::put_aside();
        self.preempted.set(true);
        // SAFETY: the handler saw this very coroutine running, on whose stack the caller is.
        unsafe { (*self.fiber.get()).suspend() };
        direct::put_back(direct);
        self.put_back(aside);
    }

    // What the handler does.

    /// Decides whether to preempt what was interrupted, and diverts it.
    pub(super) fn interrupt(&self, mut interrupted: Interrupted<'_>) {
        self.count(Counter::SignalsDelivered);
        let taken = self
            .words
            .take(|| safe_point::check(&interrupted, self.lowest.get()..self.highest.get()));
        match taken {
            Ok(()) => {
                self.count(Counter::Preemptions);
                interrupted.divert();
            }
            Err(refusal) => self.count(refusal.counter()),
        }
    }

    fn count(&self, counter: Counter) {
        // SAFETY: set while the thread is registered, and valid for as long. This thread is the
        // writer of these counters: the ones that the handler counts are counted by nobody else.
        if let Some(counters) = unsafe { self.counters.get().as_ref() } {
            counters.add(counter, 1);
        }
    }

    // What the monitor does.

    /// The slice that may be preempted now, and when it began.
    pub(super) fn running(&self) -> Option<(u64, u64)> {
        self.words.running()
    }

    /// Sends the signal for `slice`, unless one is on its way.
    pub(super) fn signal(&self, slice: u64) {
        self.words.send(slice, now_ns(), |(thread, counters)| {
            let sent = monitor::tgkill(thread);
            if sent {
                // SAFETY: valid while it is there, and this thread is the only one that counts
                // signals sent.
                unsafe { &*counters }.add(Counter::SignalsSent, 1);
            }
            sent
        });
    }
}

#[cfg(all(test, target_arch = "x86_64"))]
#[path = "tests/refusals.rs"]
mod refusals;
