//! One event that many tasks wait for, fired when all of them wait.

use std::future::poll_fn;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::task::{Context, Poll};

use atomic_waker::AtomicWaker;

use crate::Failure;

/// The event. It is fired by an owner, who first waits until every task waits. No task is ever
/// polled in vain, so it works the same on runtimes that run a self-woken task again at once.
pub(crate) struct Event {
    fired: AtomicBool,
    /// One for each task.
    slots: Vec<AtomicWaker>,
    /// Tasks that wait.
    waiting: AtomicU64,
    /// How many have to wait before the owner goes on.
    awaited: AtomicU64,
    /// Whether a task was dropped before its end.
    lost: AtomicBool,
    /// The owner, awaiting `waiting` = `awaited` or `lost`.
    owner: AtomicWaker,
}

impl Event {
    /// For `tasks` tasks.
    pub(crate) fn new(tasks: usize) -> Self {
        Self {
            fired: AtomicBool::new(false),
            slots: (0..tasks).map(|_| AtomicWaker::new()).collect(),
            waiting: AtomicU64::new(0),
            awaited: AtomicU64::new(0),
            lost: AtomicBool::new(false),
            owner: AtomicWaker::new(),
        }
    }

    /// Says how many tasks have to wait for [`all_wait`](Self::all_wait) to return. To be called
    /// before the last of them is spawned.
    pub(crate) fn expect(&self, tasks: usize) {
        self.awaited.store(tasks as u64, Ordering::Relaxed);
    }

    /// Waits until the tasks expected wait.
    pub(crate) async fn all_wait(&self) -> Result<(), Failure> {
        poll_fn(|cx| {
            self.owner.register(cx.waker());
            // Acquire: pairs with the Release operations in `lose` and `poll_first`.
            if self.lost.load(Ordering::Acquire) {
                return Poll::Ready(Err(Failure::Lost("a waiting task")));
            }
            let all = self.waiting.load(Ordering::Acquire) == self.awaited.load(Ordering::Relaxed);
            if all { Poll::Ready(Ok(())) } else { Poll::Pending }
        })
        .await
    }

    /// Lets all tasks go on.
    pub(crate) fn fire(&self) {
        // Release: pairs with the Acquire load in `poll`.
        self.fired.store(true, Ordering::Release);
        self.slots.iter().for_each(AtomicWaker::wake);
    }

    /// A task that was dropped before its end says so: the owner would wait for it.
    pub(crate) fn lose(&self) {
        self.lost.store(true, Ordering::Release);
        self.owner.wake();
    }

    /// The first poll of the task with this slot.
    pub(crate) fn poll_first(&self, slot: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.slots[slot].register(cx.waker());
        // Release: the owner's Acquire load then sees that this task is registered.
        let waiting = self.waiting.fetch_add(1, Ordering::Release) + 1;
        // Relaxed: the spawn brought the value here.
        if waiting == self.awaited.load(Ordering::Relaxed) {
            self.owner.wake();
        }
        self.is_fired()
    }

    /// Each later one.
    pub(crate) fn poll(&self, slot: usize, cx: &mut Context<'_>) -> Poll<()> {
        self.slots[slot].register(cx.waker());
        self.is_fired()
    }

    fn is_fired(&self) -> Poll<()> {
        // Acquire: pairs with the Release store in `fire`.
        if self.fired.load(Ordering::Acquire) { Poll::Ready(()) } else { Poll::Pending }
    }

    /// Waits in the slot, from the first poll on.
    pub(crate) async fn wait(&self, slot: usize) {
        let mut first = true;
        poll_fn(|cx| {
            if std::mem::take(&mut first) { self.poll_first(slot, cx) } else { self.poll(slot, cx) }
        })
        .await;
    }
}

#[cfg(test)]
mod tests {
    use futures_lite::future::{block_on, poll_once, zip};

    use super::*;

    #[test]
    fn the_owner_goes_on_when_all_wait_and_the_tasks_when_it_fires() {
        let event = Event::new(2);
        event.expect(2);
        let (mut first, mut second) = (Box::pin(event.wait(0)), Box::pin(event.wait(1)));
        let mut all = Box::pin(event.all_wait());
        block_on(async {
            assert!(poll_once(&mut first).await.is_none());
            assert!(poll_once(&mut first).await.is_none(), "a second poll counts nobody twice");
            assert!(poll_once(&mut all).await.is_none(), "one is missing");
            assert!(poll_once(&mut second).await.is_none());
            all.await.expect("both wait");
            event.fire();
            zip(first, second).await;
        });
    }

    #[test]
    fn a_lost_task_ends_the_owners_wait() {
        let event = Event::new(1);
        event.expect(1);
        let mut all = Box::pin(event.all_wait());
        assert!(block_on(poll_once(&mut all)).is_none());
        event.lose();
        assert!(block_on(all).is_err());
    }
}
