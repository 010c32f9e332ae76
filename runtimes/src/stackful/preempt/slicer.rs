//! Time slicing of one runtime: its workers' slots, its monitor, and its share of the signal
//! handler.

use std::fmt;
use std::io;
use std::marker::PhantomData;
use std::sync::Arc;
use std::time::Duration;

use crossbeam_utils::CachePadded;

use super::alternate_stack::AlternateStack;
use super::histogram::Histogram;
use super::monitor::{self, Alarm};
use super::signal::{Installed, Unblocked};
use super::slot::{self, Slot};
use super::{safe_point, trampoline};
use crate::metrics::Block;
use crate::runtime::StartError;
use crate::sync::{Mutex, thread};

/// What the runtime and its monitor share.
pub(super) struct Shared {
    pub(super) slots: Box<[CachePadded<Slot>]>,
    pub(super) alarm: Alarm,
    pub(super) slice_ns: u64,
}

/// See the module.
pub(crate) struct Slicer {
    shared: Arc<Shared>,
    /// Until the runtime stops.
    running: Mutex<Option<Running>>,
}

struct Running {
    monitor: thread::JoinHandle<()>,
    /// After the monitor: it sends no more signals when the handler goes.
    handler: Installed,
}

/// What slicing did, by time. The numbers of signals and refusals are with the runtime's other
/// counters.
#[derive(Clone, Debug)]
pub struct SliceStats {
    /// The slice that was asked for.
    pub slice: Duration,
    /// Nanoseconds from sending a signal to the switch away from the coroutine, for each
    /// preemption.
    pub send_to_switch_ns: Histogram,
    /// Nanoseconds that the coroutine ran beyond its slice, for each preemption.
    pub overrun_ns: Histogram,
}

impl Slicer {
    /// Installs the handler and starts the monitor.
    ///
    /// # Errors
    /// Where preemption is not possible, and what the system refuses.
    pub(crate) fn start(workers: usize, slice: Duration) -> Result<Self, StartError> {
        trampoline::prepare().map_err(|why| StartError::Slicing { why })?;
        if !safe_point::find_own_code() {
            let why = "this code is part of a shared library, and only the main executable's is \
             known to be safe to preempt";
            return Err(StartError::Slicing { why });
        }
        if cfg!(target_feature = "crt-static") && !super::allocator::is_used() {
            let why = "with a statically linked C library the global allocator must be wrapped in \
             PreemptSafe";
            return Err(StartError::Slicing { why });
        }
        let os = |what| move |source: io::Error| StartError::Os { what, source };
        let alarm = Alarm::default();
        let slice_ns = slice.as_nanos().clamp(1, u128::from(u64::MAX / 4)) as u64;
        let slots = (0..workers)
            .map(|index| CachePadded::new(Slot::new(index, slice_ns, alarm.clone())))
            .collect();
        let shared = Arc::new(Shared { slots, alarm, slice_ns });
        let handler = Installed::new().map_err(os("SIGURG handler"))?;
        let monitor = thread::Builder::new()
            .name("slice-monitor".into())
            .spawn({
                let shared = shared.clone();
                move || monitor::run(&shared)
            })
            .map_err(os("monitor thread"))?;
        shared.alarm.set_monitor(monitor.thread().clone());
        Ok(Self { shared, running: Mutex::new(Some(Running { monitor, handler })) })
    }

    /// Makes the calling thread the worker with this number until the value is dropped.
    ///
    /// # Panics
    /// When the system has no memory for an alternate signal stack.
    ///
    /// # Safety
    /// Nobody else is this worker, and the calling thread is the one writer of `counters`
    /// meanwhile. The value is dropped, on this thread, before those that it was given before.
    pub(crate) unsafe fn register<'a>(
        &'a self,
        index: usize,
        counters: &'a Block,
    ) -> Registered<'a> {
        let stack = AlternateStack::install().expect("memory for an alternate signal stack");
        let slot = &*self.shared.slots[index];
        slot.set_thread(Some(counters));
        let outer = slot::set_current(slot);
        Registered { slot, outer, _unblocked: Unblocked::new(), _stack: stack, thread: PhantomData }
    }

    /// Stops the monitor and gives the handler back. The workers have stopped.
    pub(crate) fn stop(&self) {
        let Some(Running { monitor, handler }) = self.running.lock().take() else { return };
        self.shared.alarm.stop();
        // It does not panic; if it did, its message was printed.
        let _ = monitor.join();
        drop(handler);
    }

    /// What has been measured so far.
    pub(crate) fn stats(&self) -> SliceStats {
        let mut stats = SliceStats {
            slice: Duration::from_nanos(self.shared.slice_ns),
            send_to_switch_ns: Histogram::default(),
            overrun_ns: Histogram::default(),
        };
        for slot in &self.shared.slots {
            slot.latency_ns.add_to(&mut stats.send_to_switch_ns);
            slot.overrun_ns.add_to(&mut stats.overrun_ns);
        }
        stats
    }
}

impl Drop for Slicer {
    fn drop(&mut self) {
        self.stop();
    }
}

/// A worker's thread, while it runs tasks that may be preempted.
pub struct Registered<'a> {
    slot: &'a Slot,
    outer: *const Slot,
    /// Before the stack: a signal that is pending is delivered on it.
    _unblocked: Unblocked,
    _stack: AlternateStack,
    // It stays on its thread.
    thread: PhantomData<*const ()>,
}

impl fmt::Debug for Registered<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Registered").finish_non_exhaustive()
    }
}

impl Drop for Registered<'_> {
    fn drop(&mut self) {
        // From here on a signal finds no slot. One that the monitor sends meanwhile does no harm.
        slot::set_current(self.outer);
        self.slot.set_thread(None);
        // Another runtime's worker, in one of whose tasks this one was dropped.
        slot::current().inspect(|outer| outer.is_back());
    }
}
