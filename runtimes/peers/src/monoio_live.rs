//! The list of a monoio runtime's unfinished tasks, on its thread. `monoio_task` says what it is
//! for.

use std::cell::{Cell, RefCell};
use std::fmt;
use std::future::{Future, poll_fn};
use std::mem;
use std::rc::Rc;
use std::task::{Poll, Waker};

use slab::Slab;

thread_local! {
    /// The list of the runtime whose tasks run on this thread at the moment.
    static HERE: RefCell<Option<Rc<Live>>> = const { RefCell::new(None) };
    /// Its runtime's number, 0 for none.
    static RUNTIME: Cell<u64> = const { Cell::new(0) };
}

/// The unfinished tasks of one runtime. Stays on its thread.
pub(super) struct Live {
    runtime: u64,
    tasks: RefCell<Slab<Entry>>,
    /// Numbers the tasks; a slot of `tasks` is used again, a number is not.
    next: Cell<u64>,
    /// Unfinished tasks that have been aborted: while there are none, nobody looks for a mark.
    aborted: Cell<usize>,
    /// Of whoever waits for the last task.
    emptied: RefCell<Option<Waker>>,
}

#[derive(Debug)]
struct Entry {
    number: u64,
    /// Of the task, once it has been pending.
    waker: Option<Waker>,
    aborted: bool,
}

/// Which task is meant.
#[derive(Clone, Copy, Debug)]
pub(super) struct Id {
    key: usize,
    number: u64,
}

impl fmt::Debug for Live {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Live").field("runtime", &self.runtime).finish_non_exhaustive()
    }
}

impl Live {
    pub(super) fn new(runtime: u64) -> Self {
        Self {
            runtime,
            tasks: RefCell::default(),
            next: Cell::new(0),
            aborted: Cell::new(0),
            emptied: RefCell::default(),
        }
    }

    /// The list of `runtime`, when its tasks run on this thread at the moment.
    pub(super) fn here(runtime: u64) -> Option<Rc<Self>> {
        // A thread that ends may drop a handle when its storage is gone: it runs no tasks.
        if !Self::is_here(runtime) {
            return None;
        }
        HERE.try_with(|here| here.borrow().clone()).ok()?
    }

    /// Whether the tasks of `runtime` run on this thread at the moment.
    #[inline]
    pub(super) fn is_here(runtime: u64) -> bool {
        RUNTIME.get() == runtime
    }

    /// The number of the runtime.
    pub(super) fn runtime(&self) -> u64 {
        self.runtime
    }

    /// Takes a new task in.
    #[inline]
    pub(super) fn admit(&self) -> Id {
        let number = self.next.replace(self.next.get() + 1);
        let key = self.tasks.borrow_mut().insert(Entry { number, waker: None, aborted: false });
        Id { key, number }
    }

    /// Runs `body` with this list as the one of the tasks on this thread.
    pub(super) fn attend<R>(self: &Rc<Self>, body: impl FnOnce() -> R) -> R {
        struct Restore(u64, Option<Rc<Live>>);
        impl Drop for Restore {
            fn drop(&mut self) {
                RUNTIME.set(self.0);
                HERE.set(self.1.take());
            }
        }
        let _restore = Restore(RUNTIME.replace(self.runtime), HERE.replace(Some(Rc::clone(self))));
        body()
    }

    pub(super) fn is_empty(&self) -> bool {
        self.tasks.borrow().is_empty()
    }

    #[inline]
    pub(super) fn is_aborted(&self, id: Id) -> bool {
        self.aborted.get() > 0 && self.tasks.borrow()[id.key].aborted
    }

    /// Keeps the waker of a task that is pending for the first time.
    #[inline]
    pub(super) fn keep(&self, id: Id, waker: &Waker) {
        let entry = &mut self.tasks.borrow_mut()[id.key];
        entry.waker = Some(waker.clone());
        if entry.aborted {
            waker.wake_by_ref(); // during its first poll
        }
    }

    #[inline]
    pub(super) fn release(&self, id: Id) {
        let mut tasks = self.tasks.borrow_mut();
        let entry = tasks.remove(id.key);
        let emptied = if tasks.is_empty() { self.emptied.take() } else { None };
        drop(tasks);
        if entry.aborted {
            self.aborted.set(self.aborted.get() - 1);
        }
        if let Some(waker) = emptied {
            waker.wake();
        }
    }

    pub(super) fn abort(&self, id: Id) {
        let mut tasks = self.tasks.borrow_mut();
        let Some(entry) = tasks.get_mut(id.key).filter(|entry| entry.number == id.number) else {
            return;
        };
        if !mem::replace(&mut entry.aborted, true) {
            self.aborted.set(self.aborted.get() + 1);
        }
        let waker = entry.waker.clone();
        drop(tasks);
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    /// Aborts every task and resolves when they are gone.
    pub(super) fn end(&self) -> impl Future<Output = ()> {
        let ids: Vec<_> = self
            .tasks
            .borrow()
            .iter()
            .map(|(key, entry)| Id { key, number: entry.number })
            .collect();
        ids.into_iter().for_each(|id| self.abort(id));
        poll_fn(|cx| {
            if self.is_empty() {
                return Poll::Ready(());
            }
            self.emptied.replace(Some(cx.waker().clone()));
            Poll::Pending
        })
    }
}
