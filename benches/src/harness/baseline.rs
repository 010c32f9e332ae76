//! Results kept under a name, and what has changed since.
//!
//! Criterion keeps its own beside its samples. Latency and memory cells are not criterion's, so
//! their records are kept in `target/stampede/baselines/NAME`.

use std::path::PathBuf;

use anyhow::{Context, Result, bail};
use hdrhistogram::Histogram;
use results::histogram;
use results::schema::{Measurement, Record};
use results::store::{Store, load, read};
use serde::Deserialize;
use workloads::Kind;

use super::criterion_args::{Against, CriterionArgs};
use crate::matrix::Cell;
use crate::paths::Paths;
use results::percentile::SUMMARY;
use results::stats::median;

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

    /// Refuses a comparison with results that are not there before anything is measured.
    pub(super) fn check(&self, cells: &[Cell]) -> Result<()> {
        let Some(Against { baseline, strict: true }) = self.against else { return Ok(()) };
        // What was kept by another version cannot be compared with, and says so.
        for cell in cells.iter().filter(|cell| cell.workload.kind != Kind::Throughput) {
            let path = self.path(cell, baseline);
            if path.exists() {
                load(&path).with_context(|| {
                    format!("the baseline `{baseline}` for {} is of no use", cell.id())
                })?;
            }
        }
        let Some(missing) = cells.iter().find(|cell| !self.path(cell, baseline).exists()) else {
            return Ok(());
        };
        bail!(
            "there is no baseline `{baseline}` for {}: keep one with --save-baseline {baseline}, \
             or compare what there is with --baseline-lenient",
            missing.id()
        )
    }

    /// Keeps the record of a latency or memory cell under the name asked for.
    pub(super) fn keep(&self, record: &Record) -> Result<()> {
        if let Some(store) = &self.save {
            store.write(record).context("cannot keep the baseline")?;
        }
        Ok(())
    }

    /// What has changed, in words, when a comparison was asked for and is possible.
    pub(super) fn change(&self, cell: &Cell, measurement: &Measurement) -> Option<String> {
        let baseline = self.against?.baseline;
        let words = match cell.workload.kind {
            Kind::Throughput => self.criterions_verdict(cell),
            Kind::Latency => tails_changed(&load(&self.path(cell, baseline)).ok()?, measurement),
            Kind::Memory => bytes_changed(&load(&self.path(cell, baseline)).ok()?, measurement),
        };
        Some(format!("{} against {baseline}", words?))
    }

    fn path(&self, cell: &Cell, baseline: &str) -> PathBuf {
        let Cell { workload, runtime, workers } = cell;
        match workload.kind {
            Kind::Throughput => self.criterion_home.join(cell.id()).join(baseline),
            Kind::Latency | Kind::Memory => self.records_dir.join(baseline).join(format!(
                "{}.{}.w{workers}.json",
                workload.name,
                runtime.name()
            )),
        }
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
