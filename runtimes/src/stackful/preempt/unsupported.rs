//! Processors without a trampoline: slicing is refused at start, everything else works.

use std::marker::PhantomData;

/// Nothing is ever interrupted.
pub(super) enum Interrupted<'a> {
    #[expect(dead_code, reason = "there is no value")]
    Never(std::convert::Infallible, PhantomData<&'a ()>),
}

impl Interrupted<'_> {
    pub(super) unsafe fn new(_: *mut libc::c_void) -> Option<Self> {
        None
    }

    pub(super) fn instruction(&self) -> usize {
        match *self {
            Self::Never(never, _) => match never {},
        }
    }

    pub(super) fn stack_pointer(&self) -> usize {
        self.instruction()
    }

    pub(super) fn registers_can_be_saved(&self) -> bool {
        self.instruction() != 0
    }

    pub(super) fn divert(&mut self) {}
}

pub(super) fn prepare() -> Result<(), &'static str> {
    Err("coroutines can be preempted on x86-64 only")
}

pub(super) fn registers_bytes() -> usize {
    0
}

pub(super) fn holds(_: usize) -> bool {
    false
}
