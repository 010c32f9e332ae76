//! Whether a coroutine can be preempted at the instruction where the signal found it.

use std::ffi::c_int;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::thread;

use super::trampoline::{self, Interrupted};
use crate::metrics::Counter;
use crate::sync::no_preempt;

/// Room that the interrupted stack must have left at least, in bytes: the red zone, the registers,
/// and the frames of the suspension, which unoptimised are some 2 KiB.
const ROOM: usize = 6 * 1024;

/// The same without the floating-point registers, whose size depends on the processor.
const ROOM_FOR_FRAMES: usize = 4 * 1024;

/// Why the handler did not preempt.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// No region is open, or another signal has taken the slice.
    NoRegion,
    /// The signal was meant for a slice that is over.
    Stale,
    /// A `NoPreempt` is held.
    Guarded,
    /// In a shared library, the kernel's shared code, or the trampoline.
    ForeignCode,
    /// On a stack that is not the task's own.
    ForeignStack,
    /// Too little of the stack is left.
    LowStack,
    /// The thread unwinds.
    Panicking,
    /// The processor has state in use that the trampoline does not save.
    Registers,
}

impl Refusal {
    pub(super) fn counter(self) -> Counter {
        match self {
            Self::NoRegion => Counter::RefusedNoRegion,
            Self::Stale => Counter::RefusedStale,
            Self::Guarded => Counter::RefusedGuarded,
            Self::ForeignCode => Counter::RefusedForeignCode,
            Self::ForeignStack => Counter::RefusedForeignStack,
            Self::LowStack => Counter::RefusedLowStack,
            Self::Panicking => Counter::RefusedPanicking,
            Self::Registers => Counter::RefusedRegisters,
        }
    }
}

/// Everything that the interrupted instruction itself decides. Async-signal-safe.
pub(super) fn check(interrupted: &Interrupted<'_>, stack: Range<usize>) -> Result<(), Refusal> {
    if no_preempt::is_closed() {
        return Err(Refusal::Guarded);
    }
    if !is_own_code(interrupted.instruction()) {
        return Err(Refusal::ForeignCode);
    }
    let pointer = interrupted.stack_pointer();
    if !stack.contains(&pointer) {
        return Err(Refusal::ForeignStack);
    }
    if pointer - stack.start < ROOM.max(ROOM_FOR_FRAMES + trampoline::registers_bytes()) {
        return Err(Refusal::LowStack);
    }
    if thread::panicking() {
        return Err(Refusal::Panicking);
    }
    if !interrupted.registers_can_be_saved() {
        return Err(Refusal::Registers);
    }
    Ok(())
}

/// The executable's own code. Written before the handler is installed.
static CODE_START: AtomicUsize = AtomicUsize::new(0);
static CODE_END: AtomicUsize = AtomicUsize::new(0);

fn is_own_code(address: usize) -> bool {
    #[cfg(test)]
    if super::tests::RULES_OFF.load(Relaxed) {
        return true;
    }
    (CODE_START.load(Relaxed)..CODE_END.load(Relaxed)).contains(&address)
        && !trampoline::holds(address)
}

/// Finds the executable's code: the segment of the main program that holds this very function.
/// False: this code is part of a shared library.
pub(super) fn find_own_code() -> bool {
    unsafe extern "C" fn look(
        info: *mut libc::dl_phdr_info,
        _: usize,
        found: *mut libc::c_void,
    ) -> c_int {
        // SAFETY: the loader passes one object's description, valid during the call, with that many
        // headers.
        let (base, headers) = unsafe {
            let info = &*info;
            (
                info.dlpi_addr as usize,
                std::slice::from_raw_parts(info.dlpi_phdr, info.dlpi_phnum.into()),
            )
        };
        for header in headers {
            let start = base.wrapping_add(header.p_vaddr as usize);
            let segment = start..start.wrapping_add(header.p_memsz as usize);
            let code = header.p_type == libc::PT_LOAD && header.p_flags & libc::PF_X != 0;
            if code && segment.contains(&(find_own_code as fn() -> bool as usize)) {
                CODE_START.store(segment.start, Relaxed);
                CODE_END.store(segment.end, Relaxed);
                // SAFETY: `find_own_code` passes its own flag.
                unsafe { *found.cast::<bool>() = true };
            }
        }
        // The first object is the main program, and only that is asked for.
        1
    }
    let mut found = false;
    // SAFETY: `look` keeps to what the loader promises, and the flag outlives the call.
    unsafe { libc::dl_iterate_phdr(Some(look), (&raw mut found).cast()) };
    found
}
