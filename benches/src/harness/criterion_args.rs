//! Criterion's flags: checked here, then read again by criterion itself, see `criterions_process`.

use std::time::Duration;

use super::args::{FULL, QUICK};
use crate::cell::Timing;
use crate::value::{fraction, name, profile_seconds, seconds};

/// What criterion understands. The names are its own.
#[derive(Clone, Debug, clap::Args)]
pub struct CriterionArgs {
    #[arg(long, help = stated("Samples per cell, at least 10", |t| t.samples as f64), value_name = "N", value_parser = clap::value_parser!(u32).range(10..=1_000_000))]
    sample_size: Option<u32>,

    #[arg(long, help = stated("Warm-up of each cell, in seconds", |t| t.warm_up.as_secs_f64()), value_name = "SECONDS", value_parser = seconds)]
    warm_up_time: Option<Duration>,

    #[arg(long, help = stated("Measurement of each cell, in seconds", |t| t.measurement.as_secs_f64()), value_name = "SECONDS", value_parser = seconds)]
    measurement_time: Option<Duration>,

    #[arg(long, help = stated("Bootstrap resamples of the intervals", |t| t.resamples as f64), value_name = "N", value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
    nresamples: Option<u32>,

    /// Changes smaller than this fraction are noise [default: 0.01]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    noise_threshold: Option<f64>,

    /// Confidence level of the intervals [default: 0.95]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    confidence_level: Option<f64>,

    /// Significance level of comparisons [default: 0.05]
    #[arg(long, value_name = "FRACTION", value_parser = fraction)]
    significance_level: Option<f64>,

    /// Keep the results under this name [default: base]
    #[arg(long, short = 's', value_name = "NAME", value_parser = name, conflicts_with_all = ["baseline", "baseline_lenient"])]
    save_baseline: Option<String>,

    /// Compare with the results kept under this name, which every cell must have
    #[arg(long, short = 'b', value_name = "NAME", value_parser = name, conflicts_with = "baseline_lenient")]
    baseline: Option<String>,

    /// Compare with the results kept under this name where there are some
    #[arg(long, value_name = "NAME", value_parser = name)]
    baseline_lenient: Option<String>,

    /// Compare kept results with --baseline instead of measuring
    #[arg(long, value_name = "NAME", value_parser = name, requires = "baseline", conflicts_with = "profile_time")]
    load_baseline: Option<String>,

    /// Leave no files of criterion's behind
    #[arg(long, conflicts_with_all = ["save_baseline", "baseline", "baseline_lenient"])]
    discard_baseline: bool,

    /// Iterate each cell for so many seconds under a profiler and record nothing
    #[arg(long, value_name = "SECONDS", value_parser = profile_seconds)]
    profile_time: Option<Duration>,

    /// Pass on what criterion prints, with its statistics
    #[arg(long, short = 'v')]
    verbose: bool,

    /// Accepted: criterion's own lines are not shown unless --verbose
    #[arg(long, short = 'q', conflicts_with = "verbose")]
    quiet: bool,

    /// Colour of criterion's lines
    #[arg(long, short = 'c', alias = "colour", value_parser = ["auto", "always", "never"], default_value = "auto")]
    color: String,

    /// Accepted: criterion's own plots are never made, the page has them
    #[arg(long, short = 'n')]
    noplot: bool,

    /// Accepted: as --noplot
    #[arg(long, value_parser = ["gnuplot", "plotters"])]
    plotting_backend: Option<String>,

    /// Form of criterion's lines
    #[arg(long, value_parser = ["criterion", "bencher"], default_value = "criterion")]
    output_format: String,
}

/// `what`, with the value that is used where none is given: help that is written twice goes stale.
fn stated(what: &str, value: fn(&Timing) -> f64) -> String {
    format!("{what} [default: {}, with --quick {}]", value(&FULL), value(&QUICK))
}

/// How two results are compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Against<'a> {
    /// The name under which the old results are kept.
    pub baseline: &'a str,
    /// Whether every cell must have one.
    pub strict: bool,
}

impl CriterionArgs {
    /// `base`, as far as no flag says otherwise.
    pub(super) fn timing(&self, base: Timing) -> Timing {
        let count = |given: Option<u32>, default| {
            given.map_or(default, |n| usize::try_from(n).unwrap_or(default))
        };
        Timing {
            samples: count(self.sample_size, base.samples),
            adapt: self.sample_size.is_none() && base.adapt,
            warm_up: self.warm_up_time.unwrap_or(base.warm_up),
            measurement: self.measurement_time.unwrap_or(base.measurement),
            counted: base.counted,
            resamples: count(self.nresamples, base.resamples),
        }
    }

    /// Whether criterion is asked for something else than to sample.
    pub(super) fn yields_no_result(&self) -> bool {
        self.profile_time.is_some() || self.load_baseline.is_some()
    }

    /// How long criterion is asked to profile, if at all.
    pub(super) fn profile_time(&self) -> Duration {
        self.profile_time.unwrap_or_default()
    }

    /// The comparison asked for.
    pub fn against(&self) -> Option<Against<'_>> {
        let strict = self.baseline.as_deref().map(|baseline| Against { baseline, strict: true });
        strict.or(self
            .baseline_lenient
            .as_deref()
            .map(|baseline| Against { baseline, strict: false }))
    }

    /// The name under which the results are to be kept.
    pub fn save(&self) -> Option<&str> {
        self.save_baseline.as_deref()
    }

    /// Whether the user wants to see criterion's own lines.
    pub fn wants_criterions_lines(&self) -> bool {
        self.verbose || self.output_format == "bencher" || self.yields_no_result()
    }

    /// The arguments of a process in which criterion runs. What `timing` covers it is told by
    /// calls.
    pub fn criterions_own(&self) -> Vec<String> {
        let mut flags = vec!["--bench".to_owned(), format!("--color={}", self.color)];
        // Whoever does not want its lines is not shown its progress on standard error either, of
        // which the other format has none.
        let format = if self.wants_criterions_lines() { &self.output_format } else { "bencher" };
        flags.push(format!("--output-format={format}"));
        let switches = [
            ("--verbose", self.verbose),
            ("--quiet", self.quiet),
            ("--discard-baseline", self.discard_baseline),
        ];
        flags.extend(switches.into_iter().filter(|(_, set)| *set).map(|(flag, _)| flag.to_owned()));
        let mut value = |flag: &str, value: Option<String>| {
            flags.extend(value.map(|value| format!("{flag}={value}")))
        };
        value("--noise-threshold", self.noise_threshold.map(|v| v.to_string()));
        value("--confidence-level", self.confidence_level.map(|v| v.to_string()));
        value("--significance-level", self.significance_level.map(|v| v.to_string()));
        value("--save-baseline", self.save_baseline.clone());
        value("--baseline", self.baseline.clone());
        value("--baseline-lenient", self.baseline_lenient.clone());
        value("--load-baseline", self.load_baseline.clone());
        value("--profile-time", self.profile_time.map(|v| v.as_secs_f64().to_string()));
        flags
    }
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Line {
        #[command(flatten)]
        criterion: CriterionArgs,
    }

    fn parse(line: &str) -> CriterionArgs {
        let arguments = std::iter::once("harness").chain(line.split_whitespace());
        Line::try_parse_from(arguments).unwrap_or_else(|e| panic!("{e}")).criterion
    }

    #[test]
    fn flags_reach_criterion_and_times_do_not() {
        let flags =
            parse("--save-baseline a --noise-threshold 0.05 -v --color never --warm-up-time 2 -n")
                .criterions_own();
        let expected = [
            "--bench",
            "--color=never",
            "--output-format=criterion",
            "--verbose",
            "--noise-threshold=0.05",
        ];
        assert_eq!(flags[..5], expected);
        assert_eq!(flags[5..], ["--save-baseline=a"]);
    }

    #[test]
    fn comparisons_are_strict_or_lenient() {
        assert_eq!(parse("--baseline a").against(), Some(Against { baseline: "a", strict: true }));
        assert_eq!(
            parse("--baseline-lenient a").against(),
            Some(Against { baseline: "a", strict: false })
        );
        assert_eq!(parse("--save-baseline a").against(), None);
        assert_eq!(parse("--save-baseline a").save(), Some("a"));
    }

    #[test]
    fn names_cannot_leave_the_directory() {
        assert!(Line::try_parse_from(["harness", "--save-baseline", "../a"]).is_err());
        assert!(Line::try_parse_from(["harness", "--load-baseline", "a"]).is_err());
        assert!(Line::try_parse_from(["harness", "--profile-time", "0.5"]).is_err());
    }
}
