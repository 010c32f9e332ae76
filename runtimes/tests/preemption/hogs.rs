//! Code that keeps everything it computes in registers, so that one lost or changed bit shows at
//! its end.

use std::arch::global_asm;
use std::arch::is_x86_feature_detected;

/// What a hog begins and ends with.
#[repr(C, align(64))]
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct State([u64; 320]);

impl State {
    /// Some of which every bit depends on the seed.
    pub(crate) fn new(seed: u64) -> Self {
        let mut x = seed.wrapping_mul(2).wrapping_add(1);
        Self(std::array::from_fn(|_| {
            x ^= x << 13;
            x ^= x >> 7;
            x ^= x << 17;
            x
        }))
    }
}

/// Runs so many rounds of a computation on the state.
pub(crate) type Hog = unsafe extern "C" fn(*mut State, u64);

/// The hogs that this processor can run.
pub(crate) fn hogs() -> Vec<(&'static str, Hog)> {
    let mut hogs: Vec<(&'static str, Hog)> =
        vec![("integer", hog_integer), ("x87", hog_x87), ("sse", hog_sse)];
    if is_x86_feature_detected!("avx2") {
        hogs.push(("avx2", hog_avx2));
    }
    if is_x86_feature_detected!("avx512f") {
        hogs.push(("avx512", hog_avx512));
    }
    hogs
}

unsafe extern "C" {
    fn hog_integer(state: *mut State, rounds: u64);
    fn hog_x87(state: *mut State, rounds: u64);
    fn hog_sse(state: *mut State, rounds: u64);
    fn hog_avx2(state: *mut State, rounds: u64);
    fn hog_avx512(state: *mut State, rounds: u64);
}

// All integer registers but RSP, the carry from round to round, the direction flag, and the red
// zone.
global_asm!(
    r"
    .text
hog_integer:
    push rbx
    push rbp
    push r12
    push r13
    push r14
    push r15
    push rdi
    mov rcx, rsi
    // The red zone: 16 words below RSP.
    .irp word, 16,15,14,13,12,11,10,9,8,7,6,5,4,3,2
    mov rax, [rdi + 8 * \word + 104]
    mov [rsp - 8 * \word], rax
    .endr
    mov rax, [rdi + 0]
    mov rbx, [rdi + 8]
    mov rdx, [rdi + 16]
    mov rsi, [rdi + 24]
    mov rbp, [rdi + 32]
    mov r8, [rdi + 40]
    mov r9, [rdi + 48]
    mov r10, [rdi + 56]
    mov r11, [rdi + 64]
    mov r12, [rdi + 72]
    mov r13, [rdi + 80]
    mov r14, [rdi + 88]
    mov r15, [rdi + 96]
    mov rdi, [rdi + 240]
    std
    clc
2:
    adc rax, rbx
    adc rbx, rdx
    adc rdx, rsi
    adc rsi, rbp
    adc rbp, r8
    adc r8, r9
    adc r9, r10
    adc r10, r11
    adc r11, r12
    adc r12, r13
    adc r13, r14
    adc r14, r15
    adc r15, rdi
    adc rdi, rax
    // Each word goes to its neighbour, one round later.
    .irp word, 2,3,4,5,6,7,8,9,10,11,12,13,14,15
    mov [rsp - 8 * \word], rax
    mov rax, [rsp - 8 * \word - 8]
    lea rax, [rax + r15 + \word]
    .endr
    mov [rsp - 128], rax
    dec rcx
    jnz 2b
    // The carry and the direction.
    pushfq
    pop rcx
    and rcx, 0x401
    cld
    mov [rsp - 8], rdi
    mov rdi, [rsp]
    mov [rdi + 0], rax
    mov [rdi + 8], rbx
    mov [rdi + 16], rdx
    mov [rdi + 24], rsi
    mov [rdi + 32], rbp
    mov [rdi + 40], r8
    mov [rdi + 48], r9
    mov [rdi + 56], r10
    mov [rdi + 64], r11
    mov [rdi + 72], r12
    mov [rdi + 80], r13
    mov [rdi + 88], r14
    mov [rdi + 96], r15
    mov [rdi + 104], rcx
    .irp word, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16
    mov rax, [rsp - 8 * \word]
    mov [rdi + 8 * \word + 104], rax
    .endr
    pop rdi
    pop r15
    pop r14
    pop r13
    pop r12
    pop rbp
    pop rbx
    ret
"
);

// Eight x87 registers in a full stack, turned round and round, with a control word and an MXCSR of
// our own.
global_asm!(
    r"
hog_x87:
    sub rsp, 24
    fnstcw [rsp]
    stmxcsr [rsp + 4]
    mov dword ptr [rsp + 8], 0x0c7f
    fldcw [rsp + 8]
    mov dword ptr [rsp + 8], 0xffa0
    ldmxcsr [rsp + 8]
    .irp word, 0,1,2,3,4,5,6,7
    fild qword ptr [rdi + 8 * \word]
    .endr
2:
    fxch st(3)
    fxch st(7)
    fxch st(2)
    fxch st(5)
    fchs
    fincstp
    dec rsi
    jnz 2b
    .irp word, 0,1,2,3,4,5,6,7
    fstp tbyte ptr [rdi + 16 * \word]
    .endr
    fnstcw [rdi + 128]
    stmxcsr [rdi + 136]
    fnstsw ax
    mov [rdi + 144], ax
    fldcw [rsp]
    ldmxcsr [rsp + 4]
    add rsp, 24
    ret
"
);

global_asm!(
    r"
hog_sse:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movdqa xmm\n, [rdi + 16 * \n]
    .endr
2:
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    paddq xmm0, xmm\n
    pxor xmm\n, xmm0
    .endr
    dec rsi
    jnz 2b
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    movdqa [rdi + 16 * \n], xmm\n
    .endr
    ret

hog_avx2:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vmovdqa ymm\n, [rdi + 32 * \n]
    .endr
2:
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vpaddq ymm0, ymm0, ymm\n
    vpxor ymm\n, ymm\n, ymm0
    .endr
    dec rsi
    jnz 2b
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15
    vmovdqa [rdi + 32 * \n], ymm\n
    .endr
    vzeroupper
    ret

hog_avx512:
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vmovdqa64 zmm\n, [rdi + 64 * \n]
    .endr
    .irp n, 1,2,3,4,5,6,7
    kmovw k\n, [rdi + 2048 + 8 * \n]
    .endr
2:
    .irp n, 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vpaddq zmm0, zmm0, zmm\n
    vpxorq zmm\n, zmm\n, zmm0
    .endr
    vpaddq zmm31 {{k1}}, zmm31, zmm1
    .irp n, 2,3,4,5,6,7
    kxorw k1, k1, k\n
    kxnorw k\n, k\n, k1
    .endr
    dec rsi
    jnz 2b
    .irp n, 0,1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,26,27,28,29,30,31
    vmovdqa64 [rdi + 64 * \n], zmm\n
    .endr
    .irp n, 1,2,3,4,5,6,7
    kmovw [rdi + 2048 + 8 * \n], k\n
    .endr
    vzeroupper
    ret
"
);
