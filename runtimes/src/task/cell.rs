//! The one allocation of a task: header, then the future, which its output replaces.

use std::cell::UnsafeCell;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{ManuallyDrop, MaybeUninit};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::ptr::{self, NonNull};
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Context, Poll, Waker};

use super::state::{Complete, State, Suspend, Wake};
use super::{End, Home, JoinError, Runnable, Size, waker};
use crate::sync::discard;

/// What every task begins with, whatever its future.
#[repr(C)]
pub(crate) struct Header {
    pub(crate) state: State,
    /// The next task in an intrusive queue or free list. Belongs to whoever owns the duty to run
    /// the task, or to the free list once it is freed.
    pub(crate) link: UnsafeCell<*mut Header>,
    vtable: &'static VTable,
    /// The engine that runs the task, alive as long as the task's memory is: what [`Home::address`]
    /// gave.
    home: *const (),
    /// The waker of the task that awaits this one's handle; see [`State`] for who owns it when.
    awaiter: UnsafeCell<MaybeUninit<Waker>>,
    /// The worker that alone may run the task, plus one; 0 when any worker may. With it the bits of
    /// [`mark_preempted`]. Written by whoever runs the task, and read by whoever has the duty to
    /// run it.
    pinned: AtomicU32,
}

/// The task was preempted: it may be polled, but not dropped.
const HELD: u32 = 1 << 31;

/// It is pinned only because it was preempted.
const LENT: u32 = 1 << 30;

/// What differs by the future's type.
pub(crate) struct VTable {
    run: unsafe fn(NonNull<Header>),
    cancel: unsafe fn(NonNull<Header>),
    take_output: unsafe fn(NonNull<Header>, *mut ()),
    drop_output: unsafe fn(NonNull<Header>),
    admit: unsafe fn(NonNull<Header>, &mut dyn FnMut() -> Wake) -> bool,
    free: unsafe fn(NonNull<Header>),
}

#[repr(C)]
struct Cell<F: Future, H: Home> {
    header: Header,
    stage: UnsafeCell<Stage<F>>,
    home: PhantomData<H>,
}

/// The future until the task is done, then the output until the handle has taken it. Which of the
/// two is there follows from the state word and from who asks, so no tag is stored.
union Stage<F: Future> {
    future: ManuallyDrop<F>,
    output: ManuallyDrop<Result<F::Output, JoinError>>,
}

/// Makes a task of `future`, due to run and with a handle: the caller queues the [`Runnable`] and
/// owns the handle bit.
///
/// # Safety
/// `home` outlives the memory of every task that it allocated. If `F` or its output is not `Send`,
/// the task is run, cancelled and joined on one thread only.
pub(crate) unsafe fn spawn<F: Future, H: Home>(
    home: &H,
    future: F,
    pinned: u32,
) -> (Runnable, NonNull<Header>) {
    let size = const { Size::of::<Cell<F, H>>() };
    let cell = home.allocate(size).cast::<Cell<F, H>>();
    let header = Header {
        state: State::new(),
        link: UnsafeCell::new(ptr::null_mut()),
        vtable: const {
            &VTable {
                run: run::<F, H>,
                cancel: cancel::<F, H>,
                take_output: take_output::<F, H>,
                drop_output: drop_output::<F, H>,
                admit: admit_dyn::<H>,
                free: free::<F, H>,
            }
        },
        home: home.address().cast(),
        awaiter: UnsafeCell::new(MaybeUninit::uninit()),
        pinned: AtomicU32::new(pinned),
    };
    let stage = UnsafeCell::new(Stage { future: ManuallyDrop::new(future) });
    // SAFETY: `allocate` gave memory of this size and alignment that nobody else uses.
    unsafe { cell.write(Cell { header, stage, home: PhantomData }) };
    let header = cell.cast::<Header>();
    // SAFETY: the state says that the task is due, and this is the one `Runnable` for it.
    (unsafe { Runnable::from_raw(header) }, header)
}

impl Header {
    /// Whether `home` runs the task.
    #[inline]
    pub(crate) fn is_of(&self, home: *const ()) -> bool {
        ptr::eq(self.home, home)
    }

    /// The worker that alone may run the task.
    #[inline]
    pub(crate) fn pinned(&self) -> Option<usize> {
        // Relaxed: the state word hands it over together with the duty to run the task.
        ((self.pinned.load(Relaxed) & !(HELD | LENT)) as usize).checked_sub(1)
    }

    /// Whether the task was preempted in the middle of its poll.
    #[inline]
    pub(crate) fn is_preempted(&self) -> bool {
        self.pinned.load(Relaxed) & HELD != 0
    }
}

/// Holds a task whose poll was preempted: until [`clear_preempted`] it runs on `worker` alone, its
/// frames are in the middle of a poll, and an abort waits.
///
/// # Safety
/// `waker` is one of ours, for the task that the calling thread, that worker, is polling.
pub(crate) unsafe fn mark_preempted(waker: &Waker, worker: usize) {
    // SAFETY: the data of our wakers is the header, alive while it is polled.
    let pinned = unsafe { &(*waker.data().cast::<Header>()).pinned };
    let now = pinned.load(Relaxed);
    pinned.store(if now == 0 { (worker as u32 + 1) | LENT | HELD } else { now | HELD }, Relaxed);
}

/// The poll has ended by itself: the task is what it was before [`mark_preempted`].
///
/// # Safety
/// As for [`mark_preempted`].
pub(crate) unsafe fn clear_preempted(waker: &Waker) {
    // SAFETY: as in `mark_preempted`.
    let pinned = unsafe { &(*waker.data().cast::<Header>()).pinned };
    let now = pinned.load(Relaxed);
    pinned.store(if now & LENT == 0 { now & !HELD } else { 0 }, Relaxed);
}

/// Polls the task, or drops its future if it was cancelled.
///
/// # Safety
/// The caller owns the duty to run the task, and gives it up.
#[inline]
pub(crate) unsafe fn run_raw(task: NonNull<Header>) {
    // SAFETY: as the caller promises; the duty keeps the memory alive.
    unsafe { (task.as_ref().vtable.run)(task) }
}

/// Drops the future of a task that was started or claimed, and completes it as cancelled.
///
/// # Safety
/// The state is RUNNING on behalf of the caller.
pub(crate) unsafe fn cancel_raw(task: NonNull<Header>) {
    // SAFETY: as the caller promises; RUNNING keeps the memory alive.
    unsafe { (task.as_ref().vtable.cancel)(task) }
}

/// Moves the output to `to`, a `*mut Result<T, JoinError>`.
///
/// # Safety
/// The task is done, the caller has its handle and has not taken the output before; `to` is valid
/// for the task's own output type.
pub(crate) unsafe fn take_output_raw(task: NonNull<Header>, to: *mut ()) {
    // SAFETY: the handle keeps the memory alive; the rest is the caller's promise.
    unsafe { (task.as_ref().vtable.take_output)(task, to) }
}

/// Drops the output in place.
///
/// # Safety
/// As for [`take_output_raw`].
pub(crate) unsafe fn drop_output_raw(task: NonNull<Header>) {
    // SAFETY: the handle keeps the memory alive; the rest is the caller's promise.
    unsafe { (task.as_ref().vtable.drop_output)(task) }
}

/// Calls `decide` and queues the task if that says so, unless its engine has closed: then it is
/// false, without a call.
///
/// # Safety
/// The caller has the duty to run the task or a reference to it, which at most `decide` gives up;
/// `decide` says `Queue` if it was given the duty, and `Free` if the caller is the last.
pub(crate) unsafe fn admit_raw(task: NonNull<Header>, decide: &mut dyn FnMut() -> Wake) -> bool {
    // SAFETY: as the caller promises.
    unsafe { (task.as_ref().vtable.admit)(task, decide) }
}

/// Gives the memory back.
///
/// # Safety
/// The state word said that the caller is the last; future and output are gone.
pub(crate) unsafe fn free_raw(task: NonNull<Header>) {
    // SAFETY: as the caller promises.
    unsafe { (task.as_ref().vtable.free)(task) }
}

/// Where the awaiter's waker is kept.
///
/// # Safety
/// `task` is alive; see [`State`] for who may touch the slot.
pub(crate) unsafe fn awaiter(task: NonNull<Header>) -> *mut MaybeUninit<Waker> {
    // SAFETY: alive by the caller's promise.
    unsafe { task.as_ref().awaiter.get() }
}

/// As [`admit_raw`], with the engine's type known.
///
/// # Safety
/// As for [`admit_raw`]; the task was made for an `H`.
#[inline]
pub(super) unsafe fn admit<H: Home>(task: NonNull<Header>, decide: impl FnOnce() -> Wake) -> bool {
    let decide = || match decide() {
        Wake::Nothing => None,
        // SAFETY: the step gave this thread the duty to run the task, which keeps it alive.
        Wake::Queue => Some(unsafe { Runnable::from_raw(task) }),
        Wake::Free => {
            // SAFETY: the step says that this thread is the last.
            unsafe { free_raw(task) };
            None
        }
    };
    // SAFETY: the caller keeps the task, and with it the engine, alive until `decide` is called;
    // while it runs and until what it returns is queued, the engine is open.
    unsafe { H::admit(task.as_ref().home.cast::<H>(), decide) }
}

unsafe fn admit_dyn<H: Home>(task: NonNull<Header>, decide: &mut dyn FnMut() -> Wake) -> bool {
    // SAFETY: the caller's.
    unsafe { admit::<H>(task, decide) }
}

unsafe fn run<F: Future, H: Home>(task: NonNull<Header>) {
    // SAFETY: `spawn` made the task as a `Cell<F, H>`, and the duty to run it keeps it alive.
    let cell = unsafe { task.cast::<Cell<F, H>>().as_ref() };
    if cell.header.state.start() {
        if !cell.header.is_preempted() {
            // SAFETY: `start` made this thread the runner.
            return unsafe { cancel::<F, H>(task) };
        }
        // The abort waits until the task suspends by itself. Then this wake queues it once more.
        let _ = cell.header.state.wake();
    }
    // SAFETY: `home` is an `H` that outlives the memory.
    let home = unsafe { &*cell.header.home.cast::<H>() };
    let stage = cell.stage.get();
    // SAFETY: RUNNING keeps the task alive while this borrowed waker is used, and it is never
    // dropped: it does not count. A clone of it counts.
    let waker = ManuallyDrop::new(unsafe { Waker::from_raw(waker::raw::<H>(task)) });
    H::begin_poll(task);
    let polled = catch_unwind(AssertUnwindSafe(|| {
        // SAFETY: the runner has exclusive access to the stage, which holds the future until the
        // task is done; the cell never moves until its future is dropped, so pinning it is sound.
        let future = unsafe { std::pin::Pin::new_unchecked(&mut *(*stage).future) };
        future.poll(&mut Context::from_waker(&waker))
    }));
    let yielded = H::end_poll();
    let output = match polled {
        Ok(Poll::Pending) => {
            match cell.header.state.suspend(yielded) {
                Suspend::Idle => {}
                Suspend::Again => {
                    // SAFETY: the wake left the duty to run the task to this thread.
                    let again = unsafe { Runnable::from_raw(task) };
                    home.requeue(again);
                }
                // SAFETY: the state is RUNNING again, for this thread.
                Suspend::Unreachable => unsafe { cancel::<F, H>(task) },
            }
            return;
        }
        Ok(Poll::Ready(output)) => {
            // SAFETY: the runner's access is exclusive, and the future is not used again.
            let dropped = catch_unwind(AssertUnwindSafe(|| unsafe {
                ManuallyDrop::drop(&mut (*stage).future)
            }));
            dropped.map(|()| output).map_err(JoinError::Panicked)
        }
        Err(payload) => {
            // SAFETY: as above. A second panic, from the destructor, has nobody to go to.
            let second = catch_unwind(AssertUnwindSafe(|| unsafe {
                ManuallyDrop::drop(&mut (*stage).future)
            }));
            discard(second);
            Err(JoinError::Panicked(payload))
        }
    };
    home.ended(End::Completed);
    // SAFETY: RUNNING for this thread, and the future is dropped.
    unsafe { complete::<F, H>(task, output) };
}

unsafe fn cancel<F: Future, H: Home>(task: NonNull<Header>) {
    // SAFETY: RUNNING keeps the cell alive; it was made as this type.
    let cell = unsafe { task.cast::<Cell<F, H>>().as_ref() };
    // SAFETY: the runner's access is exclusive, and the stage still holds the future.
    let dropped = catch_unwind(AssertUnwindSafe(|| unsafe {
        ManuallyDrop::drop(&mut (*cell.stage.get()).future)
    }));
    let output = Err(dropped.map_or_else(JoinError::Panicked, |()| JoinError::Cancelled));
    // SAFETY: `home` is an `H` that outlives the memory.
    unsafe { &*cell.header.home.cast::<H>() }.ended(End::Cancelled);
    // SAFETY: RUNNING for this thread, and the future is dropped.
    unsafe { complete::<F, H>(task, output) };
}

/// Publishes the output, wakes whoever awaits it, and frees the task when nobody can.
///
/// Inlined, so that the output is written where it stays: passed on, it was stored by halves and
/// loaded whole.
#[inline(always)]
unsafe fn complete<F: Future, H: Home>(
    task: NonNull<Header>,
    output: Result<F::Output, JoinError>,
) {
    // SAFETY: RUNNING keeps the cell alive; it was made as this type.
    let cell = unsafe { task.cast::<Cell<F, H>>().as_ref() };
    let state = &cell.header.state;
    let mut detached = state.is_detached();
    if detached {
        discard(catch_unwind(AssertUnwindSafe(|| drop(output))));
    } else {
        // SAFETY: the runner's access is exclusive until DONE is set, and the future is gone.
        unsafe { (*cell.stage.get()).output = ManuallyDrop::new(output) };
    }
    let result = loop {
        if let Some(result) = state.complete(detached) {
            break result;
        }
        // SAFETY: the handle went away before DONE, so the output is still this thread's.
        unsafe { drop_output::<F, H>(task) };
        detached = true;
    };
    let free_it = match result {
        Complete::Kept => false,
        Complete::Free => true,
        Complete::Wake => {
            // SAFETY: DONE was set while the slot was offered, so it holds a waker and is this
            // thread's.
            let waker = unsafe { (*cell.header.awaiter.get()).assume_init_read() };
            // A foreign waker may panic; the task is done all the same.
            discard(catch_unwind(AssertUnwindSafe(|| waker.wake())));
            state.settle()
        }
    };
    if free_it {
        // SAFETY: the state word said that this thread is the last.
        unsafe { free::<F, H>(task) };
    }
}

unsafe fn take_output<F: Future, H: Home>(task: NonNull<Header>, to: *mut ()) {
    // SAFETY: made as this type, alive through the caller's handle; done, so the stage holds the
    // output.
    let output =
        unsafe { ptr::read(&raw const (*task.cast::<Cell<F, H>>().as_ref().stage.get()).output) };
    // SAFETY: the caller says that `to` is valid for this type.
    unsafe { to.cast::<Result<F::Output, JoinError>>().write(ManuallyDrop::into_inner(output)) };
}

unsafe fn drop_output<F: Future, H: Home>(task: NonNull<Header>) {
    // SAFETY: made as this type and alive; the caller owns the output.
    let output = unsafe { &mut (*task.cast::<Cell<F, H>>().as_ref().stage.get()).output };
    // SAFETY: dropped once: the caller gives up the output.
    discard(catch_unwind(AssertUnwindSafe(|| unsafe { ManuallyDrop::drop(output) })));
}

unsafe fn free<F: Future, H: Home>(task: NonNull<Header>) {
    // SAFETY: `home` outlives the memory, which the caller gives back as the last; nothing in it
    // needs dropping.
    unsafe { H::free(task.as_ref().home.cast::<H>(), task, const { Size::of::<Cell<F, H>>() }) };
}
