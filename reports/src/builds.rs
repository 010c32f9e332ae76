//! The same runtimes in several builds: what of the differences is the compiler's or the
//! allocator's.

use results::builds::{Builds, Finding, Holds};
use results::format;
use results::text::visible;
use serde::Serialize;

use crate::moment::moment;

/// What the page says about builds.
#[derive(Debug, Serialize)]
pub(crate) struct Part {
    reference: String,
    command: String,
    started: String,
    builds: Vec<(String, String)>,
    /// A runtime, then a pair for each build: its times over its best, and over the reference's.
    runtimes: Vec<(String, Vec<(String, String)>)>,
    /// In how many cases all builds agree, in words.
    sum: String,
    rows: Vec<Row>,
    doubt: Option<String>,
}

/// A verdict in each build.
#[derive(Debug, Serialize)]
struct Row {
    workload: String,
    runtime: String,
    /// Ratio and verdict.
    cells: Vec<(String, String)>,
    holds: &'static str,
}

pub(crate) fn part(builds: &Builds) -> Part {
    let runtimes = builds.runtimes.iter().map(|runtime| {
        let pairs = runtime.times.iter().zip(&runtime.ratios);
        (visible(&runtime.name), pairs.map(|(&t, &r)| (ratio(t), ratio(r))).collect())
    });
    Part {
        reference: visible(&builds.reference),
        command: visible(&builds.command),
        started: moment(builds.started_unix_s),
        builds: builds.builds.iter().map(|b| (visible(&b.name), visible(&b.summary))).collect(),
        runtimes: runtimes.collect(),
        sum: sum(&builds.findings),
        rows: rows(&builds.findings),
        doubt: builds.doubt.as_deref().map(visible),
    }
}

fn sum(findings: &[Finding]) -> String {
    let count = |holds| findings.iter().filter(|finding| finding.holds == holds).count();
    let (robust, depend) = (count(Holds::Robust), count(Holds::DependsOnBuild));
    format!(
        "Of {}, {robust} {} robust, {depend} {} on the build, and {} stay undecided.",
        format::count(findings.len(), "verdict"),
        if robust == 1 { "is" } else { "are" },
        if depend == 1 { "depends" } else { "depend" },
        count(Holds::Undecided),
    )
}

/// What depends on the build comes first.
fn rows(findings: &[Finding]) -> Vec<Row> {
    let mut findings: Vec<_> = findings.iter().collect();
    findings.sort_by_key(|finding| match finding.holds {
        Holds::DependsOnBuild => 0,
        Holds::Undecided => 1,
        Holds::Robust => 2,
    });
    let row = |finding: &Finding| Row {
        workload: format!("{}/w{}", visible(&finding.workload), finding.workers),
        runtime: visible(&finding.runtime),
        cells: finding
            .ratios
            .iter()
            .map(|&r| ratio(r))
            .zip(finding.verdicts.iter().map(|v| visible(v)))
            .collect(),
        holds: finding.holds.word(),
    };
    findings.into_iter().map(row).collect()
}

fn ratio(value: Option<f64>) -> String {
    value.map_or_else(|| "–".to_owned(), format::ratio)
}

#[cfg(test)]
mod tests {
    use results::builds::{Build, Runtime, VERSION};

    use super::*;

    #[test]
    fn what_depends_on_the_build_comes_first_and_is_counted() {
        let finding = |runtime: &str, verdicts: [&str; 2], holds| Finding {
            workload: "ring".to_owned(),
            workers: 1,
            runtime: runtime.to_owned(),
            ratios: vec![Some(2.0), None],
            verdicts: verdicts.map(str::to_owned).to_vec(),
            holds,
        };
        let build = |name: &str| Build { name: name.to_owned(), summary: String::new() };
        let builds = Builds {
            version: VERSION,
            started_unix_s: 0,
            command: String::new(),
            reference: "local".to_owned(),
            builds: vec![build("fat"), build("plain")],
            runtimes: vec![Runtime {
                name: "b".to_owned(),
                times: vec![Some(1.0), None],
                ratios: vec![Some(2.0), None],
            }],
            findings: vec![
                finding("b", ["slower", "slower"], Holds::Robust),
                finding("c", ["slower", "tie"], Holds::DependsOnBuild),
            ],
            doubt: None,
        };
        let part = part(&builds);
        assert!(part.sum.starts_with("Of 2 verdicts, 1 is robust, 1 depends on"), "{}", part.sum);
        assert_eq!((&*part.rows[0].runtime, part.rows[0].holds), ("c", "depends on the build"));
        assert_eq!(part.rows[0].cells[1], ("–".to_owned(), "tie".to_owned()));
        assert_eq!(part.runtimes[0].1[1], ("–".to_owned(), "–".to_owned()));
    }
}
