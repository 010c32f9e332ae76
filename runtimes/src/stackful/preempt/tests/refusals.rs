//! What the handler decides about an interrupted instruction, and what it counts: on registers of
//! our making, because one of the states (AMX tiles in use) needs a processor that few have.

use std::mem;

use super::super::NoPreempt;
use super::super::trampoline;
use super::*;

/// The slice that the worker is in.
const SLICE: u64 = 7;

const STACK_BYTES: usize = 64 * 1024;

/// The bit of AMX tile data among the state components.
const TILES: u64 = 1 << 18;

/// What a signal interrupts.
#[derive(Clone, Copy)]
struct NextTask {
    /// The slice that it was sent for.
    target: u64,
    instruction: usize,
    /// Bytes from the lowest address of the stack to the stack pointer.
    left: usize,
    /// State components in use.
    components: u64,
}

/// A worker in a region, and memory for the stack of its coroutine.
struct Bed {
    slot: Slot,
    stack: Vec<u8>,
}

impl Bed {
    /// The handler runs. Returns where the thread goes on.
    fn interrupt(&mut self, found: NextTask) -> usize {
        let lowest = self.stack.as_mut_ptr().expose_provenance();
        self.slot.lowest.set(lowest);
        self.slot.highest.set(lowest + STACK_BYTES);
        self.slot.words.arm(SLICE);
        self.slot.words.send(found.target, 1, |_| true);
        // The kernel's XSAVE area: the header after 512 bytes begins with the components.
        let mut area = [0u64; 128];
        area[64] = found.components;
        // SAFETY: numbers and pointers, for which zero is a value.
        let mut context: libc::ucontext_t = unsafe { mem::zeroed() };
        context.uc_mcontext.gregs[libc::REG_RIP as usize] = found.instruction as i64;
        context.uc_mcontext.gregs[libc::REG_RSP as usize] = (lowest + found.left) as i64;
        context.uc_mcontext.fpregs = area.as_mut_ptr().cast();
        // SAFETY: what a handler gets: a context that is this call's alone, with an XSAVE area.
        let interrupted = unsafe { Interrupted::new((&raw mut context).cast()) };
        self.slot.interrupt(interrupted.expect("this processor has a trampoline"));
        context.uc_mcontext.gregs[libc::REG_RIP as usize] as usize
    }
}

#[test]
fn each_refusal_is_counted_as_what_it_is() {
    trampoline::prepare().unwrap();
    assert!(safe_point::find_own_code());
    let counters = Block::new();
    let mut bed = Bed { slot: Slot::new(0, 1, Alarm::default()), stack: vec![0; STACK_BYTES] };
    bed.slot.set_thread(Some(&counters));

    let own = each_refusal_is_counted_as_what_it_is as fn() as usize;
    let fine =
        NextTask { target: SLICE, instruction: own, left: STACK_BYTES / 2, components: 0b111 };
    let diverted = bed.interrupt(fine);
    assert!(trampoline::holds(diverted));
    assert_eq!(counters.get(Counter::Preemptions), 1);

    let foreign = libc::getpid as unsafe extern "C" fn() -> libc::pid_t as usize;
    let refused = [
        (Counter::RefusedStale, NextTask { target: SLICE - 1, ..fine }),
        (Counter::RefusedForeignCode, NextTask { instruction: foreign, ..fine }),
        (Counter::RefusedForeignCode, NextTask { instruction: diverted, ..fine }),
        (Counter::RefusedForeignStack, NextTask { left: STACK_BYTES, ..fine }),
        (Counter::RefusedLowStack, NextTask { left: 6 * 1024 - 1, ..fine }),
        (Counter::RefusedRegisters, NextTask { components: fine.components | TILES, ..fine }),
    ];
    for (counter, found) in refused {
        let before = counters.get(counter);
        assert_eq!(
            bed.interrupt(found),
            found.instruction,
            "{}: it goes on as if nothing were",
            counter.name()
        );
        assert_eq!(counters.get(counter), before + 1, "{}", counter.name());
    }
    let guard = NoPreempt::new();
    assert_eq!(bed.interrupt(fine), own);
    assert_eq!(counters.get(Counter::RefusedGuarded), 1);
    drop(guard);

    assert_eq!(
        (counters.get(Counter::SignalsDelivered), counters.get(Counter::Preemptions)),
        (8, 1)
    );
    bed.slot.set_thread(None);
}
