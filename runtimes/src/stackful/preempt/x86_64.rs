//! What the handler reads and edits of the interrupted registers, and the trampoline that it
//! diverts to.
//!
//! ```text
//!   interrupted code's frames
//! +---------------------------+ <- RSP when the signal came
//! | red zone, 128 bytes       |    leaf functions use it without moving RSP
//! +---------------------------+
//! | interrupted RIP           | <- RSP at the trampoline's first instruction (written by the handler)
//! +---------------------------+
//! | flags, RAX ... R11, RBP   |    what a call does not preserve, and the trampoline's frame pointer
//! +---------------------------+ <- RBP
//! | XSAVE area, aligned to 64 |    x87, SSE, AVX, AVX-512 and their control registers
//! +---------------------------+
//! | frames of `preempted`     |    which suspends the coroutine, and returns when it is resumed
//! ```
//!
//! RBX and R12 to R15 need no slot: the called function preserves them. The segment bases belong to
//! the thread, which stays the same. Shadow stacks (CET) are not supported; Linux enables them only
//! for programs built for them.

use std::arch::global_asm;
use std::arch::x86_64::{__cpuid, __cpuid_count};
use std::marker::PhantomData;
use std::ptr;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};

use super::{signal, slot};

/// State components by their bits in XCR0: x87, SSE, AVX, and the three of AVX-512. Not the
/// protection keys, which are the thread's, and not AMX, whose 8 KiB do not fit small stacks.
const SAVED: u64 = 0b1110_0111;

/// The component of AMX tile data.
const TILES: u64 = 1 << 18;

const RED_ZONE: usize = 128;

/// Bits of `SAVED` that this processor and kernel have.
static STAMPEDE_XSAVE_MASK: AtomicU64 = AtomicU64::new(0);

/// Bytes of the XSAVE area, a multiple of 64.
static STAMPEDE_XSAVE_BYTES: AtomicUsize = AtomicUsize::new(0);

global_asm!(
    ".pushsection .text.stampede_preempt, \"ax\", @progbits",
    ".balign 16",
    ".hidden stampede_preempt_trampoline",
    ".globl stampede_preempt_trampoline",
    ".type stampede_preempt_trampoline, @function",
    "stampede_preempt_trampoline:",
    ".cfi_startproc",
    // There is no caller: unwinders stop here.
    ".cfi_undefined rip",
    "pushfq",
    "push rax",
    "push rcx",
    "push rdx",
    "push rsi",
    "push rdi",
    "push r8",
    "push r9",
    "push r10",
    "push r11",
    "push rbp",
    "mov rbp, rsp",
    // What functions may rely on when they are called.
    "cld",
    "sub rsp, [rip + {bytes}]",
    "and rsp, -64",
    // XSAVE leaves the rest of the header as it is, and XRSTOR faults if it is not zero.
    "xor eax, eax",
    "mov [rsp + 512], rax",
    "mov [rsp + 520], rax",
    "mov [rsp + 528], rax",
    "mov [rsp + 536], rax",
    "mov [rsp + 544], rax",
    "mov [rsp + 552], rax",
    "mov [rsp + 560], rax",
    "mov [rsp + 568], rax",
    "mov eax, [rip + {mask}]",
    "mov edx, [rip + {mask} + 4]",
    "xsave64 [rsp]",
    // Functions expect an empty x87 stack (it is not, in MMX code) and the default rounding.
    "fninit",
    "ldmxcsr [rip + 2f]",
    "call {preempted}",
    "mov eax, [rip + {mask}]",
    "mov edx, [rip + {mask} + 4]",
    "xrstor64 [rsp]",
    "mov rsp, rbp",
    "pop rbp",
    "pop r11",
    "pop r10",
    "pop r9",
    "pop r8",
    "pop rdi",
    "pop rsi",
    "pop rdx",
    "pop rcx",
    "pop rax",
    "popfq",
    "ret {red_zone}",
    ".balign 4",
    "2: .long 0x1f80",
    ".cfi_endproc",
    ".hidden stampede_preempt_trampoline_end",
    ".globl stampede_preempt_trampoline_end",
    "stampede_preempt_trampoline_end:",
    ".size stampede_preempt_trampoline, . - stampede_preempt_trampoline",
    ".popsection",
    preempted = sym preempted,
    mask = sym STAMPEDE_XSAVE_MASK,
    bytes = sym STAMPEDE_XSAVE_BYTES,
    red_zone = const RED_ZONE,
);

unsafe extern "C" {
    static stampede_preempt_trampoline: u8;
    static stampede_preempt_trampoline_end: u8;
}

/// Suspends the coroutine that was interrupted; returns when it is resumed, on the same thread.
extern "C" fn preempted() {
    let errno = signal::errno();
    let slot = slot::current().expect("the handler found a slot on this thread");
    // SAFETY: this is the trampoline's call, on the stack that the handler judged.
    unsafe { slot.switch_away() };
    signal::set_errno(errno);
}

/// The registers of the code that a signal interrupted.
pub(super) struct Interrupted<'a>(*mut libc::ucontext_t, PhantomData<&'a mut libc::ucontext_t>);

impl Interrupted<'_> {
    /// # Safety
    /// `context` is what the kernel passed to a signal handler, which has not returned.
    pub(super) unsafe fn new(context: *mut libc::c_void) -> Option<Self> {
        Some(Self(context.cast(), PhantomData))
    }

    fn register(&mut self, number: libc::c_int) -> &mut i64 {
        // SAFETY: the context is valid and this value's alone, by the promise of `new`.
        unsafe { &mut (*self.0).uc_mcontext.gregs[number as usize] }
    }

    fn read(&self, number: libc::c_int) -> usize {
        // SAFETY: as above.
        (unsafe { (*self.0).uc_mcontext.gregs[number as usize] }) as usize
    }

    pub(super) fn instruction(&self) -> usize {
        self.read(libc::REG_RIP)
    }

    pub(super) fn stack_pointer(&self) -> usize {
        self.read(libc::REG_RSP)
    }

    /// Whether all floating-point and vector state in use is among what the trampoline saves.
    pub(super) fn registers_can_be_saved(&self) -> bool {
        // SAFETY: as above. The kernel's frame holds an XSAVE area here, whose header at byte 512
        // begins with the components that are in use; `prepare` has seen that the processor has
        // XSAVE.
        let in_use = unsafe {
            let area = (*self.0).uc_mcontext.fpregs.cast::<u8>();
            if area.is_null() { 0 } else { ptr::read_unaligned(area.add(512).cast::<u64>()) }
        };
        in_use & TILES == 0
    }

    /// Makes the thread go on in the trampoline when the handler returns.
    pub(super) fn divert(&mut self) {
        let at = self.stack_pointer() - RED_ZONE - size_of::<usize>();
        // SAFETY: below the red zone of a stack with room, as `check` found; nothing else is there.
        unsafe {
            ptr::with_exposed_provenance_mut::<usize>(at).write_unaligned(self.instruction())
        };
        *self.register(libc::REG_RSP) = at as i64;
        *self.register(libc::REG_RIP) = (&raw const stampede_preempt_trampoline).addr() as i64;
    }
}

/// Looks what the processor has to be saved.
///
/// # Errors
/// When it is too old to be asked.
pub(super) fn prepare() -> Result<(), &'static str> {
    const OSXSAVE: u32 = 1 << 27;
    if __cpuid(1).ecx & OSXSAVE == 0 {
        return Err(
            "this processor or kernel has no XSAVE, with which interrupted registers are kept",
        );
    }
    let (low, high): (u32, u32);
    // SAFETY: XGETBV of register 0 exists where OSXSAVE is set, and changes nothing else.
    unsafe {
        std::arch::asm!("xgetbv", in("ecx") 0, out("eax") low, out("edx") high, options(nomem, nostack))
    };
    let mask = (u64::from(high) << 32 | u64::from(low)) & SAVED;
    // The legacy area and the header, then the components at places of the processor's choice.
    let bytes = (2..64)
        .filter(|component| mask & (1 << component) != 0)
        .map(|component| __cpuid_count(0xd, component))
        .map(|place| (place.ebx + place.eax) as usize)
        .fold(576, usize::max);
    STAMPEDE_XSAVE_MASK.store(mask, Relaxed);
    STAMPEDE_XSAVE_BYTES.store(bytes.next_multiple_of(64), Relaxed);
    Ok(())
}

/// Stack that the trampoline takes for registers, in bytes.
pub(super) fn registers_bytes() -> usize {
    RED_ZONE + 12 * size_of::<usize>() + STAMPEDE_XSAVE_BYTES.load(Relaxed) + 64
}

/// Whether `address` is in the trampoline.
pub(super) fn holds(address: usize) -> bool {
    let start = (&raw const stampede_preempt_trampoline).addr();
    (start..(&raw const stampede_preempt_trampoline_end).addr()).contains(&address)
}
