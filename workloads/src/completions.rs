//! Completion times of a crowd of tasks, written without a lock, a queue or a shared counter.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures_channel::oneshot;

use crate::Failure;

/// One slot per task. The completions is complete when its last [`Entry`] is dropped: the reference
/// count of the `Arc` is the count of tasks that are still to finish, so a task that is dropped
/// unfinished closes its entry too, and leaves its slot empty.
#[derive(Debug)]
pub(crate) struct Completions {
    slots: Vec<AtomicU64>,
    /// Taken by the drop.
    close: Option<oneshot::Sender<Vec<u64>>>,
}

/// The right to fill one slot.
#[derive(Debug)]
pub(crate) struct Entry {
    completions: Arc<Completions>,
    slot: usize,
}

/// What the completions holds in the end.
#[derive(Debug)]
pub(crate) struct Closed(oneshot::Receiver<Vec<u64>>);

impl Completions {
    pub(crate) fn new(slots: usize) -> (Arc<Self>, Closed) {
        let (close, closed) = oneshot::channel();
        let slots = (0..slots).map(|_| AtomicU64::new(0)).collect();
        (Arc::new(Self { slots, close: Some(close) }), Closed(closed))
    }

    pub(crate) fn entry(self: &Arc<Self>, slot: usize) -> Entry {
        Entry { completions: Arc::clone(self), slot }
    }
}

impl Entry {
    /// Fills the slot with `value`, which must not be 0.
    pub(crate) fn fill(self, value: u64) {
        // Relaxed: dropping the Arc releases it to whoever drops the last one.
        self.completions.slots[self.slot].store(value, Ordering::Relaxed);
    }
}

impl Drop for Completions {
    fn drop(&mut self) {
        let values = self.slots.drain(..).map(AtomicU64::into_inner).collect();
        if let Some(close) = self.close.take() {
            // Fails only when nobody waits for the completions any more.
            let _ = close.send(values);
        }
    }
}

impl Closed {
    /// Waits until every entry is gone and returns the slots; 0 stands for one that nobody filled.
    pub(crate) async fn wait(self) -> Result<Vec<u64>, Failure> {
        self.0.await.map_err(|_| Failure::Lost("the completions of completions"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use futures_lite::future::{block_on, poll_once};

    #[test]
    fn it_closes_with_its_last_entry_and_shows_what_was_not_filled() {
        let (completions, closed) = Completions::new(3);
        let entries = [completions.entry(0), completions.entry(1), completions.entry(2)];
        drop(completions);
        let mut closed = Box::pin(closed.wait());
        let [zero, one, two] = entries;
        two.fill(7);
        drop(one);
        assert!(block_on(poll_once(&mut closed)).is_none(), "one entry is still open");
        std::thread::spawn(move || zero.fill(5));
        assert_eq!(block_on(closed).unwrap(), [5, 0, 7]);
    }
}
