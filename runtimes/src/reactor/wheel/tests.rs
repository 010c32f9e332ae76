//! The wheel against an ordered map, with random operations over all magnitudes of time.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering::Relaxed};
use std::task::{Wake, Waker};

use super::{Key, Wheel};

/// A waker that can be told apart: it records when it was taken.
struct Mark {
    id: u64,
    woken: AtomicU32,
}

impl Wake for Mark {
    fn wake(self: Arc<Self>) {
        self.woken.fetch_add(1, Relaxed);
    }
}

/// Deterministic numbers (xorshift64*).
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_F491_4F6C_DD1D)
    }

    /// A number whose magnitude is uniform: nanoseconds as likely as years.
    fn magnitude(&mut self, bits: u32) -> u64 {
        let width = self.next() % u64::from(bits) + 1;
        self.next() >> (64 - width)
    }
}

/// What the wheel should do, said simply.
#[derive(Default)]
struct Model {
    now_ns: u64,
    /// Deadline and identity: what fires first comes first.
    pending: BTreeMap<(u64, u64), (Key, Arc<Mark>)>,
}

impl Model {
    /// Moves both on, and checks that exactly the due timers fire, in the order of their deadlines.
    fn advance(&mut self, wheel: &mut Wheel, now_ns: u64, limit: usize) {
        self.now_ns = self.now_ns.max(now_ns);
        let later = self.pending.split_off(&(self.now_ns + 1, 0));
        let due = std::mem::replace(&mut self.pending, later);
        wheel.advance(now_ns);
        let mut deadlines = Vec::new();
        while let Some(deadline_ns) = wheel.first_due_ns() {
            let mut wakers = Vec::new();
            wheel.take_due(limit, &mut wakers);
            assert!(wakers.len() <= limit);
            deadlines.push(deadline_ns);
            wakers.into_iter().for_each(Waker::wake);
        }
        assert!(deadlines.is_sorted(), "not in order: {deadlines:?}");
        for ((deadline_ns, _), (key, mark)) in due {
            assert_eq!(
                mark.woken.load(Relaxed),
                1,
                "timer {} of {deadline_ns} did not fire once",
                mark.id
            );
            assert!(wheel.cancel(key).is_none(), "it cannot be cancelled any more");
            assert!(wheel.waker_mut(key).is_none());
        }
        self.check(wheel);
    }

    fn check(&self, wheel: &Wheel) {
        assert_eq!(wheel.len(), self.pending.len());
        assert_eq!(wheel.now_ns(), self.now_ns);
        let earliest = self.pending.keys().next().map(|key| key.0);
        match (wheel.next_deadline_ns(), earliest) {
            (Some(bound), Some(earliest)) => {
                assert!(bound <= earliest && bound > self.now_ns, "{bound} {earliest}")
            }
            (bound, earliest) => assert_eq!(bound, earliest),
        }
        for (_, mark) in self.pending.values() {
            assert_eq!(mark.woken.load(Relaxed), 0, "a timer fired early");
        }
    }
}

#[test]
fn does_what_an_ordered_map_does() {
    for seed in 1..=60 {
        let mut random = Random(seed);
        let (mut wheel, mut model) = (Wheel::new(), Model::default());
        // Some seeds stay within milliseconds, others span everything that fits.
        let bits = [20, 34, 50, 63][seed as usize % 4];
        for id in 0..600 {
            match random.next() % 10 {
                0..6 => {
                    let deadline_ns =
                        model.now_ns.saturating_add(random.magnitude(bits)).min(u64::MAX - 1);
                    let mark = Arc::new(Mark { id, woken: AtomicU32::new(0) });
                    match wheel.insert(deadline_ns, mark.clone().into()) {
                        Some(key) => drop(model.pending.insert((deadline_ns, id), (key, mark))),
                        None => assert!(deadline_ns <= model.now_ns, "a future timer was refused"),
                    }
                }
                6..8 if !model.pending.is_empty() => {
                    let nth = random.next() as usize % model.pending.len();
                    let (&entry, _) = model.pending.iter().nth(nth).expect("there are enough");
                    let (key, _) = model.pending.remove(&entry).expect("it is there");
                    assert!(wheel.cancel(key).is_some());
                    assert!(wheel.cancel(key).is_none(), "twice is once");
                }
                8 => {
                    // Exactly to the next deadline, and to the moment before it.
                    if let Some((&(deadline_ns, _), _)) = model.pending.iter().next() {
                        model.advance(&mut wheel, deadline_ns - 1, 1);
                        model.advance(&mut wheel, deadline_ns, 1);
                    }
                }
                _ => {
                    let now_ns =
                        model.now_ns.saturating_add(random.magnitude(bits)).min(u64::MAX - 1);
                    model.advance(&mut wheel, now_ns, 7);
                }
            }
        }
        model.check(&wheel);
        let mut wakers = Vec::new();
        wheel.drain(&mut wakers);
        assert_eq!(wakers.len(), model.pending.len());
        assert_eq!((wheel.len(), wheel.next_deadline_ns()), (0, None));
    }
}

#[test]
fn equal_deadlines_fire_in_the_order_in_which_they_were_armed() {
    let mut wheel = Wheel::new();
    let marks: Vec<_> =
        (0..100).map(|id| Arc::new(Mark { id, woken: AtomicU32::new(0) })).collect();
    // A later one in the same bucket comes first, so that the bucket has to be sorted.
    let last: Waker = Arc::new(Mark { id: 100, woken: AtomicU32::new(0) }).into();
    wheel.insert(5_000_001, last.clone());
    for mark in &marks {
        wheel.insert(5_000_000, mark.clone().into());
    }
    wheel.advance(1_000_000_000);
    let mut wakers = Vec::new();
    wheel.take_due(usize::MAX, &mut wakers);
    assert_eq!(wakers.len(), 101);
    for (waker, mark) in wakers.iter().zip(&marks) {
        assert!(waker.will_wake(&mark.clone().into()), "timer {} is out of order", mark.id);
    }
    assert!(wakers[100].will_wake(&last));
}

#[test]
fn names_the_next_deadline_to_the_nanosecond() {
    let mut wheel = Wheel::new();
    let waker = Waker::noop();
    let keys: Vec<_> = [7_000_000_123, 7_000_000_100, 9_999_999_999]
        .map(|ns| wheel.insert(ns, waker.clone()))
        .into();
    assert_eq!(wheel.next_deadline_ns(), Some(7_000_000_100));
    // After a cancel it may be too early, once: the first turn that it causes puts it right.
    wheel.cancel(keys[1].expect("pending"));
    let bound = wheel.next_deadline_ns().expect("two are left");
    wheel.advance(bound);
    assert_eq!(wheel.next_deadline_ns(), Some(7_000_000_123));
}

#[test]
fn memory_is_reused() {
    let mut wheel = Wheel::new();
    let mut wakers = Vec::new();
    for round in 1..1_000_u64 {
        let keys: Vec<_> =
            (0..10).map(|n| wheel.insert(round * 1_000 + n, Waker::noop().clone())).collect();
        wheel.cancel(keys[3].expect("pending"));
        wheel.advance(round * 1_000 + 500);
        wheel.take_due(usize::MAX, &mut wakers);
    }
    assert_eq!(wakers.len(), 999 * 9);
    assert_eq!(wheel.nodes.len(), 10, "no more nodes than were pending at once");
}
