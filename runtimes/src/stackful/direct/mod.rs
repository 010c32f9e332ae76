//! Direct style: code that looks as if it blocked, on a coroutine of its own.
//! `examples/direct_echo.rs` is a whole server, `examples/direct_pipeline.rs` tasks that talk over
//! [channels](channel).
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::Ipv4Addr;
//!
//! use runtimes::stackful::direct::{TcpListener, TcpStream};
//! use runtimes::stackful::{go, wait};
//! use runtimes::{Config, Runtime, Spawner, stackful::StackfulExecutor};
//!
//! let runtime = StackfulExecutor::start(&Config::new(2))?;
//! let spawner = runtime.spawner().clone();
//! let reactor = spawner.reactor().clone();
//! let listener = TcpListener::bind(&reactor, (Ipv4Addr::LOCALHOST, 0))?;
//! let address = listener.local_addr()?;
//!
//! let server = go(&spawner, move || -> std::io::Result<()> {
//!     let (mut stream, _) = listener.accept()?;
//!     let mut text = String::new();
//!     stream.read_to_string(&mut text)?;
//!     stream.write_all(text.to_uppercase().as_bytes())
//! });
//! let client = go(&spawner, move || -> std::io::Result<String> {
//!     let mut stream = TcpStream::connect(&reactor, address)?;
//!     stream.write_all(b"hello")?;
//!     stream.shutdown(std::net::Shutdown::Write)?;
//!     let mut reply = String::new();
//!     stream.read_to_string(&mut reply)?;
//!     wait(server).unwrap()?;
//!     Ok(reply)
//! });
//! assert_eq!(runtime.block_on(client)??, "HELLO");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

pub mod channel;
mod current;
mod net;
mod thread_end;

use std::any::type_name;
use std::fmt;
use std::future::Future;
use std::marker::PhantomData;
use std::mem::{self, ManuallyDrop};
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};
use std::thread;
use std::time::Duration;

use super::coroutine::take;
use super::fiber::{Fiber, Header, Job};
use super::{Pool, Stackful, preempt};
use crate::engine::EngineSpawner;
use crate::reactor;
use crate::scheduler::Scheduler;
use crate::task::JoinHandle;
use crate::time;
use current::{Current, Turn};
pub(super) use current::{put_aside, put_back};
pub use net::{TcpListener, TcpStream};
pub(super) use thread_end::before_leaving;

/// Runs `code` as a task in direct style: on a coroutine of its own, where [`wait`] suspends it.
///
/// It runs on one worker, from its first line to its last: the caller's if that is one, else each
/// in turn. Aborting it, or shutting the runtime down, unwinds it at its next suspension
/// ([`Cancelled`]).
pub fn go<S, C, T>(spawner: &EngineSpawner<S, Stackful>, code: C) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(spawner, None, code)
}

/// The same as [`go`], for a task with a name: messages about it (that it overflowed its stack)
/// tell it.
pub fn go_named<S, C, T>(
    spawner: &EngineSpawner<S, Stackful>,
    name: impl Into<Box<str>>,
    code: C,
) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(spawner, Some(name.into()), code)
}

fn spawn<S, C, T>(
    spawner: &EngineSpawner<S, Stackful>,
    name: Option<Box<str>>,
    code: C,
) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = Arc::clone(spawner.body());
    spawner.spawn_pinned(move || Direct {
        name,
        own_task: true,
        was_preempted: false,
        state: State::New(code, pool),
        frames: PhantomData,
    })
}

/// Suspends the calling direct-style code for `duration`; not at all while it [unwinds](Unwinding).
///
/// # Panics
/// As [`try_wait`].
pub fn sleep(reactor: &reactor::Handle, duration: Duration) {
    let _ = try_wait(time::sleep(reactor, duration));
}

/// Unwinds direct-style code whose task was aborted, dropped or left at shutdown.
///
/// It travels as a panic's payload, so that destructors run, but is not reported by the panic hook.
/// Code that catches panics should pass it on (`resume_unwind`). If it does not, the next [`wait`]
/// or [`suspend`] unwinds again; code that swallows it again and again is given up: its stack and
/// what is on it are leaked.
///
/// Destructors that wait meanwhile are told [`Unwinding`].
#[derive(Debug)]
pub struct Cancelled;

/// The calling direct-style code would have to suspend, but it unwinds: from a panic, or because
/// its task was aborted ([`Cancelled`]), in a destructor.
///
/// An unwinding stack cannot be suspended, as its thread would then be "panicking" for all other
/// tasks. So what waits in a destructor gets this answer in place of a suspension: [`try_wait`]
/// returns it, the [sockets](TcpStream) as an error of the kind
/// [`Other`](std::io::ErrorKind::Other), the [channels](channel) as the end of the other side;
/// [`sleep`] and [`suspend`] return at once. A destructor that ignores errors, as `BufWriter`'s
/// does, loses what the socket does not take at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unwinding;

impl fmt::Display for Unwinding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("direct-style code cannot wait while it unwinds from a panic or an abort")
    }
}

impl std::error::Error for Unwinding {}

/// Waits for `future`: polls it here, and suspends the calling direct-style code until its task is
/// woken, as often as it takes. Other tasks of the worker run meanwhile.
///
/// Locals live on across it on the same thread, so they need not be `Send`. But as with any code on
/// one thread that is interleaved with other code, a `RefCell` borrow or a lock guard held across
/// `wait` is met by the other tasks, and a lock that another task waits for without suspending is a
/// deadlock. Do not suspend inside a callback of code that sets a thread-local for the callback's
/// length and relies on callbacks ending in the reverse order of their begin, as crates for scoped
/// thread-locals do: another task's callback may begin and end in between. No safe stackful
/// coroutine can rule that out.
///
/// # Panics
/// - With the panic of the future.
/// - When called outside direct-style code, from inside a poll (a future must not suspend the stack
///   below it), or within a runtime's `block_on` or end on top of it.
/// - When it would have to suspend while the code unwinds, in a destructor, where a panic ends the
///   process. A future that is ready at once is fine there; otherwise use [`try_wait`].
/// - With [`Cancelled`] when the task is cancelled.
// Inlined, so that the switch out of a loop that waits is in the very frame that the switch into it
// returned to: elsewhere the processor's return predictor misses twice, some 20 ns.
#[inline(always)]
pub fn wait<F: Future>(future: F) -> F::Output {
    let mut future = pin!(future);
    loop {
        let current = Current::claim("wait");
        current.check_cancelled();
        let polled = future.as_mut().poll(&mut Context::from_waker(current.waker()));
        match polled {
            Poll::Ready(output) => return output,
            Poll::Pending => current.suspend(),
        }
    }
}

/// The same as [`wait`], for what may be called by a destructor: the calling code may be unwinding.
///
/// # Errors
/// When it would have to suspend while the code unwinds. The future is dropped.
///
/// # Panics
/// - As [`wait`] otherwise.
/// - When code that unwinds tries it again and again: a million times.
#[inline(always)]
pub fn try_wait<F: Future>(future: F) -> Result<F::Output, Unwinding> {
    let mut future = pin!(future);
    loop {
        let current = Current::claim("try_wait");
        current.check_cancelled();
        let polled = future.as_mut().poll(&mut Context::from_waker(current.waker()));
        match polled {
            Poll::Ready(output) => return Ok(output),
            Poll::Pending => {
                if !current.try_suspend() {
                    return Err(Unwinding);
                }
            }
        }
    }
}

/// Lets other tasks run: goes to the end of the worker's queue. While the code
/// [unwinds](Unwinding), nothing happens.
///
/// # Panics
/// As [`try_wait`].
#[inline(always)]
pub fn suspend() {
    let current = Current::claim("suspend");
    current.check_cancelled();
    current.waker().wake_by_ref();
    current.try_suspend();
}

/// Whether the calling direct-style code unwinds.
fn unwinds(function: &str) -> bool {
    thread::panicking() && Current::claim(function).is_unwinding()
}

/// Direct-style code as a future, for any executor that can keep it on one thread.
///
/// Dropping it while it is suspended unwinds its stack, with [`Cancelled`], so that its destructors
/// run.
///
/// [`go`] makes tasks of it. Whoever polls one by hand takes care of its end, so that is not safe:
/// ```compile_fail,E0133
/// use runtimes::stackful::{Direct, Pool};
/// Direct::new(Pool::new(0), || ());
/// ```
///
/// It is not `Send`, whatever the closure is:
/// ```compile_fail,E0277
/// use runtimes::stackful::{Direct, Pool};
/// fn check<T: Send>(_: T) {}
/// // SAFETY: it is never polled.
/// check(unsafe { Direct::new(Pool::new(0), || ()) });
/// ```
pub struct Direct<C, T> {
    state: State<C>,
    name: Option<Box<str>>,
    /// The whole body of a task of ours, polled by the engine with the task's waker: it may be
    /// preempted.
    own_task: bool,
    /// Its last poll was preempted.
    was_preempted: bool,
    /// The suspended frames hold whatever the closure borrowed or made: they stay on their thread.
    frames: PhantomData<*mut T>,
}

enum State<C> {
    New(C, Arc<Pool>),
    /// Suspended within the closure. Its destructor must not run in this state.
    Suspended(ManuallyDrop<Fiber>),
    Finished,
}

/// Where the closure comes from and the result goes to, on the resumer's stack.
enum Slot<C, T> {
    Empty,
    Closure(C),
    Result(thread::Result<T>),
}

impl<C: FnOnce() -> T, T> Direct<C, T> {
    const JOB: Job = Job { run: call::<C, T>, code: type_name::<C>, name: Turn::name };

    /// Makes a coroutine of `closure`. No stack is taken before the first poll.
    ///
    /// # Safety
    /// Once it was polled and until it is finished or dropped, what lies on its stack must stay
    /// valid:
    ///
    /// - What the closure borrows. A `Direct` that is forgotten never ends, and others may still
    ///   use its frames, as the threads of a `thread::scope` in it do: what it borrows must outlive
    ///   the process then.
    /// - What [`LocalKey::with`](std::thread::LocalKey::with) lent to the code. So it must be
    ///   finished, dropped or forgotten before the destructors of its thread's thread-locals run,
    ///   and not lie in one of those.
    ///
    /// The frames of [`go`]'s tasks are the engine's to look after, and the compiler's: it takes no
    /// closure that borrows.
    /// ```compile_fail,E0597
    /// use runtimes::{Config, Runtime, stackful::StackfulExecutor, stackful::go};
    /// let runtime = StackfulExecutor::start(&Config::new(1)).unwrap();
    /// let borrowed = vec![1];
    /// let sum = go(runtime.spawner(), || borrowed.iter().sum::<i32>());
    /// ```
    pub unsafe fn new(pool: Arc<Pool>, closure: C) -> Self {
        Self {
            state: State::New(closure, pool),
            name: None,
            own_task: false,
            was_preempted: false,
            frames: PhantomData,
        }
    }
}

/// Nothing in it is pinned: the closure moves to its stack at the first poll.
impl<C, T> Unpin for Direct<C, T> {}

impl<C: FnOnce() -> T, T> Future for Direct<C, T> {
    type Output = T;

    /// # Panics
    /// With the closure's panic, when the system refuses a stack, and when polled again after it
    /// was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let (mut fiber, mut slot) = match mem::replace(&mut self.state, State::Finished) {
            State::New(closure, pool) => {
                let fiber = take(&pool, self.own_task);
                thread_end::count_in();
                (ManuallyDrop::new(fiber), Slot::Closure(closure))
            }
            State::Suspended(fiber) => {
                if thread_end::has_begun() {
                    give_up(fiber);
                    panic!(
                        "direct-style code cannot go on while the thread's thread-locals are \
                         destroyed"
                    );
                }
                (fiber, Slot::Empty)
            }
            State::Finished => panic!("direct-style code was polled after it had finished"),
        };
        let turn = Turn::new(context.waker(), self.name.as_deref(), (&raw mut slot).cast(), false);
        let preempted = if matches!(slot, Slot::Closure(_)) {
            // SAFETY: the fiber is fresh from the pool, and `call` expects such a turn and slot.
            turn.run(&mut fiber, self.own_task, |fiber, turn| unsafe {
                fiber.start(const { &Self::JOB }, turn)
            })
        } else {
            // SAFETY: the fiber is suspended in `call` of these types, which expects such a turn
            // and slot.
            turn.run(&mut fiber, self.own_task, |fiber, turn| unsafe { fiber.resume(turn) })
        };
        if preempted || self.was_preempted {
            self.was_preempted = preempted;
            // SAFETY: only a task's whole body is preempted, whose waker this is, on this worker.
            unsafe { preempt::mark_or_clear(context.waker(), preempted) };
        }
        match slot {
            Slot::Result(result) => {
                thread_end::count_out();
                drop(ManuallyDrop::into_inner(fiber));
                Poll::Ready(result.unwrap_or_else(|payload| resume_unwind(payload)))
            }
            Slot::Empty | Slot::Closure(_) => {
                self.state = State::Suspended(fiber);
                Poll::Pending
            }
        }
    }
}

impl<C, T> Drop for Direct<C, T> {
    fn drop(&mut self) {
        let State::Suspended(mut fiber) = mem::replace(&mut self.state, State::Finished) else {
            return;
        };
        if thread_end::has_begun() {
            return give_up(fiber);
        }
        let mut slot = Slot::<C, T>::Empty;
        let turn = Turn::new(Waker::noop(), self.name.as_deref(), (&raw mut slot).cast(), true);
        // SAFETY: the fiber is suspended in `call` of these types, which expects such a turn and
        // slot. If it was preempted it runs on, without being preempted again, to where it suspends
        // by itself. (The engine has left it that far already, unless the runtime is shutting
        // down.)
        turn.run(&mut fiber, false, |fiber, turn| unsafe { fiber.resume(turn) });
        // Without a result the code has swallowed every cancellation; its frames stay as they are
        // for ever.
        let Slot::Result(result) = slot else { return give_up(fiber) };
        thread_end::count_out();
        drop(ManuallyDrop::into_inner(fiber));
        if let Err(payload) = result
            && !payload.is::<Cancelled>()
            && !thread::panicking()
        {
            resume_unwind(payload);
        }
    }
}

/// Leaves suspended code as it is, for ever.
fn give_up(fiber: ManuallyDrop<Fiber>) {
    thread_end::count_out();
    ManuallyDrop::into_inner(fiber).give_up();
}

impl<C, T> fmt::Debug for Direct<C, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = match self.state {
            State::New(..) => "new",
            State::Suspended(_) => "suspended",
            State::Finished => "finished",
        };
        f.debug_struct("Direct").field("state", &state).finish_non_exhaustive()
    }
}

/// The job: calls the closure, and keeps its panic for the one who resumes last.
///
/// # Safety
/// The header's turn is a `Turn` whose slot is a `Slot<C, T>`, in this and every later turn; in
/// this one the slot holds the closure.
unsafe fn call<C: FnOnce() -> T, T>(header: &Header) {
    // SAFETY: the caller's; the resumer does not touch the slot while the code runs.
    let first = unsafe { &mut *Turn::slot(header).cast::<Slot<C, T>>() };
    let Slot::Closure(closure) = mem::replace(first, Slot::Empty) else { return };
    let result = catch_unwind(AssertUnwindSafe(closure));
    // SAFETY: as above; it is another slot by now if the code was suspended.
    unsafe { *Turn::slot(header).cast::<Slot<C, T>>() = Slot::Result(result) };
}
