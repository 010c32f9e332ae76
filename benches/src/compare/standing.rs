//! Where the runtime named first stands among those that it was compared with.

use std::fmt::Write;

use results::stats::geometric_mean;
use workloads::Kind;

use super::plan::Plan;
use super::sheet::Sheet;
use super::verdict::Verdict;

/// What one rival's ratios and verdicts amount to, seen from the first.
#[derive(Debug, Default)]
struct Against {
    /// The first's figures over the rival's.
    ratios: Vec<f64>,
    faster: usize,
    slower: usize,
    tie: usize,
    undecided: usize,
}

/// A line for each rival and its place among all, on the workloads that measure time. (Verdicts are
/// about the rivals.)
pub fn standing(plan: &Plan, sheets: &[Sheet]) -> String {
    let first = &plan.contenders[0].label;
    let mut lines = Vec::new();
    let mut better = 0;
    for rival in &plan.contenders[1..] {
        let against = against(&rival.label, sheets);
        let Some(mean) = geometric_mean(against.ratios.iter().copied()) else {
            lines.push(format!("  {}: nothing to compare", rival.label));
            continue;
        };
        better += usize::from(mean > 1.0);
        let Against { faster, slower, tie, undecided, .. } = against;
        lines.push(format!(
            "  against {}: {mean:.2} of its time; {faster} faster, {slower} slower, {tie} tied, \
             {undecided} undecided",
            rival.label
        ));
    }
    let mut text = format!("{first} takes, by the geometric mean,\n");
    for line in lines {
        // Writing to a string cannot fail.
        let _ = writeln!(text, "{line}");
    }
    let _ = writeln!(text, "It stands at {} of {}.", better + 1, plan.contenders.len());
    text
}

fn against(label: &str, sheets: &[Sheet]) -> Against {
    let mut sum = Against::default();
    for sheet in sheets {
        let columns = sheet.endpoint.columns.iter().zip(sheet.rows()).skip(1);
        for ((column, row), verdict) in columns.zip(sheet.verdicts()) {
            let Some(comparison) = row.comparison else { continue };
            if column.label != label || sheet.endpoint.workload.kind == Kind::Memory {
                continue;
            }
            sum.ratios.push(1.0 / comparison.ratio);
            // A rival that is slower makes the first the faster one.
            match verdict {
                Verdict::More => sum.faster += 1,
                Verdict::Less => sum.slower += 1,
                Verdict::Tie => sum.tie += 1,
                Verdict::Undecided => sum.undecided += 1,
            }
        }
    }
    sum
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan;
    use super::super::sheet::tests::{block, sheet};
    use super::super::verdict::Design;
    use super::*;

    #[test]
    fn the_reader_is_told_of_the_first_and_not_of_its_rivals() {
        let plan =
            plan(&["work-stealing", "work-stealing", "global-queue"], Some("ping_pong"), &[1])
                .expect("they exist");
        let mut sheet = sheet();
        (1..=5).for_each(|round| sheet.push(block(round, [10.0, 5.0, 40.0])));
        sheet.judge(&Design::fixed(5, 2, 0.05));
        let text = standing(&plan, &[sheet]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(lines[0], "work-stealing takes, by the geometric mean,");
        let twice =
            "  against work-stealing#2: 2.00 of its time; 0 faster, 1 slower, 0 tied, 0 undecided";
        assert_eq!(lines[1], twice);
        let quarter =
            "  against global-queue: 0.25 of its time; 1 faster, 0 slower, 0 tied, 0 undecided";
        assert_eq!(lines[2], quarter);
        assert_eq!(lines[3], "It stands at 2 of 3.");
    }
}
