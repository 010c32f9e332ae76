//! A fiber: a stack with a coroutine that lives on it for as long as the stack does, and runs one
//! job after another.
//!
//! The coroutine is parked in its loop between jobs, and is never at its end. What that buys,
//! beside a pooled fiber being one pointer:
//!
//! - No frame of a task's own type lives across a suspension between polls. The compiler may
//!   compute the address of a thread-local once per function; in a loop that polls and suspends,
//!   inlined, it would keep the old thread's.
//! - A panic, a cancellation or a dropped task leaves the coroutine as it was, and the stack
//!   usable.
//! - Every resume goes to one address, which the processor predicts well, and starting a job is no
//!   more than a resume. (Starting a new coroutine on a used stack costs about as much. This is not
//!   where it wins.)
//!
//! ```text
//! +------------------+  <- top of the stack (page boundary)
//! | colour: 0..7/4 K |  keeps the hot lines of neighbouring stacks out of each other's cache sets
//! +------------------+
//! | Header           |  one cache line: the suspended coroutine, kind and turn of the job
//! +------------------+  <- corosensei's stack base
//! | loop's frame     |
//! | job's frames     |  none while the fiber is parked
//! ```

use std::cell::{Cell, UnsafeCell};
use std::convert::Infallible;
use std::mem::{self, ManuallyDrop};
use std::num::NonZeroUsize;
use std::ptr::{self, NonNull};

use corosensei::stack::{Stack, StackPointer};
use corosensei::{Coroutine, Yielder};

use super::pool::{self, Shared};
use super::stack::Geometry;

/// What a job is: called on the fiber's stack. It reads its turn from the header.
///
/// A job must not unwind: it would end the fiber's loop.
pub(super) type Entry = unsafe fn(&Header);

/// A kind of job.
pub(super) struct Job {
    pub(super) run: Entry,
    /// The name of its code.
    pub(super) code: fn() -> &'static str,
    /// The name of its task, if it has one, read from the turn that it runs in.
    pub(super) name: unsafe fn(&Header) -> Option<&str>,
}

/// For jobs whose tasks have no name.
pub(super) fn nameless(_: &Header) -> Option<&str> {
    None
}

/// Different distances of the header from the top of its stack, and the step between them in bytes.
/// All of them leave more than half of the topmost page to the frames, so that a shallow coroutine
/// stays within it.
const COLOURS: usize = 8;
const COLOUR_STEP: usize = 256;

/// The state of a fiber, kept on its own stack.
#[repr(align(64))]
pub(super) struct Header {
    /// Never dropped: while the fiber is parked nothing on its stack has a destructor.
    coroutine: UnsafeCell<ManuallyDrop<Coroutine<(), (), Infallible, Bounds>>>,
    yielder: Cell<*const Yielder<(), ()>>,
    job: Cell<&'static Job>,
    turn: Cell<*mut ()>,
    shared: *const Shared,
}

impl Header {
    /// What the resumer passed for this turn. It changes with each resume.
    #[inline]
    pub(super) fn turn(&self) -> *mut () {
        // Volatile: code on the stack may be suspended between any two instructions, where the
        // compiler sees no call that could have changed it.
        // SAFETY: the cell is the header's own, and written only while the code is suspended.
        unsafe { self.turn.as_ptr().read_volatile() }
    }

    /// The stack's addresses below the header.
    pub(super) fn bounds(&self) -> (usize, usize) {
        let base = ptr::from_ref(self).addr();
        (self.geometry().lowest(base), base)
    }

    /// Suspends the job: the resumer goes on, and this returns at the next resume.
    ///
    /// # Safety
    /// Called on this fiber's own stack, by its job.
    #[inline(always)]
    pub(super) unsafe fn suspend(&self) {
        // SAFETY: the loop set it to its coroutine's yielder, which lives as long as the stack.
        unsafe { &*self.yielder.get() }.suspend(());
    }

    /// The name of the job's code.
    pub(super) fn code(&self) -> &'static str {
        (self.job.get().code)()
    }

    /// The name of the job's task.
    ///
    /// # Safety
    /// The job is running.
    pub(super) unsafe fn task_name(&self) -> Option<&str> {
        // SAFETY: the job's own function, in a turn that the job expects.
        unsafe { (self.job.get().name)(self) }
    }

    /// Where the header of the stack that ends at `top` lies. Neighbouring stacks are an odd number
    /// of pages apart, so that all distances come up equally often.
    pub(super) fn address(top: usize, geometry: Geometry) -> usize {
        top - mem::size_of::<Self>() - top / geometry.page() % COLOURS * COLOUR_STEP
    }

    /// Whether `address` lies on this fiber's stack.
    pub(super) fn holds(&self, address: usize) -> bool {
        let (lowest, base) = self.bounds();
        (lowest..base).contains(&address)
    }

    fn geometry(&self) -> Geometry {
        // SAFETY: the pool's shared part outlives every fiber that is outside its depot. (One that
        // was given up has left it, and asks no more.)
        unsafe { &*self.shared }.geometry()
    }
}

/// The stack as corosensei sees it: from the low end of the guard up to the header.
struct Bounds(NonNull<Header>);

// SAFETY: the slot below the header is a stack of at least `MIN_STACK` bytes, less the header and
// colour, with a guard at its low end that `Slab::open` installed before the fiber was made.
unsafe impl Stack for Bounds {
    #[inline]
    fn base(&self) -> StackPointer {
        self.0.addr()
    }

    fn limit(&self) -> StackPointer {
        // SAFETY: this much of the header is written before the coroutine is made (`Fiber::make`),
        // and lives as long as it; the pool's shared part does, too.
        let geometry = unsafe { (*(*self.0.as_ptr()).shared).geometry() };
        NonZeroUsize::new(geometry.limit(self.0.addr().get()))
            .expect("stacks do not lie at address zero")
    }
}

/// A parked fiber, outside the pool. Dropping it gives it back.
///
/// A fiber whose job is suspended must not be dropped: run the job to its end, or forget the fiber.
pub(super) struct Fiber(NonNull<Header>);

// SAFETY: a parked fiber holds the frame of its loop and nothing else: a reference to the header,
// which moves along, and no thread-local address, as the loop uses none. Owners of a fiber with a
// suspended job are not `Send` unless they prove the same of the job's frames.
unsafe impl Send for Fiber {}

impl Fiber {
    /// Makes a fiber on the stack that ends at `top` and runs it up to its loop.
    ///
    /// # Safety
    /// The stack is guarded, unused, at least `MIN_STACK` bytes, one of `shared`'s, and stays
    /// mapped while the fiber is outside the pool or parked in it.
    pub(super) unsafe fn make(top: NonNull<u8>, shared: *const Shared) -> Self {
        // SAFETY: the caller's.
        let geometry = unsafe { (*shared).geometry() };
        let down = top.addr().get() - Header::address(top.addr().get(), geometry);
        // SAFETY: within the topmost page of the stack; aligned, as `top` is and all three sizes
        // are.
        let at = unsafe { top.sub(down) }.cast::<Header>();
        let body = move |yielder: &Yielder<(), ()>, ()| -> Infallible {
            // SAFETY: the header is written before the first resume, and lives as long as this
            // stack.
            let header = unsafe { at.as_ref() };
            header.yielder.set(yielder);
            loop {
                yielder.suspend(());
                // SAFETY: whoever resumed the fiber out of its loop set a job and the turn it
                // expects.
                unsafe { (header.job.get().run)(header) };
            }
        };
        // SAFETY: the memory is ours. Making a coroutine may ask for the limit of its stack, for
        // which this is needed.
        unsafe { (&raw mut (*at.as_ptr()).shared).write(shared) };
        let header = Header {
            coroutine: UnsafeCell::new(ManuallyDrop::new(Coroutine::with_stack(Bounds(at), body))),
            yielder: Cell::new(ptr::null()),
            job: Cell::new(&Job { run: |_| {}, code: || "nothing", name: nameless }),
            turn: Cell::new(ptr::null_mut()),
            shared,
        };
        // SAFETY: the memory is ours and fits; corosensei's first frame lies below it.
        unsafe { at.write(header) };
        let mut fiber = Self(at);
        fiber.switch();
        fiber
    }

    /// Runs a job on the parked fiber until it returns or suspends.
    ///
    /// # Safety
    /// The fiber is parked, and `turn` is what `job` expects, valid until this returns.
    #[inline]
    pub(super) unsafe fn start(&mut self, job: &'static Job, turn: *mut ()) {
        self.header().job.set(job);
        self.header().turn.set(turn);
        self.switch();
    }

    /// Continues the suspended job until it returns or suspends again.
    ///
    /// # Safety
    /// The fiber's job is suspended, and `turn` is what it expects, valid until this returns.
    #[inline]
    pub(super) unsafe fn resume(&mut self, turn: *mut ()) {
        self.header().turn.set(turn);
        self.switch();
    }

    /// Gives up a fiber whose job is suspended and will never be resumed: its stack stays as it is,
    /// for ever.
    pub(super) fn give_up(self) {
        let this = ManuallyDrop::new(self);
        let shared = this.header().shared;
        // SAFETY: this fiber is outside the depot, so the shared part is alive; nobody resumes the
        // fiber again.
        unsafe { pool::give_up(shared, Parked(this.0)) };
    }

    /// Notes, in place of the turn, which is over, that the job was suspended by force. The next
    /// resume takes the note away.
    pub(super) fn set_preempted(&mut self) {
        self.header().turn.set((&raw const HELD).cast_mut().cast());
    }

    /// Whether the job was suspended by force.
    #[inline]
    pub(super) fn is_preempted(&self) -> bool {
        ptr::eq(self.header().turn().cast_const().cast(), &raw const HELD)
    }

    #[inline]
    fn switch(&mut self) {
        // SAFETY: `&mut self` makes this the only resumer, and code on the stack does not touch
        // this field.
        unsafe { &mut *self.header().coroutine.get() }.resume(());
    }

    /// The header, for code that runs on the stack.
    #[inline]
    pub(super) fn header(&self) -> &Header {
        // SAFETY: written by `make`; it lives as long as the fiber.
        unsafe { self.0.as_ref() }
    }
}

/// The note of [`Fiber::set_preempted`]: only its address matters.
static HELD: u8 = 0;

impl Drop for Fiber {
    #[inline]
    fn drop(&mut self) {
        debug_assert!(
            !self.is_preempted(),
            "frames in the middle of anything can be neither unwound nor used again"
        );
        let shared = self.header().shared;
        // SAFETY: this fiber is outside the depot, so the shared part is alive; it is given up
        // here.
        unsafe { pool::put(shared, Parked(self.0)) };
    }
}

/// A parked fiber that lies in the pool. Dropping it does nothing: its memory belongs to a slab.
pub(super) struct Parked(NonNull<Header>);

// SAFETY: as for `Fiber`.
unsafe impl Send for Parked {}

impl Parked {
    /// Takes the fiber out of the pool.
    #[inline]
    pub(super) fn into_fiber(self) -> Fiber {
        Fiber(self.0)
    }

    /// An address in the topmost page of the stack.
    pub(super) fn address(&self) -> NonNull<u8> {
        self.0.cast()
    }
}

const _: () =
    assert!(mem::size_of::<Header>() == 64 || cfg!(feature = "sanitizer"), "one cache line");
const _: () = assert!(COLOURS * COLOUR_STEP <= 2048);
