//! Results kept under a name, and what has changed since.
//!
//! Criterion keeps its own beside its samples. What it does not know, with which parameters and on
//! which machine they were taken, is in our records, which are kept in
//! `target/stampede/baselines/NAME`; so are latency and memory cells, which are not criterion's. What
//! was taken otherwise is not compared, and a comparison that was not made is not shown.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use results::format;
use results::histogram;
use results::schema::{Measurement, Record};
use results::store::{Store, load, read};
use serde::Deserialize;
use workloads::Kind;

use super::criterion_args::{Against, CriterionArgs};
use crate::matrix::Cell;
use crate::params::{self, Overrides};
use crate::paths::Paths;
use crate::session::Session;
use results::percentile::SUMMARY;
use results::stats::median;
use results::text::chain;

/// How the cells of this run are measured.
#[derive(Clone, Copy, Debug)]
pub(super) struct Now<'a> {
    pub(super) session: &'a Session,
    pub(super) overrides: &'a Overrides,
}

/// What `--save-baseline`, `--baseline` and `--baseline-lenient` ask for.
#[derive(Debug)]
pub(super) struct Baselines<'a> {
    criterion_home: PathBuf,
    records_dir: PathBuf,
    against: Option<Against<'a>>,
    save: Option<Store>,
}

impl<'a> Baselines<'a> {
    pub(super) fn new(args: &'a CriterionArgs, paths: &Paths) -> Result<Self> {
        let Paths { baselines, criterion_home, .. } = paths.clone();
        let save = args.save().map(|name| Store::open(baselines.join(name))).transpose()?;
        Ok(Self { criterion_home, records_dir: baselines, against: args.against(), save })
    }

    /// Refuses a comparison that cannot be made, before anything is measured: `now`, unless it is of
    /// what was kept before.
    pub(super) fn check(&self, cells: &[Cell], now: Option<Now<'_>>) -> Result<()> {
        let Some(Against { baseline, strict: true }) = self.against else { return Ok(()) };
        for cell in cells {
            if !self.place(cell, baseline).exists() {
                bail!(
                    "there is no baseline `{baseline}` for {}: keep one with --save-baseline \
                     {baseline}, or compare what there is with --baseline-lenient",
                    cell.id()
                );
            }
            if let Some(Err(reason)) = now.map(|now| self.kept(cell, baseline, now)) {
                bail!("the baseline `{baseline}` for {} is of no use: {reason}", cell.id());
            }
        }
        Ok(())
    }

    /// What was kept of `cell`, or why that cannot be compared with what is measured now.
    fn kept(&self, cell: &Cell, baseline: &str, now: Now<'_>) -> Result<Record, String> {
        let path = self.record_path(cell, baseline);
        if !self.place(cell, baseline).exists() {
            return Err("there is none".to_owned());
        }
        if !path.exists() {
            return Err("it was kept without its parameters".to_owned());
        }
        let kept = load(&path).map_err(|error| chain(&error))?;
        let params = params::to_map(&now.overrides.of(cell.workload));
        let differing =
            params.iter().find(|(name, value)| kept.workload.params.get(*name) != Some(value));
        if let Some((name, value)) = differing {
            let before = kept.workload.params.get(name).map_or("none".to_owned(), u64::to_string);
            return Err(format!("`{name}` was {before} and is {value}"));
        }
        let (before, machine) = (&kept.run.machine, now.session.stamp().machine);
        if (&before.cpu, before.cores) != (&machine.cpu, machine.cores) {
            return Err(format!(
                "it is from another machine: {} with {}",
                before.cpu,
                format::count(before.cores, "core")
            ));
        }
        Ok(kept)
    }

    /// Keeps the record of a cell under the name asked for.
    pub(super) fn keep(&self, record: &Record) -> Result<()> {
        if let Some(store) = &self.save {
            store.write(record).context("cannot keep the baseline")?;
        }
        Ok(())
    }

    /// What has changed, in words, or why that is not known, when a comparison was asked for.
    pub(super) fn change(
        &self,
        cell: &Cell,
        measurement: &Measurement,
        now: Now<'_>,
    ) -> Option<String> {
        let baseline = self.against?.baseline;
        let words = self.kept(cell, baseline, now).and_then(|kept| {
            let words = match cell.workload.kind {
                Kind::Throughput => self.criterions_verdict(cell),
                Kind::Latency => tails_changed(&kept, measurement),
                Kind::Memory => bytes_changed(&kept, measurement),
            };
            words.ok_or_else(|| "it has no figures".to_owned())
        });
        Some(match words {
            Ok(words) => format!("{words} against {baseline}"),
            Err(reason) => format!("not compared with {baseline}: {reason}"),
        })
    }

    /// What must be there for a comparison.
    fn place(&self, cell: &Cell, baseline: &str) -> PathBuf {
        match cell.workload.kind {
            Kind::Throughput => self.criterion_home.join(cell.id()).join(baseline),
            Kind::Latency | Kind::Memory => self.record_path(cell, baseline),
        }
    }

    fn record_path(&self, cell: &Cell, baseline: &str) -> PathBuf {
        let Cell { workload, runtime, workers } = cell;
        let name = format!("{}.{}.w{workers}.json", workload.name, runtime.name());
        self.records_dir.join(baseline).join(name)
    }

    /// The change of the median as criterion bootstrapped it.
    fn criterions_verdict(&self, cell: &Cell) -> Option<String> {
        let text = read(&self.criterion_home.join(cell.id()).join("change/estimates.json")).ok()?;
        let Changes { median } = serde_json::from_slice(&text).ok()?;
        let Interval { lower_bound, upper_bound } = median.confidence_interval;
        let [low, point, high] = [lower_bound, median.point_estimate, upper_bound].map(percent);
        Some(format!("{point} ({low} … {high})"))
    }
}

/// The part of criterion's `change/estimates.json` that we show.
#[derive(Deserialize)]
struct Changes {
    median: Estimate,
}

#[derive(Deserialize)]
struct Estimate {
    point_estimate: f64,
    confidence_interval: Interval,
}

#[derive(Deserialize)]
struct Interval {
    lower_bound: f64,
    upper_bound: f64,
}

fn tails_changed(old: &Record, new: &Measurement) -> Option<String> {
    let old = old.outcome.measured()?;
    let mut words = Vec::new();
    for (name, text) in &new.histograms {
        let new: Histogram<u64> = histogram::decode(text).ok()?;
        let old = histogram::decode(old.histograms.get(name)?).ok()?;
        for percentile in SUMMARY {
            let [new, old] = [&new, &old].map(|h| h.value_at_quantile(percentile.share) as f64);
            words.push(format!(
                "{name} {} {}",
                percentile.short,
                percent(new / old.max(1.0) - 1.0)
            ));
        }
    }
    (!words.is_empty()).then(|| words.join(", "))
}

fn bytes_changed(old: &Record, new: &Measurement) -> Option<String> {
    let (old, new) =
        (median(&old.outcome.measured()?.bytes_per_operation)?, median(&new.bytes_per_operation)?);
    Some(format!("memory {}", percent(new / old.max(1.0) - 1.0)))
}

fn percent(fraction: f64) -> String {
    let percent = fraction * 100.0;
    // No change of that size is one that anybody measured.
    if percent.abs() < 1e9 { format!("{percent:+.1} %") } else { format!("{percent:+.0e} %") }
}
