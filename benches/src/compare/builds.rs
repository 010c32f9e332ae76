//! What of the verdicts is the policy's, and what the build's. A verdict is robust when it is the
//! same in every build: layout and inlining move figures as much as policies do.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use results::builds::{self as stored, Builds, Finding, Holds, Runtime};
use results::stats::geometric_mean;
use workloads::Kind;

use super::plan::{Contender, Plan, title};
use super::sheet::{Row, Sheet};
use super::verdict::{Verdict, word};
use crate::contestants::Build;

const HEADING: Style = Style::new().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default();

/// When and how a comparison was made.
#[derive(Clone, Debug)]
pub struct Origin<'a> {
    /// When it began, in seconds since 1970.
    pub started_unix_s: u64,
    /// The command that repeats it.
    pub command: &'a str,
    /// Why all of it is doubtful, if it is.
    pub doubt: Option<String>,
}

/// Whether the verdict on a column is that on the same runtime in every other build. None where
/// builds are not compared, and for the runtime that the others are compared with.
pub fn holds(sheet: &Sheet, column: usize) -> Option<Holds> {
    let columns = &sheet.endpoint.columns;
    let this = &columns[column];
    if this.build.is_none() || this.control || this.name == columns[0].name {
        return None;
    }
    let entered = columns.iter().enumerate().filter(|(_, c)| c.name == this.name && !c.control);
    let verdicts: Vec<_> = entered.map(|(column, _)| verdict(sheet, column)).collect();
    let mut decided = verdicts.iter().copied().filter(|&verdict| verdict != Verdict::Undecided);
    let first = decided.next();
    Some(if decided.any(|verdict| Some(verdict) != first) {
        Holds::DependsOnBuild
    } else if verdicts.contains(&Verdict::Undecided) {
        Holds::Undecided
    } else {
        Holds::Robust
    })
}

/// That on a column but the first.
fn verdict(sheet: &Sheet, column: usize) -> Verdict {
    match sheet.rows()[column].comparison {
        Some(_) => sheet.verdicts()[column - 1],
        None => Verdict::Undecided,
    }
}

/// What the builds came to, or `None` where they are not compared.
pub fn sum_up(plan: &Plan, sheets: &[Sheet], origin: Origin<'_>) -> Option<Builds> {
    let (mut builds, mut names): (Vec<Build>, Vec<&str>) = Default::default();
    for contender in &plan.contenders {
        let build = contender.build?;
        if !builds.contains(&build) {
            builds.push(build);
        }
        if !names.contains(&&*contender.name) {
            names.push(&contender.name);
        }
    }
    let reference = *names.first()?;
    let stored = |build: &Build| stored::Build {
        name: build.name.to_owned(),
        summary: build.summary.to_owned(),
    };
    Some(Builds {
        version: stored::VERSION,
        started_unix_s: origin.started_unix_s,
        command: origin.command.to_owned(),
        reference: reference.to_owned(),
        builds: builds.iter().map(stored).collect(),
        runtimes: names.iter().map(|name| runtime(name, reference, &builds, sheets)).collect(),
        findings: sheets.iter().flat_map(|sheet| findings(sheet, &names[1..], &builds)).collect(),
        doubt: origin.doubt,
    })
}

/// The columns of a runtime: one for each of `builds`, if it is there.
fn in_builds<'a>(
    sheet: &'a Sheet,
    name: &'a str,
    builds: &'a [Build],
) -> impl Iterator<Item = Option<usize>> + 'a {
    let is = move |column: &Contender, build: Build| {
        column.name == name && column.build == Some(build) && !column.control
    };
    builds.iter().map(move |&build| sheet.endpoint.columns.iter().position(|c| is(c, build)))
}

fn runtime(name: &str, reference: &str, builds: &[Build], sheets: &[Sheet]) -> Runtime {
    // Of time, where it has a figure in all builds: means are over the same cells everywhere.
    let timed = sheets.iter().filter(|sheet| sheet.endpoint.workload.kind != Kind::Memory);
    let mut whole = Vec::new();
    for sheet in timed {
        let rows = in_builds(sheet, name, builds).map(|column| Some(&sheet.rows()[column?]));
        whole.extend(rows.collect::<Option<Vec<_>>>());
    }
    let mean = |build: usize, of: fn(&Row) -> Option<f64>| {
        let values: Option<Vec<f64>> =
            whole.iter().map(|rows: &Vec<&Row>| of(rows[build])).collect();
        geometric_mean(values?)
    };
    let each = |of| (0..builds.len()).map(|build| mean(build, of)).collect::<Vec<_>>();
    let times = each(|row| row.median);
    let best = times.iter().flatten().copied().fold(f64::INFINITY, f64::min);
    let ratios = if name == reference {
        times.iter().map(|time| time.map(|_| 1.0)).collect()
    } else {
        each(|row| Some(row.comparison?.ratio))
    };
    let times = times.into_iter().map(|time| Some(time? / best)).collect();
    Runtime { name: name.to_owned(), times, ratios }
}

fn findings(sheet: &Sheet, names: &[&str], builds: &[Build]) -> Vec<Finding> {
    let finding = |name: &&str| {
        let columns: Vec<_> = in_builds(sheet, name, builds).collect();
        let holds = holds(sheet, columns.iter().flatten().copied().next()?)?;
        let (workload, kind) = (sheet.endpoint.workload.name, sheet.endpoint.workload.kind);
        let verdict = |column: &Option<usize>| {
            word(column.map_or(Verdict::Undecided, |c| verdict(sheet, c)), kind).to_owned()
        };
        let ratio = |column: &Option<usize>| Some(sheet.rows()[(*column)?].comparison?.ratio);
        Some(Finding {
            workload: workload.to_owned(),
            workers: sheet.endpoint.workers,
            runtime: (*name).to_owned(),
            ratios: columns.iter().map(ratio).collect(),
            verdicts: columns.iter().map(verdict).collect(),
            holds,
        })
    };
    names.iter().filter_map(finding).collect()
}

// Writing to a string cannot fail, so the results of `writeln!` are dropped throughout.

/// The same as a person reads it.
pub fn render(builds: &Builds) -> String {
    let mut text = String::new();
    if builds.runtimes.len() > 1 {
        verdicts(&mut text, builds);
    }
    costs(&mut text, builds);
    text
}

fn verdicts(text: &mut String, builds: &Builds) {
    let _ = writeln!(text, "{HEADING}Verdicts in all builds{HEADING:#}, to {}", builds.reference);
    for Runtime { name, .. } in &builds.runtimes[1..] {
        let own = || builds.findings.iter().filter(|finding| finding.runtime == *name);
        let count = |holds| own().filter(|finding| finding.holds == holds).count();
        let [robust, depend, undecided] =
            [Holds::Robust, Holds::DependsOnBuild, Holds::Undecided].map(count);
        let _ = writeln!(
            text,
            "  {name}: {robust} robust, {depend} depending on the build, {undecided} undecided"
        );
        for finding in own().filter(|finding| finding.holds == Holds::DependsOnBuild) {
            let words: Vec<_> = finding
                .verdicts
                .iter()
                .zip(&builds.builds)
                .map(|(verdict, build)| format!("{verdict} in {}", build.name))
                .collect();
            let title = title(&finding.workload, finding.workers);
            let _ = writeln!(text, "    {CAUTION}{title}{CAUTION:#}: {}", words.join(", "));
        }
    }
    text.push('\n');
}

fn costs(text: &mut String, builds: &Builds) {
    let names = builds.runtimes.iter().map(|runtime| runtime.name.len());
    let width = names.max().unwrap_or(0).max("runtime".len());
    let _ = writeln!(
        text,
        "{HEADING}Times in each build{HEADING:#} over those in the best build of the same runtime, \
         geometric mean"
    );
    let heads: String = builds.builds.iter().map(|b| format!("  {:>8}", b.name)).collect();
    let _ = writeln!(text, "  {:width$}{heads}", "runtime");
    for runtime in &builds.runtimes {
        let cell = |time: &Option<f64>| match time {
            Some(time) => format!("  {time:>8.3}"),
            None => format!("  {:>8}", "?"),
        };
        let cells: String = runtime.times.iter().map(cell).collect();
        let _ = writeln!(text, "  {:width$}{cells}", runtime.name);
    }
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::in_two_builds;
    use super::super::sheet::tests::block;
    use super::super::sheet::{Block, Figures, Run};
    use super::super::verdict::Design;
    use super::*;

    /// Five rounds of local and work-stealing in one build, and then in the other.
    fn sheet(ns: [f64; 4]) -> Sheet {
        let mut sheet = Sheet::new(in_two_builds().endpoints[0].clone());
        for round in 1..=5 {
            let run = |figure| Run::Measured(Figures { figure, involuntary_switches: 0 });
            // The last is the control.
            let runs = ns.into_iter().chain([ns[0]]).map(run).collect();
            sheet.push(Block { runs, ..block(round, [1.0; 3]) });
        }
        sheet.judge(&Design::fixed(5, 4, 0.05));
        sheet
    }

    fn text(sheet: Sheet) -> String {
        let origin = Origin { started_unix_s: 0, command: "", doubt: None };
        let builds = sum_up(&in_two_builds(), &[sheet], origin).expect("two are compared");
        let text = render(&builds);
        anstream::adapter::strip_str(&text).to_string()
    }

    #[test]
    fn a_verdict_is_robust_when_it_is_the_same_in_every_build() {
        let sheet = sheet([10.0, 20.0, 40.0, 80.0]);
        assert_eq!([0, 1, 2, 3, 4].map(|column| holds(&sheet, column)), {
            let robust = Some(Holds::Robust);
            [None, robust, None, robust, None]
        });
        let text = text(sheet);
        assert!(text.contains("work-stealing: 1 robust, 0 depending"), "{text}");
        // Each takes four times as long in the other build as in its best.
        for runtime in ["local", "work-stealing"] {
            let line = text.lines().find(|line| line.trim_start().starts_with(runtime));
            assert!(line.is_some(), "{text}");
        }
        assert_eq!(text.matches("4.000").count(), 2, "{text}");
    }

    #[test]
    fn a_verdict_of_one_build_alone_is_the_builds() {
        let sheet = sheet([10.0, 20.0, 40.0, 20.0]);
        assert_eq!(holds(&sheet, 1), Some(Holds::DependsOnBuild));
        let text = text(sheet);
        assert!(text.contains("ring, 1 worker: slower in fat, faster in plain"), "{text}");
    }

    #[test]
    fn where_a_build_has_no_verdict_it_is_undecided() {
        let mut sheet = sheet([10.0, 20.0, 40.0, 80.0]);
        sheet.fail(3, "crashed".to_owned());
        sheet.evaluate();
        assert_eq!(holds(&sheet, 1), Some(Holds::Undecided));
        assert!(text(sheet).contains("0 robust, 0 depending on the build, 1 undecided"));
    }
}
