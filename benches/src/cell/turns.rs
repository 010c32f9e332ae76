//! Who takes turns with whom: one at a time, everybody once a round, in an order that is drawn anew
//! for each.
//!
//! Each seat belongs to a thread. A round begins when all of them ask for their turn, and nobody
//! gets out of it before the last has had theirs. So between two turns nobody computes anything
//! that could disturb who is being measured, and all have had the same number of turns at any time.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

use crate::matrix::shuffle;

/// The table at which all sit.
#[derive(Debug)]
pub(super) struct Turns {
    state: Mutex<State>,
    changed: Condvar,
    seed: u64,
}

#[derive(Debug)]
struct State {
    /// Who has not left, by seat.
    seated: Vec<bool>,
    /// Who waits for a turn in the round that has not begun.
    waiting: Vec<usize>,
    /// Who has a turn in this round still, the next last. Whose turn it is stays until it is over.
    order: Vec<usize>,
    /// Rounds that are over.
    rounds: u64,
}

/// A place at the table, left when dropped.
#[derive(Debug)]
pub(super) struct Seat<'a> {
    turns: &'a Turns,
    index: usize,
}

impl Turns {
    /// For so many. The order of their turns follows from `seed`.
    pub(super) fn new(seats: usize, seed: u64) -> Self {
        let state =
            State { seated: vec![true; seats], waiting: Vec::new(), order: Vec::new(), rounds: 0 };
        Self { state: Mutex::new(state), changed: Condvar::new(), seed }
    }

    /// The seat with the number `index`, from 0. Everybody waits until it is taken.
    pub(super) fn seat(&self, index: usize) -> Seat<'_> {
        Seat { turns: self, index }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        // Whoever panicked in between had no turn: what is locked is consistent.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, state: MutexGuard<'a, State>) -> MutexGuard<'a, State> {
        self.changed.wait(state).unwrap_or_else(PoisonError::into_inner)
    }

    /// Begins a round if everybody waits for it.
    fn begin_if_all_wait(&self, state: &mut State) {
        let seated = state.seated.iter().filter(|&&seated| seated).count();
        if seated > 0 && state.waiting.len() == seated && state.order.is_empty() {
            state.order = std::mem::take(&mut state.waiting);
            // Who came first depends on threads; the order must depend on the seed alone.
            state.order.sort_unstable();
            shuffle(&mut state.order, self.seed, state.rounds + 1);
        }
        self.changed.notify_all();
    }
}

impl Seat<'_> {
    /// Waits for this seat's turn, calls `act`, and waits until everybody has had theirs.
    pub(super) fn take_turn<T>(&self, act: impl FnOnce() -> T) -> T {
        let turns = self.turns;
        let mut state = turns.state();
        state.waiting.push(self.index);
        turns.begin_if_all_wait(&mut state);
        while state.order.last() != Some(&self.index) {
            state = turns.wait(state);
        }
        drop(state);
        let turn = Turn(self);
        let result = act();
        drop(turn);
        result
    }
}

/// A turn, over when dropped, also by a panic.
struct Turn<'a>(&'a Seat<'a>);

impl Drop for Turn<'_> {
    fn drop(&mut self) {
        let turns = self.0.turns;
        let mut state = turns.state();
        let round = state.rounds;
        state.order.pop();
        if state.order.is_empty() {
            state.rounds += 1;
            turns.begin_if_all_wait(&mut state);
        }
        turns.changed.notify_all();
        while state.rounds == round {
            state = turns.wait(state);
        }
    }
}

impl Drop for Seat<'_> {
    fn drop(&mut self) {
        let mut state = self.turns.state();
        state.seated[self.index] = false;
        self.turns.begin_if_all_wait(&mut state);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;
    use std::thread;

    use super::*;

    /// Three take five, three and four turns. Returns who had them.
    fn play(seed: u64) -> Vec<usize> {
        let (turns, had) = (Turns::new(3, seed), Mutex::new(Vec::new()));
        let alone = Mutex::new(());
        thread::scope(|scope| {
            for (index, count) in [5, 3, 4].into_iter().enumerate() {
                let seat = turns.seat(index);
                let (had, alone) = (&had, &alone);
                scope.spawn(move || {
                    for _ in 0..count {
                        seat.take_turn(|| {
                            let _alone = alone.try_lock().expect("one at a time");
                            had.lock().expect("nobody panics").push(index);
                        });
                    }
                });
            }
        });
        had.into_inner().expect("nobody panics")
    }

    #[test]
    fn everybody_has_one_turn_a_round_and_who_leaves_is_not_waited_for() {
        let had = play(1);
        assert_eq!(had.len(), 12);
        for round in had[..9].chunks(3) {
            let mut round = round.to_vec();
            round.sort_unstable();
            assert_eq!(round, [0, 1, 2]);
        }
        let mut fourth = had[9..11].to_vec();
        fourth.sort_unstable();
        assert_eq!((&fourth[..], had[11]), (&[0, 2][..], 0));
    }

    #[test]
    fn the_order_follows_from_the_seed() {
        assert_eq!(play(1), play(1));
        assert!((2..20).any(|seed| play(seed) != play(1)));
    }

    #[test]
    fn a_panic_in_a_turn_ends_the_turn() {
        let turns = Turns::new(2, 1);
        thread::scope(|scope| {
            let (one, other) = (turns.seat(0), turns.seat(1));
            let panicking = scope.spawn(move || one.take_turn(|| panic!("on purpose")));
            scope.spawn(move || {
                other.take_turn(|| ());
                other.take_turn(|| ());
            });
            assert!(panicking.join().is_err());
        });
    }
}
