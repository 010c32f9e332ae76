//! What else went on in a machine while something was measured.

use serde::{Deserialize, Serialize};

use crate::stats::middle_and_most;

/// How the machine's processor time was spent meanwhile, as shares of the whole (0 to 1).
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Noise {
    /// Taken by the hypervisor for other guests.
    pub steal: f64,
    /// Used by processes that are not ours.
    pub others: f64,
    /// How long threads of ours that could run waited for a processor, all together, over the time
    /// that passed: two that wait all the time make 2.
    #[serde(default)]
    pub waiting: f64,
}

impl Noise {
    /// More of the machine's time than this that others took makes times, if not ratios, suffer.
    pub const BUSY: f64 = 0.1;
    /// The most of the machine's time that the hypervisor may take from what `cargo bench`
    /// measures.
    pub const MOST_STEAL: f64 = 0.05;
    /// The most that other processes may take.
    pub const MOST_OTHERS: f64 = 0.25;

    /// Whether there was more of it than what is measured may have. Ratios of what took turns stand
    /// nevertheless; latencies do not.
    pub fn is_loud(&self) -> bool {
        self.steal > Self::MOST_STEAL || self.others > Self::MOST_OTHERS
    }

    /// The worse of the two in each respect.
    #[must_use]
    pub fn worse(self, other: Self) -> Self {
        Self {
            steal: self.steal.max(other.steal),
            others: self.others.max(other.others),
            waiting: self.waiting.max(other.waiting),
        }
    }
}

/// What the `noises` of a run amount to, in words, and whether the machine was busy; nothing
/// without any.
pub fn sum_up(noises: &[Noise]) -> Option<(String, bool)> {
    let spread =
        |of: fn(&Noise) -> f64| middle_and_most(&noises.iter().map(of).collect::<Vec<_>>());
    let (steal, worst_steal) = spread(|noise| noise.steal)?;
    let (others, worst_others) = spread(|noise| noise.others)?;
    let (waiting, worst_waiting) = spread(|noise| noise.waiting)?;
    let words = format!(
        "steal {} of the machine's time in the middle and {} at most, other processes {} and {}; \
         of its own threads {waiting:.2} and {worst_waiting:.2} waited for a processor",
        percent(steal),
        percent(worst_steal),
        percent(others),
        percent(worst_others),
    );
    Some((words, steal + others > Noise::BUSY))
}

/// `2.5 %`
pub fn percent(share: f64) -> String {
    format!("{:.1} %", share * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_limit_makes_it_loud() {
        let noise = |steal, others| Noise { steal, others, waiting: 9.0 };
        assert!(!noise(Noise::MOST_STEAL, Noise::MOST_OTHERS).is_loud());
        assert!(noise(0.06, 0.0).is_loud() && noise(0.0, 0.26).is_loud());
    }

    #[test]
    fn a_run_is_summed_up_by_its_middle_and_its_worst() {
        let noise = |steal, others| Noise { steal, others, waiting: 0.0 };
        assert_eq!(sum_up(&[]), None);
        let quiet = [noise(0.0, 0.01), noise(0.01, 0.02), noise(0.3, 0.5)];
        let said = "steal 1.0 % of the machine's time in the middle and 30.0 % at most, other \
                    processes 2.0 % and 50.0 %; of its own threads 0.00 and 0.00 waited for a \
                    processor";
        assert_eq!(sum_up(&quiet), Some((said.to_owned(), false)));
        assert!(sum_up(&[noise(0.06, 0.06)]).is_some_and(|(_, busy)| busy));
        assert_eq!(noise(0.1, 0.2).worse(noise(0.0, 0.3)), noise(0.1, 0.3));
    }
}
