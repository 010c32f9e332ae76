//! Open-loop load, drawn before the clock starts: when each request arrives and how long it takes.

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand_distr::{Distribution, Exp1, Uniform};

/// One request, as it is meant to happen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Request {
    /// Intended arrival, in nanoseconds after the start of the schedule.
    pub at_ns: u64,
    /// Service time in nanoseconds.
    pub service_ns: f64,
}

/// How service times are distributed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// Every request takes the mean.
    Fixed,
    /// Exponential: with Poisson arrivals and one worker, the M/M/1 queue of the textbooks.
    Exponential,
    /// One of [`PERIOD`] requests takes [`LONG_OVER_SHORT`] times as long as the others: Shinjuku's
    /// and Concord's bimodal distribution of 99.5 % and 0.5 %. The share is exact, one in each
    /// `PERIOD` consecutive ones at a random place: with independent draws the load of a few
    /// thousand requests would be off by a fifth.
    Bimodal,
}

/// Of so many requests of [`Shape::Bimodal`] one is long.
pub const PERIOD: usize = 200;

/// How much longer it takes.
pub const LONG_OVER_SHORT: f64 = 1_000.0;

/// Draws `count` requests with exponential gaps of mean `gap_ns` and service times of mean
/// `service_ns`.
///
/// The same arguments give the same requests on every machine. Gaps and service times come from two
/// generators, so that another shape meets the same arrivals.
pub fn poisson(
    seed: u64,
    count: usize,
    gap_ns: f64,
    service_ns: f64,
    shape: Shape,
) -> Vec<Request> {
    let mut gaps = Xoshiro256PlusPlus::seed_from_u64(seed);
    let mut services = Xoshiro256PlusPlus::seed_from_u64(!seed);
    let unit = |rng: &mut Xoshiro256PlusPlus| -> f64 { Exp1.sample(rng) };
    // A float until the last moment: rounding each gap would bend the rate.
    let mut at_ns = 0.0;
    let short_ns = service_ns * PERIOD as f64 / ((PERIOD - 1) as f64 + LONG_OVER_SHORT);
    let place = Uniform::new(0, PERIOD).expect("the range is not empty");
    let mut long = 0;
    (0..count)
        .map(|number| {
            at_ns += gap_ns * unit(&mut gaps);
            let service_ns = match shape {
                Shape::Fixed => service_ns,
                Shape::Exponential => service_ns * unit(&mut services),
                Shape::Bimodal => {
                    if number % PERIOD == 0 {
                        long = number + place.sample(&mut services);
                    }
                    if number == long { LONG_OVER_SHORT * short_ns } else { short_ns }
                }
            };
            Request { at_ns: at_ns as u64, service_ns }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const COUNT: usize = 200_000;

    fn mean_and_deviation(values: impl Iterator<Item = f64> + Clone) -> (f64, f64) {
        let n = values.clone().count() as f64;
        let mean = values.clone().sum::<f64>() / n;
        let variance = values.map(|v| (v - mean) * (v - mean)).sum::<f64>() / n;
        (mean, variance.sqrt())
    }

    fn close(got: f64, want: f64) -> bool {
        // The mean of 200,000 exponentials has a standard error of 0.22 %; the deviation's is 0.45
        // %.
        (got / want - 1.0).abs() < 0.02
    }

    #[test]
    fn gaps_and_services_are_exponential_with_the_mean_asked_for() {
        for seed in [1, 2, 3] {
            let requests = poisson(seed, COUNT, 30_000.0, 20_000.0, Shape::Exponential);
            let gaps = requests.windows(2).map(|pair| (pair[1].at_ns - pair[0].at_ns) as f64);
            let (mean, deviation) = mean_and_deviation(gaps.clone());
            assert!(
                close(mean, 30_000.0) && close(deviation, 30_000.0),
                "gaps: {mean} ± {deviation}"
            );
            let above = gaps.filter(|&gap| gap > 30_000.0).count() as f64 / COUNT as f64;
            assert!(close(above, (-1.0_f64).exp()), "{above} of the gaps exceed the mean");
            let (mean, deviation) = mean_and_deviation(requests.iter().map(|r| r.service_ns));
            assert!(
                close(mean, 20_000.0) && close(deviation, 20_000.0),
                "services: {mean} ± {deviation}"
            );
        }
    }

    #[test]
    fn one_request_in_each_period_is_long_and_the_mean_is_as_asked_for() {
        let requests = poisson(1, 20 * PERIOD, 100.0, 50.0, Shape::Bimodal);
        let shortest_ns = requests.iter().map(|r| r.service_ns).fold(f64::INFINITY, f64::min);
        let mut places = Vec::new();
        for period in requests.chunks(PERIOD) {
            let long: Vec<_> =
                (0..PERIOD).filter(|&i| period[i].service_ns > shortest_ns).collect();
            let [place] = long[..] else { panic!("{} are long", long.len()) };
            assert!((period[place].service_ns / shortest_ns - LONG_OVER_SHORT).abs() < 1e-6);
            places.push(place);
        }
        let mean_ns = requests.iter().map(|r| r.service_ns).sum::<f64>() / requests.len() as f64;
        assert!((mean_ns - 50.0).abs() < 1e-9, "{mean_ns}");
        places.sort_unstable();
        places.dedup();
        assert!(places.len() > 10, "the places are not random: {places:?}");
    }

    #[test]
    fn gaps_and_services_are_independent() {
        let requests = poisson(7, COUNT, 1e6, 1e6, Shape::Exponential);
        let gaps = requests.windows(2).map(|pair| (pair[1].at_ns - pair[0].at_ns) as f64);
        let product = gaps.zip(&requests[1..]).map(|(gap, r)| gap * r.service_ns).sum::<f64>();
        assert!(close(product / COUNT as f64, 1e12), "the mean product of independent units is 1");
    }

    #[test]
    fn the_seed_decides_and_the_shape_leaves_arrivals_alone() {
        let drawn = |seed, shape| poisson(seed, 1_000, 100.0, 50.0, shape);
        assert_eq!(drawn(1, Shape::Exponential), drawn(1, Shape::Exponential));
        assert_ne!(drawn(1, Shape::Exponential), drawn(2, Shape::Exponential));
        for (fixed, exponential) in drawn(1, Shape::Fixed).iter().zip(drawn(1, Shape::Exponential))
        {
            assert_eq!(fixed.at_ns, exponential.at_ns);
            assert_eq!(fixed.service_ns, 50.0);
        }
    }
}
