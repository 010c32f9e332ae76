//! Location and verdicts, tried on data whose truth is known.

use rand::rngs::Xoshiro256PlusPlus;
use rand::{RngExt, SeedableRng};

use super::{Design, Location, Verdict, median};

const EDGE: f64 = 0.05;

/// What the logarithms of the ratios of successive rounds look like.
#[derive(Clone, Copy, Debug)]
enum Weather {
    /// Noise of 5 %, or of 50 %.
    LogNormal(f64),
    /// Neighbours correlate by one half.
    Serial,
    /// Three rounds in ten are 20 % slower.
    Bimodal,
    /// It grows by 10 % from the first round to the last.
    Drift,
    /// One round in ten is far out, to one side.
    Outliers,
    /// The machine's speed wanders by a third, which both feel alike.
    Machine,
}

struct Sky(Xoshiro256PlusPlus);

impl Sky {
    fn normal(&mut self) -> f64 {
        let (a, b): (f64, f64) = (self.0.random(), self.0.random());
        (-2.0 * (1.0 - a).ln()).sqrt() * (std::f64::consts::TAU * b).cos()
    }

    fn rounds(&mut self, weather: Weather, n: usize) -> Vec<f64> {
        let mut before = self.normal();
        let mut machine = 0.0;
        (0..n)
            .map(|round| match weather {
                Weather::LogNormal(noise) => noise * self.normal(),
                Weather::Serial => {
                    let now = before;
                    before = 0.5 * before + 0.75_f64.sqrt() * self.normal();
                    0.05 * now
                }
                Weather::Bimodal => {
                    let slower = if self.0.random::<f64>() < 0.3 { 0.2 } else { 0.0 };
                    slower + 0.02 * self.normal()
                }
                Weather::Drift => {
                    0.1 * (round as f64 / (n - 1) as f64 - 0.5) + 0.05 * self.normal()
                }
                Weather::Outliers => {
                    let far = self.0.random::<f64>() < 0.1;
                    let out = if far { -0.5 * (1.0 - self.0.random::<f64>()).ln() } else { 0.0 };
                    out + 0.05 * self.normal()
                }
                Weather::Machine => {
                    machine = 0.9 * machine + 0.15 * self.normal();
                    let (first, this) = (machine + 0.03 * self.normal(), machine);
                    this + 0.03 * self.normal() - first
                }
            })
            .collect()
    }
}

fn sky(seed: u64) -> Sky {
    Sky(Xoshiro256PlusPlus::seed_from_u64(seed))
}

/// The middle that very many rounds would have.
fn truth(weather: Weather) -> f64 {
    match weather {
        Weather::Bimodal | Weather::Outliers => {
            median(&sky(1).rounds(weather, 200_001)).expect("there are many")
        }
        _ => 0.0,
    }
}

/// The share of 95 % intervals that hold the truth, in per cent.
fn coverage(weather: Weather, n: usize) -> f64 {
    const TRIALS: usize = 4_000;
    let (mut sky, truth) = (sky(n as u64), truth(weather));
    let held = (0..TRIALS).filter(|_| {
        let location = Location::of(&sky.rounds(weather, n)).expect("there are rounds");
        let interval = location.interval(0.95);
        (interval.low..=interval.high).contains(&truth)
    });
    held.count() as f64 / TRIALS as f64 * 100.0
}

const ROUNDS: [usize; 7] = [5, 7, 10, 15, 20, 30, 40];

#[test]
fn intervals_hold_the_truth_as_often_as_they_say() {
    let weathers = [
        Weather::LogNormal(0.05),
        Weather::LogNormal(0.5),
        Weather::Bimodal,
        Weather::Outliers,
        Weather::Machine,
    ];
    for weather in weathers {
        let shares = ROUNDS.map(|n| coverage(weather, n));
        println!("{weather:?}: {shares:.1?}");
        assert!(shares.iter().all(|share| (92.5..=98.0).contains(share)), "{weather:?} {shares:?}");
    }
}

/// A drift looks like serial correlation: the intervals are too wide then, never too narrow. That
/// rounds are correlated shows only when there are many, and of few the intervals are too narrow.
#[test]
fn intervals_widen_where_rounds_are_correlated() {
    let shares = ROUNDS.map(|n| coverage(Weather::Drift, n));
    println!("drift: {shares:.1?}");
    assert!(shares.iter().all(|&share| share >= 93.0), "{shares:?}");
    let shares = ROUNDS.map(|n| coverage(Weather::Serial, n));
    println!("serial: {shares:.1?}");
    assert!(shares.iter().all(|&share| share >= 82.0), "{shares:?}");
    assert!(shares[5..].iter().all(|&share| share >= 91.0), "{shares:?}");
}

/// Goes on as `cargo stampede compare` does until the verdict stands.
fn verdict(sky: &mut Sky, weather: Weather, shift: f64, design: &Design) -> (Verdict, usize) {
    let rounds = sky.rounds(weather, design.most());
    for &look in design.looks() {
        let shifted: Vec<f64> = rounds[..look].iter().map(|round| round + shift).collect();
        let verdict = design.judge(&Location::of(&shifted).expect("there are rounds"));
        if verdict != Verdict::Undecided {
            return (verdict, look);
        }
    }
    (Verdict::Undecided, design.most())
}

/// How many of so many plans of 20 comparisons have a verdict that is `wrong`, if every ratio is
/// `shift` from the truth.
fn families(weather: Weather, shift: f64, wrong: impl Fn(Verdict) -> bool) -> f64 {
    const FAMILIES: usize = 400;
    let (mut sky, design) = (sky(7), Design::adaptive(80, 20, EDGE));
    let bad = (0..FAMILIES).filter(|_| {
        (0..20)
            .map(|_| verdict(&mut sky, weather, shift, &design).0)
            .fold(false, |bad, verdict| bad | wrong(verdict))
    });
    bad.count() as f64 / FAMILIES as f64 * 100.0
}

#[test]
fn plans_call_no_difference_that_is_none() {
    let differs = |verdict| matches!(verdict, Verdict::Less | Verdict::More);
    for weather in [
        Weather::LogNormal(0.05),
        Weather::LogNormal(0.5),
        Weather::Serial,
        Weather::Drift,
        Weather::Machine,
    ] {
        let (same, edge) =
            (families(weather, 0.0, differs), families(weather, EDGE.ln_1p(), differs));
        println!("{weather:?}: {same} % of plans if all are the same, {edge} % at the band's edge");
        assert!(same <= 5.0, "{weather:?}: {same} %");
        assert!(edge <= 5.0 || matches!(weather, Weather::Serial), "{weather:?}: {edge} %");
    }
}

/// The share of comparisons with `wanted` as their verdict, and the median of the rounds it took.
fn found(noise: f64, shift: f64, band: f64, wanted: Verdict) -> (f64, f64) {
    const TRIALS: usize = 2_000;
    let (mut sky, design) = (sky(3), Design::adaptive(80, 2, band));
    let verdicts: Vec<_> =
        (0..TRIALS).map(|_| verdict(&mut sky, Weather::LogNormal(noise), shift, &design)).collect();
    let share = verdicts.iter().filter(|(verdict, _)| *verdict == wanted).count();
    let rounds: Vec<f64> = verdicts.iter().map(|&(_, rounds)| rounds as f64).collect();
    (share as f64 / TRIALS as f64 * 100.0, median(&rounds).expect("there are trials"))
}

#[test]
fn ties_at_the_edge_of_the_band_are_rare() {
    for noise in [0.01, 0.03, 0.1] {
        let (ties, _) = found(noise, EDGE.ln_1p(), EDGE, Verdict::Tie);
        println!("noise {noise}: {ties} % ties at the edge");
        assert!(ties <= 5.0, "{noise}: {ties} %");
    }
}

#[test]
fn what_differs_is_found_and_what_is_equal_ties() {
    let (ties, rounds) = found(0.05, 0.0, EDGE, Verdict::Tie);
    println!("5 % noise, the same: {ties} % ties, {rounds} rounds");
    assert!(ties >= 90.0, "{ties}");
    let (more, rounds) = found(0.03, 1.1_f64.ln(), EDGE, Verdict::More);
    println!("3 % noise, 10 % more: {more} %, {rounds} rounds");
    assert!(more >= 95.0, "{more}");
    let (more, rounds) = found(0.01, 1.02_f64.ln(), 0.01, Verdict::More);
    println!("1 % noise, 2 % more, band 1 %: {more} %, {rounds} rounds");
    assert!(more >= 90.0, "{more}");
}

#[test]
fn looks_are_spread_and_end_where_they_are_told_to() {
    assert_eq!(Design::adaptive(80, 1, EDGE).looks(), [5, 7, 10, 14, 20, 28, 40, 56, 80]);
    assert_eq!(Design::adaptive(3, 1, EDGE).looks(), [3]);
    assert_eq!(Design::fixed(15, 1, EDGE).looks(), [15]);
}

#[test]
fn an_undecided_comparison_knows_what_it_lacks() {
    let design = Design::adaptive(80, 1, EDGE);
    let rounds = [0.1, -0.1, 0.08, -0.08, 0.02, -0.02];
    let location = Location::of(&rounds).expect("six");
    assert_eq!(design.judge(&location), Verdict::Undecided);
    let missing = design.missing(&location).expect("some rounds more");
    assert!((10..200).contains(&missing), "{missing}");
    let at_the_edge = Location::of(&rounds.map(|round| round + EDGE.ln_1p())).expect("six");
    assert_eq!(design.missing(&at_the_edge), None);
}

#[test]
fn too_few_rounds_decide_nothing() {
    let design = Design::fixed(4, 1, EDGE);
    let location = Location::of(&[1.0, 1.0, 1.0, 1.0]).expect("four");
    assert_eq!(design.judge(&location), Verdict::Undecided);
    assert_eq!(Location::of(&[1.0]), None);
    assert_eq!(Location::of(&[1.0, f64::NAN]), None);
}

#[test]
fn student_has_the_tabled_values() {
    let of_five = Location::of(&[0.0, 2.0, -2.0, 1.0, -1.0]).expect("five");
    // t with 4 degrees of freedom: 2.776 for 2.5 %, 8.610 for 0.05 %.
    assert!((of_five.quantile(0.025) - 2.776).abs() < 1e-3);
    assert!((of_five.quantile(0.000_5) - 8.610).abs() < 1e-2);
    assert!((of_five.quantile(1e-6) - 41.58).abs() < 0.1, "{}", of_five.quantile(1e-6));
    let interval = of_five.interval(0.95);
    assert!((interval.high - 2.776 * (2.5_f64 / 5.0).sqrt()).abs() < 1e-3, "{interval:?}");
}
