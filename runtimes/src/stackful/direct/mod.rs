//! Direct style: code that looks as if it blocked, on a coroutine of its own. `examples/direct_echo.rs` is a whole server,
//! `examples/direct_pipeline.rs` tasks that talk over [channels](channel).
//!
//! ```
//! use std::io::{Read, Write};
//! use std::net::Ipv4Addr;
//!
//! use runtimes::stackful::direct::{TcpListener, TcpStream};
//! use runtimes::stackful::{go, wait};
//! use runtimes::{Config, Runtime, Spawner, schedulers::stackful::Variant};
//!
//! let runtime = Variant::start(&Config::new(2))?;
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

/// Runs `code` as a task in direct style: on a coroutine of its own, where [`wait`] suspends it.
///
/// It runs on one worker, from its first line to its last: the caller's if that is one, else each in turn.
/// Aborting it, or shutting the runtime down, unwinds it at its next suspension ([`Cancelled`]).
pub fn go<S, C, T>(spawner: &EngineSpawner<S, Stackful>, code: C) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(spawner, None, code)
}

/// The same as [`go`], for a task with a name: messages about it (that it overflowed its stack) tell it.
pub fn go_named<S, C, T>(spawner: &EngineSpawner<S, Stackful>, name: impl Into<Box<str>>, code: C) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    spawn(spawner, Some(name.into()), code)
}

fn spawn<S, C, T>(spawner: &EngineSpawner<S, Stackful>, name: Option<Box<str>>, code: C) -> JoinHandle<T>
where
    S: Scheduler,
    C: FnOnce() -> T + Send + 'static,
    T: Send + 'static,
{
    let pool = Arc::clone(spawner.body());
    spawner.spawn_pinned(move || Direct {
        name,
        own_task: true,
        held: false,
        state: State::New(code, pool),
        frames: PhantomData,
    })
}

/// Suspends the calling direct-style code for `duration`.
///
/// # Panics
/// As [`wait`].
pub fn sleep(reactor: &reactor::Handle, duration: Duration) {
    wait(time::sleep(reactor, duration));
}

/// Unwinds direct-style code whose task was aborted, dropped or left at shutdown.
///
/// It travels as a panic's payload, so that destructors run, but is not reported by the panic hook. Code that
/// catches panics should pass it on (`resume_unwind`). If it does not, the next [`wait`] or [`suspend`] unwinds
/// again; code that swallows it again and again is given up: its stack and what is on it are leaked.
#[derive(Debug)]
#[non_exhaustive]
pub struct Cancelled;

/// Waits for `future`: polls it here, and suspends the calling direct-style code until its task is woken, as
/// often as it takes. Other tasks of the worker run meanwhile.
///
/// Locals live on across it on the same thread, so they need not be `Send`. But as with any code on one thread that
/// is interleaved with other code, a `RefCell` borrow or a lock guard held across `wait` is met by the other
/// tasks, and a lock that another task waits for without suspending is a deadlock. Do not suspend inside a callback of
/// code that sets a thread-local for the callback's length and relies on callbacks ending in the reverse order of
/// their begin, as crates for scoped thread-locals do: another task's callback may begin and end in between. No
/// safe stackful coroutine can rule that out.
///
/// # Panics
/// - With the panic of the future.
/// - When called outside direct-style code, or from inside a poll: a future must not suspend the stack below it.
/// - When it would have to suspend while its thread is unwinding from a panic (from a destructor): the process
///   would then be "panicking" for the other tasks. A future that is ready at once is fine there.
/// - With [`Cancelled`] when the task is cancelled.
// Inlined, so that the switch out of a loop that waits is in the very frame that the switch into it returned to:
// elsewhere the processor's return predictor misses twice, some 20 ns.
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

/// Lets other tasks run: goes to the end of the worker's queue.
///
/// # Panics
/// As [`wait`].
#[inline(always)]
pub fn suspend() {
    let current = Current::claim("suspend");
    current.check_cancelled();
    current.waker().wake_by_ref();
    current.suspend();
}

/// Direct-style code as a future, for any executor that can keep it on one thread.
///
/// Dropping it while it is suspended unwinds its stack, with [`Cancelled`], so that its destructors run.
///
/// It is not `Send`, whatever the closure is:
/// ```compile_fail,E0277
/// fn check<T: Send>(_: T) {}
/// check(runtimes::stackful::Direct::new(runtimes::stackful::Pool::new(0), || ()));
/// ```
pub struct Direct<C, T> {
    state: State<C>,
    name: Option<Box<str>>,
    /// The whole body of a task of ours, polled by the engine with the task's waker: it may be preempted.
    own_task: bool,
    /// Preempted: the task is held.
    held: bool,
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
    pub fn new(pool: Arc<Pool>, closure: C) -> Self {
        Self { state: State::New(closure, pool), name: None, own_task: false, held: false, frames: PhantomData }
    }
}

/// Nothing in it is pinned: the closure moves to its stack at the first poll.
impl<C, T> Unpin for Direct<C, T> {}

impl<C: FnOnce() -> T, T> Future for Direct<C, T> {
    type Output = T;

    /// # Panics
    /// With the closure's panic, when the system refuses a stack, and when polled again after it was ready.
    fn poll(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<T> {
        let (mut fiber, mut slot) = match mem::replace(&mut self.state, State::Finished) {
            State::New(closure, pool) => (ManuallyDrop::new(take(&pool, self.own_task)), Slot::Closure(closure)),
            State::Suspended(fiber) => (fiber, Slot::Empty),
            State::Finished => panic!("direct-style code was polled after it had finished"),
        };
        let turn = Turn::new(context.waker(), self.name.as_deref(), (&raw mut slot).cast(), false);
        let preempted = if matches!(slot, Slot::Closure(_)) {
            // SAFETY: the fiber is fresh from the pool, and `call` expects such a turn and slot.
            turn.run(&mut fiber, self.own_task, |fiber, turn| unsafe { fiber.start(const { &Self::JOB }, turn) })
        } else {
            // SAFETY: the fiber is suspended in `call` of these types, which expects such a turn and slot.
            turn.run(&mut fiber, self.own_task, |fiber, turn| unsafe { fiber.resume(turn) })
        };
        if preempted || self.held {
            self.held = preempted;
            // SAFETY: only a task's whole body is preempted, whose waker this is, on this worker.
            unsafe { preempt::hold_or_release(context.waker(), preempted) };
        }
        match slot {
            Slot::Result(result) => {
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
        let State::Suspended(mut fiber) = mem::replace(&mut self.state, State::Finished) else { return };
        let mut slot = Slot::<C, T>::Empty;
        let turn = Turn::new(Waker::noop(), self.name.as_deref(), (&raw mut slot).cast(), true);
        // SAFETY: the fiber is suspended in `call` of these types, which expects such a turn and slot.
        // If it was preempted it runs on, without being preempted again, to where it suspends by itself. (The engine has
        // left it that far already, unless the runtime is shutting down.)
        turn.run(&mut fiber, false, |fiber, turn| unsafe { fiber.resume(turn) });
        // Without a result the code has swallowed every cancellation; its frames stay as they are for ever.
        let Slot::Result(result) = slot else { return };
        drop(ManuallyDrop::into_inner(fiber));
        if let Err(payload) = result
            && !payload.is::<Cancelled>()
            && !thread::panicking()
        {
            resume_unwind(payload);
        }
    }
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
/// The header's turn is a `Turn` whose slot is a `Slot<C, T>`, in this and every later turn; in this one the
/// slot holds the closure.
unsafe fn call<C: FnOnce() -> T, T>(header: &Header) {
    // SAFETY: the caller's; the resumer does not touch the slot while the code runs.
    let first = unsafe { &mut *Turn::slot(header).cast::<Slot<C, T>>() };
    let Slot::Closure(closure) = mem::replace(first, Slot::Empty) else { return };
    let result = catch_unwind(AssertUnwindSafe(closure));
    // SAFETY: as above; it is another slot by now if the code was suspended.
    unsafe { *Turn::slot(header).cast::<Slot<C, T>>() = Slot::Result(result) };
}
