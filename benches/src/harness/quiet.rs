//! What was measured while the machine was busy is measured again, but not for ever.

use results::noise::{Noise, percent};

use crate::cell::Finished;

/// How often a step is measured at most.
const TRIES: usize = 3;

/// One step in so many may be measured again, or all of a busy machine's run would be.
const RETRIED: usize = 10;

/// What a step's cells came to, and what else went on meanwhile, if the system says so.
pub(super) type Tried = (Vec<Finished>, Option<Noise>);

/// The tries that a run has left.
#[derive(Debug)]
pub(super) struct Retries(usize);

impl Retries {
    /// For a run of so many steps.
    pub(super) fn of(steps: usize) -> Self {
        Self(steps.div_ceil(RETRIED))
    }

    /// Measures until it was quiet or no try is left, and returns the quietest try, with its noise
    /// on record. What failed would fail again, and is not tried again; nor is what a signal ended.
    /// `tell` hears why there is another try.
    pub(super) fn quietest(
        &mut self,
        mut measure: impl FnMut() -> Tried,
        tell: impl Fn(&str),
    ) -> Vec<Finished> {
        let (mut best, mut noise) = measure();
        for _ in 1..TRIES {
            let Some(loud) = noise.filter(Noise::is_loud) else { break };
            if self.0 == 0 || !best.iter().all(is_measured) {
                break;
            }
            self.0 -= 1;
            tell(&in_the_way(&loud));
            let (again, now) = measure();
            let ended = again.iter().any(|finished| finished.interrupted);
            if ended || now.is_some_and(|now| sum(&now) < sum(&loud)) {
                (best, noise) = (again, now);
            }
        }
        // Where the system does not say how noisy it was, nothing is said of it.
        if let Some(noise) = noise {
            best.iter_mut().for_each(|finished| finished.outcome.beside(noise));
        }
        best
    }
}

fn is_measured(finished: &Finished) -> bool {
    !finished.interrupted && finished.outcome.measured().is_some()
}

fn sum(noise: &Noise) -> f64 {
    noise.steal + noise.others
}

fn in_the_way(noise: &Noise) -> String {
    let (steal, others) = (percent(noise.steal), percent(noise.others));
    format!("the hypervisor took {steal} of the machine's time and other processes {others}")
}

#[cfg(test)]
mod tests {
    use results::schema::{Measurement, Outcome};

    use super::*;

    fn finished(outcome: Outcome) -> Finished {
        let (printed, elapsed) = (Vec::new(), Default::default());
        Finished { outcome, printed, elapsed, interrupted: false }
    }

    fn tried(steal: f64, wall_ns: f64) -> Tried {
        let measurement = Measurement { samples_ns: vec![wall_ns], ..Measurement::default() };
        (
            vec![finished(Outcome::Measured(measurement))],
            Some(Noise { steal, others: 0.0, waiting: 0.0 }),
        )
    }

    /// What is kept of these tries, with the steal that is on record, and how many there were.
    fn quietest(retries: &mut Retries, tries: Vec<Tried>) -> (f64, f64, usize) {
        let (mut tries, mut made) = (tries.into_iter(), 0);
        let measure = || {
            made += 1;
            tries.next().expect("no more tries than that")
        };
        let kept = retries.quietest(measure, |reason| assert!(reason.contains("hypervisor")));
        let measurement = kept[0].outcome.measured().expect("measured");
        (measurement.samples_ns[0], measurement.noise.expect("on record").steal, made)
    }

    #[test]
    fn what_was_quiet_is_measured_once() {
        assert_eq!(quietest(&mut Retries(5), vec![tried(0.01, 1.0)]), (1.0, 0.01, 1));
    }

    #[test]
    fn the_quietest_of_three_is_kept_with_its_noise() {
        let tries = vec![tried(0.5, 1.0), tried(0.1, 2.0), tried(0.3, 3.0)];
        assert_eq!(quietest(&mut Retries(5), tries), (2.0, 0.1, 3));
        assert_eq!(
            quietest(&mut Retries(5), vec![tried(0.5, 1.0), tried(0.0, 2.0)]),
            (2.0, 0.0, 2)
        );
    }

    #[test]
    fn a_run_on_a_busy_machine_ends() {
        let mut retries = Retries::of(11);
        let busy = || vec![tried(0.5, 1.0), tried(0.5, 2.0), tried(0.5, 3.0)];
        let made: Vec<_> = (0..3).map(|_| quietest(&mut retries, busy()).2).collect();
        assert_eq!(made, [3, 1, 1]);
    }

    #[test]
    fn what_failed_is_not_tried_again() {
        let failed = Outcome::Failed { reason: "wrong".to_owned() };
        let noise = Noise { steal: 0.9, others: 0.0, waiting: 0.0 };
        let mut made = 0;
        Retries(5).quietest(
            || {
                made += 1;
                (vec![finished(failed.clone())], Some(noise))
            },
            |_| (),
        );
        assert_eq!(made, 1);
    }
}
