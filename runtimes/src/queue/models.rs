//! Models of the queues that loom explores in every interleaving and memory order.

use std::sync::{Arc, Mutex};

use loom::cell::UnsafeCell;
use loom::thread;

use super::{Biased, Injector, Slot};
use crate::sync::{explore, explore_with_barriers};
use crate::task::Runnable;
use crate::task::models::Desk;

/// Two producers and a consumer that takes meanwhile: every task comes out once, a producer's in
/// its order, and what the producer did to it before is seen.
///
/// Fails when `push` or `take` is Relaxed, and when `push` does not write the link again after a
/// lost exchange.
#[test]
fn what_is_pushed_is_taken_once_and_in_order() {
    explore(3, || {
        let (desk, injector) = (Arc::new(Desk::default()), Arc::new(Injector::new()));
        let order = Arc::new(Mutex::new(Vec::new()));
        let producers = [10, 20].map(|producer| {
            let (desk, injector, order) = (desk.clone(), injector.clone(), order.clone());
            thread::spawn(move || {
                for i in [1, 2] {
                    let order = order.clone();
                    let (runnable, _) =
                        desk.spawn(async move { order.lock().unwrap().push(producer + i) });
                    injector.push(runnable);
                }
            })
        });
        injector.take(Runnable::run);
        producers.into_iter().for_each(|producer| producer.join().unwrap());
        injector.take(Runnable::run);
        let order = std::mem::take(&mut *order.lock().unwrap());
        let of = |producer: i32| {
            order.iter().copied().filter(|&id| id / 10 == producer / 10).collect::<Vec<_>>()
        };
        assert_eq!((of(10), of(20), order.len()), (vec![11, 12], vec![21, 22], 4));
        desk.check();
    });
}

/// An owner keeps a task, takes it, and keeps another, while somebody looks whether there is one to
/// rescue: each is run once, none stays behind, and the place knows whether it is full.
///
/// Fails when whoever takes a task leaves the place marked as full, when the owner does not mark it,
/// and when either end goes without the lock.
#[test]
fn a_kept_task_is_taken_once() {
    explore_with_barriers(3, || {
        let (desk, runs) = (Arc::new(Desk::default()), Arc::new(Mutex::new(0)));
        let (mut slot, lookout) = Slot::new(true);
        let rescuer = thread::spawn(move || {
            if let Some(task) = lookout.take() {
                task.run();
            }
        });
        let keep = |slot: &mut Slot| {
            let runs = runs.clone();
            let (task, _) = desk.spawn(async move { *runs.lock().unwrap() += 1 });
            if let Some(displaced) = slot.replace(task) {
                displaced.run();
            }
        };
        keep(&mut slot);
        if let Some(task) = slot.take() {
            task.run();
        }
        assert!(!slot.is_full());
        keep(&mut slot);
        rescuer.join().unwrap();
        let full = slot.is_full();
        let left = slot.take();
        assert_eq!(left.is_some(), full, "it is marked as what it is");
        left.into_iter().for_each(Runnable::run);
        assert_eq!(*runs.lock().unwrap(), 2);
        desk.check();
    });
}

/// An owner and two guests at one value: one at a time, and each sees what the last one did.
///
/// Fails without either side of the barrier, when either does not look for the other, and when a
/// look is Relaxed or what it pairs with is.
#[test]
fn one_user_at_a_time() {
    struct Watched(UnsafeCell<usize>);
    // SAFETY: loom checks it.
    unsafe impl Send for Watched {}
    impl Watched {
        fn touch(&mut self) {
            // SAFETY: loom checks it.
            self.0.with_mut(|value| unsafe { *value += 1 });
        }
    }
    explore_with_barriers(3, || {
        let value = Arc::new(Biased::new(Watched(UnsafeCell::new(0))));
        let guests = [(); 2].map(|()| {
            let value = value.clone();
            thread::spawn(move || usize::from(value.visit(Watched::touch).is_some()))
        });
        for _ in 0..2 {
            // SAFETY: this thread is the owner.
            unsafe { value.own(Watched::touch) };
        }
        let visits: usize = guests.into_iter().map(|guest| guest.join().unwrap()).sum();
        // SAFETY: as above.
        let touched = unsafe { value.own(|watched| watched.0.with(|value| *value)) };
        assert_eq!(touched, 2 + visits);
    });
}
