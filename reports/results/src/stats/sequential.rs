//! When a comparison is decided, if one looks again and again, at many of them.
//!
//! Who stops as soon as a difference shows will see one sooner or later where there is none. So the
//! looks are fixed before the first round, and the probability of error that is allowed to the
//! whole plan is spread evenly over all comparisons and looks (a group-sequential design with
//! Bonferroni's bounds; Jennison and Turnbull 2000, "Group Sequential Methods with Applications to
//! Clinical Trials"). With few, widely spaced looks that costs little: a bound of Student's t grows
//! slowly with the number of looks.

use super::location::Location;

/// The probability that any verdict of a plan calls a difference that is none, and that a tie is
/// called where the difference is as large as the band.
pub const ERROR: f64 = 0.05;

/// Of fewer rounds nothing is said.
pub const LEAST_ROUNDS: usize = 5;

/// How a runtime compares with the one named first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It takes less, by more than the band.
    Less,
    /// It takes more, by more than the band.
    More,
    /// Whatever the difference is, it is less than the band.
    Tie,
    /// The rounds do not tell.
    Undecided,
}

/// The rules of a plan, fixed before its first round.
#[derive(Clone, Debug, PartialEq)]
pub struct Design {
    looks: Vec<usize>,
    comparisons: usize,
    /// The logarithm of the ratio from which on there is a difference.
    edge: f64,
}

impl Design {
    /// Looks ever more rarely, up to `most` rounds.
    pub fn adaptive(most: usize, comparisons: usize, band: f64) -> Self {
        let mut looks = Vec::new();
        let mut next = LEAST_ROUNDS;
        // Two looks close to each other cost error and tell nothing.
        while next * 6 <= most * 5 {
            looks.push(next);
            next = (next * 7).div_ceil(5);
        }
        looks.push(most.max(1));
        Self::with(looks, comparisons, band)
    }

    /// Looks once, after `rounds`.
    pub fn fixed(rounds: usize, comparisons: usize, band: f64) -> Self {
        Self::with(vec![rounds.max(1)], comparisons, band)
    }

    fn with(looks: Vec<usize>, comparisons: usize, band: f64) -> Self {
        Self { looks, comparisons: comparisons.max(1), edge: band.ln_1p() }
    }

    /// The rounds after which it looks.
    pub fn looks(&self) -> &[usize] {
        &self.looks
    }

    /// The most rounds.
    pub fn most(&self) -> usize {
        self.looks.last().copied().unwrap_or(LEAST_ROUNDS)
    }

    /// The share of [`ERROR`] for one look at one comparison. There is one look more than planned,
    /// for who has to stop early.
    fn share(&self) -> f64 {
        ERROR / (self.looks.len() + usize::from(self.looks.len() > 1)) as f64
    }

    /// The standard errors by which a difference must lie beyond the edge, and a tie within it.
    fn bounds(&self, location: &Location) -> (f64, f64) {
        let share = self.share();
        // A difference may be called in either direction.
        let difference = location.quantile(share / (2 * self.comparisons) as f64);
        // Too large a difference may be called a tie on one side only, and each comparison stands
        // for itself: a tie claims no discovery.
        (difference, location.quantile(share))
    }

    /// What a look says. It is to be asked at the planned looks, and once when measuring ends.
    pub fn judge(&self, location: &Location) -> Verdict {
        if location.n < LEAST_ROUNDS {
            return Verdict::Undecided;
        }
        let (difference, tie) = self.bounds(location);
        let distance = location.middle.abs();
        if distance - difference * location.error > self.edge {
            if location.middle < 0.0 { Verdict::Less } else { Verdict::More }
        } else if distance + tie * location.error < self.edge {
            Verdict::Tie
        } else {
            Verdict::Undecided
        }
    }

    /// About how many rounds more a verdict would take, if the spread stays as it is. `None` where
    /// the difference is so close to the edge that 1,000 would not do, or the spread is unknown.
    pub fn missing(&self, location: &Location) -> Option<usize> {
        let (difference, tie) = self.bounds(location);
        let gap = location.middle.abs() - self.edge;
        let bound = if gap > 0.0 { difference } else { tie };
        let needed = location.n as f64 * (bound * location.error / gap).powi(2);
        // More rounds than there are, even if chance was on the side of the rounds so far.
        let missing = (needed - location.n as f64).max(1.0).ceil();
        (missing <= 1_000.0).then_some(missing as usize)
    }
}
