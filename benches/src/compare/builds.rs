//! What of the verdicts is the policy's, and what the build's. A verdict is robust when it is the
//! same in every build: layout and inlining move figures as much as policies do.

use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use results::stats::geometric_mean;
use workloads::Kind;

use super::plan::{Contender, Plan};
use super::sheet::Sheet;
use super::verdict::{Verdict, word};
use crate::contestants::Build;

const HEADING: Style = Style::new().bold();
const CAUTION: Style = AnsiColor::Yellow.on_default();

/// Whether a verdict holds in all builds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Holds {
    /// It is the same in all.
    Robust,
    /// It is another in some.
    DependsOnBuild,
    /// Some builds have none, and the others agree.
    Undecided,
}

impl Holds {
    /// As tables and results have it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Robust => "robust",
            Self::DependsOnBuild => "depends on the build",
            Self::Undecided => "undecided",
        }
    }
}

/// Whether the verdict on a column is that on the same runtime in every other build. None where
/// builds are not compared, and for the runtime that the others are compared with.
pub fn holds(sheet: &Sheet, column: usize) -> Option<Holds> {
    let columns = &sheet.endpoint.columns;
    let this = &columns[column];
    if this.build.is_none() || this.control || this.name == columns[0].name {
        return None;
    }
    let verdicts: Vec<_> = in_builds(sheet, &this.name).map(|(_, verdict)| verdict).collect();
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

/// The verdicts on the runtime called `name`, by build.
fn in_builds<'a>(sheet: &'a Sheet, name: &'a str) -> impl Iterator<Item = (Build, Verdict)> + 'a {
    let others = sheet.endpoint.columns.iter().zip(sheet.rows()).skip(1).zip(sheet.verdicts());
    others.filter_map(move |((column, row), &verdict)| {
        let build = column.build.filter(|_| column.name == name && !column.control)?;
        Some((build, if row.comparison.is_some() { verdict } else { Verdict::Undecided }))
    })
}

/// Which verdicts hold, and what each build costs each runtime; nothing where builds are not
/// compared.
pub fn render(plan: &Plan, sheets: &[Sheet]) -> String {
    let mut builds: Vec<Build> = Vec::new();
    let mut runtimes: Vec<&Contender> = Vec::new();
    for contender in &plan.contenders {
        let Some(build) = contender.build else { return String::new() };
        if !builds.contains(&build) {
            builds.push(build);
        }
        if !runtimes.iter().any(|other| other.name == contender.name) {
            runtimes.push(contender);
        }
    }
    let mut text = String::new();
    if runtimes.len() > 1 {
        verdicts(&mut text, &runtimes, sheets);
    }
    costs(&mut text, &runtimes, &builds, sheets);
    text
}

// Writing to a string cannot fail, so the results of `writeln!` are dropped throughout.

fn verdicts(text: &mut String, runtimes: &[&Contender], sheets: &[Sheet]) {
    let first = &runtimes[0].name;
    let _ = writeln!(text, "{HEADING}Verdicts in all builds{HEADING:#}, to {first}");
    for runtime in &runtimes[1..] {
        let (mut robust, mut undecided, mut depends) = (0, 0, Vec::new());
        for sheet in sheets {
            let main = sheet.endpoint.columns.iter().position(|c| c.name == runtime.name);
            match main.and_then(|column| holds(sheet, column)) {
                Some(Holds::Robust) => robust += 1,
                Some(Holds::Undecided) => undecided += 1,
                Some(Holds::DependsOnBuild) => depends.push(sheet),
                None => {}
            }
        }
        let (name, depend) = (&runtime.name, depends.len());
        let _ = writeln!(
            text,
            "  {name}: {robust} robust, {depend} depending on the build, {undecided} undecided"
        );
        for sheet in depends {
            let kind = sheet.endpoint.workload.kind;
            let words = in_builds(sheet, &runtime.name)
                .map(|(build, verdict)| format!("{} in {}", word(verdict, kind), build.name));
            let words = words.collect::<Vec<_>>().join(", ");
            let title = sheet.endpoint.title();
            let _ = writeln!(text, "    {CAUTION}{title}{CAUTION:#}: {words}");
        }
    }
    text.push('\n');
}

/// The geometric mean of each runtime's times in each build over those in its best one.
fn costs(text: &mut String, runtimes: &[&Contender], builds: &[Build], sheets: &[Sheet]) {
    let width = runtimes.iter().map(|runtime| runtime.name.len()).max().unwrap_or(0).max(7);
    let _ = writeln!(
        text,
        "{HEADING}Times in each build{HEADING:#} over those in the best build of the same runtime, \
         geometric mean"
    );
    let names: String = builds.iter().map(|build| format!("  {:>8}", build.name)).collect();
    let _ = writeln!(text, "  {:width$}{names}", "runtime");
    for runtime in runtimes {
        let means: Vec<_> = builds.iter().map(|&b| mean_in(&runtime.name, b, sheets)).collect();
        let best = means.iter().flatten().copied().fold(f64::INFINITY, f64::min);
        let cells: String = means
            .iter()
            .map(|mean| match mean {
                Some(mean) => format!("  {:>8.3}", mean / best),
                None => format!("  {:>8}", "?"),
            })
            .collect();
        let _ = writeln!(text, "  {:width$}{cells}", runtime.name);
    }
    text.push('\n');
}

/// The geometric mean of a runtime's times in a build, over the cells that it has in all builds.
fn mean_in(name: &str, build: Build, sheets: &[Sheet]) -> Option<f64> {
    let timed = sheets.iter().filter(|sheet| sheet.endpoint.workload.kind != Kind::Memory);
    let medians = timed.filter_map(|sheet| {
        let columns = sheet.endpoint.columns.iter().zip(sheet.rows());
        let own: Vec<_> = columns.filter(|(c, _)| c.name == name && !c.control).collect();
        own.iter().all(|(_, row)| row.median.is_some()).then_some(())?;
        own.iter().find(|(column, _)| column.build == Some(build))?.1.median
    });
    geometric_mean(medians)
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
        let text = render(&in_two_builds(), &[sheet]);
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
