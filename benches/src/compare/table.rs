//! The results as a person reads them.

use results::builds::Builds;
use results::format;
use std::collections::BTreeMap;
use std::fmt::Write;

use anstyle::{AnsiColor, Style};
use workloads::Kind;

use super::builds;
use super::file::measure;
use super::plan::Plan;
use super::sheet::{Row, Run, Sheet};
use super::verdict::{Design, Verdict, word};
use crate::noise::{Noise, percent};
use results::percentile::TAIL;
use results::stats::{geometric_mean, middle_and_most};

const HEADING: Style = Style::new().bold();
const FASTER: Style = AnsiColor::Green.on_default().bold();
const SLOWER: Style = AnsiColor::Red.on_default().bold();
const TIE: Style = Style::new();
const UNDECIDED: Style = AnsiColor::Yellow.on_default();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Of many rejected rounds the first tell what was wrong.
const SHOWN_REJECTIONS: usize = 12;

/// Everything: a table per endpoint, the means, the control, the noise. `design` is the one by
/// which the sheets were judged, `builds` what the builds came to where they were compared.
pub fn render(plan: &Plan, sheets: &[Sheet], design: &Design, builds: Option<&Builds>) -> String {
    let labels = sheets.iter().flat_map(|sheet| &sheet.endpoint.columns);
    let width = labels.map(|column| column.label.len()).max().unwrap_or(0).max(7);
    let mut text = String::new();
    for sheet in sheets {
        endpoint(&mut text, sheet, design, width);
    }
    for kind in [Kind::Throughput, Kind::Latency, Kind::Memory] {
        means(&mut text, plan, sheets, kind, width);
    }
    text.push_str(&builds.map(builds::render).unwrap_or_default());
    controls(&mut text, sheets);
    noise(&mut text, sheets);
    text
}

/// Why the verdicts of `sheets` are doubtful, if they are: somebody differs from itself.
pub fn doubt(sheets: &[Sheet]) -> Option<String> {
    let differing: Vec<_> = controlled(sheets)
        .filter(|(.., verdict)| matches!(verdict, Verdict::Less | Verdict::More))
        .map(|(sheet, row, _)| {
            let first = &sheet.endpoint.columns[0].label;
            let times = row.comparison.map_or(String::new(), |c| ratio(c.ratio));
            format!("{}: {first} takes {times} times as long as itself", sheet.endpoint.title())
        })
        .collect();
    (!differing.is_empty()).then(|| differing.join("; "))
}

/// The control of each sheet that has one, with its verdict. Who was named twice is one as well.
fn controlled(sheets: &[Sheet]) -> impl Iterator<Item = (&Sheet, &Row, Verdict)> {
    sheets.iter().flat_map(|sheet| {
        let columns = &sheet.endpoint.columns;
        let again = (1..columns.len()).filter(move |&c| columns[c].is_again(&columns[0]));
        again.map(move |column| (sheet, &sheet.rows()[column], sheet.verdicts()[column - 1]))
    })
}

/// What the first one against itself came to.
fn controls(text: &mut String, sheets: &[Sheet]) {
    let (mut ties, mut undecided, mut spread) = (0, 0, 0.0_f64);
    for (_, row, verdict) in controlled(sheets) {
        ties += usize::from(verdict == Verdict::Tie);
        undecided += usize::from(verdict == Verdict::Undecided);
        spread = spread.max(row.comparison.map_or(0.0, |c| c.ratio.ln().abs()));
    }
    let all = controlled(sheets).count();
    if all == 0 {
        return;
    }
    let differ = all - ties - undecided;
    let _ = writeln!(
        text,
        "{HEADING}A/A{HEADING:#}, the first against itself: {ties} tied, {undecided} undecided, \
         {differ} told apart; at most {} apart",
        percent(spread.exp_m1())
    );
    if let Some(doubt) = doubt(sheets) {
        let _ = writeln!(text, "  {BAD}Every verdict here is doubtful{BAD:#}: {doubt}");
    }
}

// Writing to a string cannot fail, so the results of `writeln!` are dropped throughout.

fn endpoint(text: &mut String, sheet: &Sheet, design: &Design, width: usize) {
    let workload = sheet.endpoint.workload;
    let what = match workload.kind {
        Kind::Throughput => format!("time per operation ({})", workload.unit),
        Kind::Latency => measure(Kind::Latency),
        Kind::Memory => format!("bytes per operation ({})", workload.unit),
    };
    let title = sheet.endpoint.title();
    let iterations =
        format::count(usize::try_from(sheet.iterations).unwrap_or(usize::MAX), "iteration");
    let run = match workload.kind {
        Kind::Throughput => {
            format!("{} of {iterations} a round", format::count(sheet.slices, "slice"))
        }
        Kind::Latency | Kind::Memory => format!("{iterations} a round"),
    };
    let _ = writeln!(text, "{HEADING}{title}{HEADING:#}: {what}, {run}");
    let _ = writeln!(
        text,
        "  {:width$}  {:>8}  {:>6}  {:^15}  {:9}  rounds",
        "runtime", "median", "ratio", "95 % interval", "verdict"
    );
    for (column, row) in sheet.rows().iter().enumerate() {
        let label = &sheet.endpoint.columns[column].label;
        let verdict = column.checked_sub(1).map(|other| sheet.verdicts()[other]);
        let mut line = columns(row, verdict, workload.kind);
        let location = row.comparison.and_then(|comparison| comparison.location);
        if let (Some(Verdict::Undecided), Some(location)) = (verdict, location) {
            line.push_str(&match design.missing(&location) {
                Some(missing) => format!("  about {missing} more would tell"),
                None => "  too close to the band's edge".to_owned(),
            });
        }
        let this = &sheet.endpoint.columns[column];
        if column > 0 && this.build.is_some() {
            let to = &sheet.endpoint.columns[sheet.endpoint.reference(column)].label;
            line.push_str(&format!("  to {to}"));
        }
        let _ = writeln!(text, "  {label:width$}  {line}");
    }
    text.push('\n');
}

/// Everything right of the name; `verdict` is `None` for the runtime named first.
fn columns(row: &Row, verdict: Option<Verdict>, kind: Kind) -> String {
    let Some(median) = row.median else {
        let reason = row.reason.as_deref().unwrap_or("not measured");
        return format!("{BAD}{reason}{BAD:#}");
    };
    let median = match kind {
        Kind::Throughput | Kind::Latency => format::time(median),
        Kind::Memory => format::size(median),
    };
    let rounds = row.rounds;
    match (verdict, row.comparison) {
        (None, _) => format!("{median:>8}  {:>6}  {:15}  {:9}  {rounds:6}", "1", "", "first"),
        (Some(verdict), Some(comparison)) => {
            let ends = comparison.interval.map_or([f64::NAN; 2], |i| [i.low, i.high]);
            let [ratio, low, high] = [comparison.ratio, ends[0], ends[1]].map(ratio);
            let (style, name) = (style(verdict), word(verdict, kind));
            format!(
                "{median:>8}  {ratio:>6}  {low:>6} … {high:<6}  {style}{name:9}{style:#}  \
                 {rounds:6}"
            )
        }
        (Some(_), None) => {
            let reason = row.reason.as_deref().unwrap_or("no pair of rounds");
            format!("{median:>8}  {BAD}{reason}{BAD:#}")
        }
    }
}

fn style(verdict: Verdict) -> Style {
    match verdict {
        Verdict::Less => FASTER,
        Verdict::More => SLOWER,
        Verdict::Tie => TIE,
        Verdict::Undecided => UNDECIDED,
    }
}

/// Three digits or more: `0.482`, `1.03`, `12.5`, `140`.
fn ratio(value: f64) -> String {
    if value.is_nan() {
        return "?".to_owned();
    }
    let decimals = match value {
        0.0..0.9995 => 3,
        0.0..9.995 => 2,
        0.0..99.95 => 1,
        _ => 0,
    };
    if value < 1e9 { format!("{value:.decimals$}") } else { format!("{value:.0e}") }
}

/// What one runtime's ratios amount to.
#[derive(Default)]
struct Ratios {
    cells: usize,
    ratios: Vec<(f64, String)>,
    verdicts: BTreeMap<&'static str, usize>,
}

fn means(text: &mut String, plan: &Plan, sheets: &[Sheet], kind: Kind, width: usize) {
    let mut by_label: BTreeMap<&str, Ratios> = BTreeMap::new();
    for sheet in sheets.iter().filter(|sheet| sheet.endpoint.workload.kind == kind) {
        let columns = sheet.endpoint.columns.iter().zip(sheet.rows()).skip(1);
        for ((column, row), &verdict) in columns.zip(sheet.verdicts()) {
            // What a build costs the first is told among the builds.
            if column.control || column.name == plan.contenders[0].name {
                continue;
            }
            let ratios = by_label.entry(&column.label).or_default();
            ratios.cells += 1;
            if let Some(comparison) = row.comparison {
                ratios.ratios.push((comparison.ratio, sheet.endpoint.title()));
                *ratios.verdicts.entry(word(verdict, kind)).or_default() += 1;
            }
        }
    }
    if by_label.is_empty() {
        return;
    }
    let what = match kind {
        Kind::Throughput => "time per operation".to_owned(),
        Kind::Latency => format!("{} latency", TAIL.short),
        Kind::Memory => "bytes per operation".to_owned(),
    };
    let first = &plan.contenders[0];
    let of_its_build = if first.build.is_some() { " in the same build" } else { "" };
    let _ = writeln!(
        text,
        "{HEADING}Geometric mean{HEADING:#} of the ratios to {}{of_its_build}, {what}",
        first.name
    );
    for contender in &plan.contenders[1..] {
        if let Some(ratios) = by_label.get(contender.label.as_str()) {
            let _ = writeln!(text, "  {:width$}  {}", contender.label, mean(ratios));
        }
    }
    text.push('\n');
}

fn mean(Ratios { cells, ratios, verdicts }: &Ratios) -> String {
    let values: Vec<f64> = ratios.iter().map(|&(ratio, _)| ratio).collect();
    let cells = format::count(*cells, "cell");
    let Some(mean) = geometric_mean(values.iter().copied()) else {
        return format!("no ratio in {cells}");
    };
    let mut words = format!("{:>6} over {} of {cells}", ratio(mean), values.len());
    let by_ratio = |a: &&(f64, String), b: &&(f64, String)| a.0.total_cmp(&b.0);
    if let (Some((low, at_low)), Some((high, at_high))) =
        (ratios.iter().min_by(by_ratio), ratios.iter().max_by(by_ratio))
    {
        let (low, high) = (ratio(*low), ratio(*high));
        let _ = write!(words, ", from {low} ({at_low}) to {high} ({at_high})");
    }
    let counts: Vec<_> = verdicts.iter().map(|(name, count)| format!("{count} {name}")).collect();
    let _ = write!(words, "; {}", counts.join(", "));
    words
}

fn noise(text: &mut String, sheets: &[Sheet]) {
    let blocks: Vec<_> = sheets.iter().flat_map(|sheet| &sheet.blocks).collect();
    let spread = |values: Vec<f64>| middle_and_most(&values).unwrap_or_default();
    let (steal, worst_steal) = spread(blocks.iter().map(|block| block.noise.steal).collect());
    let (others, worst_others) = spread(blocks.iter().map(|block| block.noise.others).collect());
    let (waiting, worst_waiting) = spread(blocks.iter().map(|block| block.noise.waiting).collect());
    let runs = blocks.iter().flat_map(|block| &block.runs);
    let (switches, worst_switches) = spread(
        runs.filter_map(|run| match run {
            Run::Measured(figures) => Some(figures.involuntary_switches as f64),
            Run::Void(_) | Run::Missing => None,
        })
        .collect(),
    );
    let _ = writeln!(
        text,
        "{HEADING}Noise{HEADING:#}, median and worst round: steal {} and {}, other processes {} \
         and {} of the machine, {waiting:.2} and {worst_waiting:.2} threads waited for a \
         processor, {switches} and {worst_switches} involuntary switches",
        percent(steal),
        percent(worst_steal),
        percent(others),
        percent(worst_others),
    );
    if others > Noise::BUSY {
        let _ = writeln!(
            text,
            "  {UNDECIDED}The machine was busy{UNDECIDED:#}: rely on the ratios rather than the \
             times."
        );
    }
    rejections(text, sheets);
}

fn rejections(text: &mut String, sheets: &[Sheet]) {
    let mut lines = Vec::new();
    for sheet in sheets {
        for block in &sheet.blocks {
            if let Some(reason) = &block.rejection {
                lines.push(format!("{}, round {}: {reason}", sheet.endpoint.title(), block.round));
            }
            for (column, run) in block.runs.iter().enumerate() {
                if let Run::Void(reason) = run {
                    lines.push(format!(
                        "{}, round {}: {reason}",
                        sheet.endpoint.id(column),
                        block.round
                    ));
                }
            }
        }
    }
    if lines.is_empty() {
        text.push_str("No round was rejected.\n");
        return;
    }
    let _ = writeln!(text, "{HEADING}Rejected{HEADING:#}");
    lines.iter().take(SHOWN_REJECTIONS).for_each(|line| text.push_str(&format!("  {line}\n")));
    if lines.len() > SHOWN_REJECTIONS {
        let _ = writeln!(text, "  and {} more", lines.len() - SHOWN_REJECTIONS);
    }
    if sheets.iter().flat_map(|sheet| &sheet.blocks).any(|block| block.rejection.is_some()) {
        text.push_str(
            "  --max-steal and --max-others say how much noise a round may have; a quiet machine is \
             better.\n",
        );
    }
}

#[cfg(test)]
mod tests {
    use super::super::plan::tests::plan as named;
    use super::super::sheet::tests::{block, finished, sheet};
    use super::*;

    fn plan() -> Plan {
        named(&["work-stealing", "work-stealing", "global-queue"], Some("ping_pong"), &[1])
            .expect("they exist")
    }

    fn design() -> Design {
        Design::fixed(5, 2, 0.05)
    }

    fn text(sheets: &[Sheet]) -> String {
        anstream::adapter::strip_str(&render(&plan(), sheets, &design(), None)).to_string()
    }

    #[test]
    fn tables_are_aligned_and_hold_every_column() {
        let text = text(&[finished()]);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "ping_pong, 1 worker: time per operation (round trips), 30 slices of 40 iterations a round"
        );
        assert_eq!(
            lines[1],
            "  runtime            median   ratio   95 % interval   verdict    rounds"
        );
        assert_eq!(
            lines[2],
            "  work-stealing     10.0 ns       1                   first           6"
        );
        assert_eq!(
            lines[3],
            "  work-stealing#2   10.0 ns    1.00    1.00 … 1.00    tie             5"
        );
        assert_eq!(
            lines[4],
            "  global-queue      30.0 ns    3.00    3.00 … 3.00    slower          6"
        );
    }

    #[test]
    fn means_say_what_they_rest_on_and_what_they_hide() {
        let mut other = sheet();
        other.push(block(1, [10.0, 10.0, 7.5]));
        other.push(block(2, [10.0, 10.0, 7.5]));
        other.endpoint.workers = 2;
        let text = text(&[finished(), other]);
        let mean = "1.50 over 2 of 2 cells, from 0.750 (ping_pong, 2 workers) to 3.00 (ping_pong, \
         1 worker)";
        assert!(text.contains(&format!("{mean}; 1 slower, 1 undecided")), "{text}");
        assert!(
            text.contains("Geometric mean of the ratios to work-stealing, time per operation"),
            "{text}"
        );
        assert!(!text.contains("p99"), "{text}");
    }

    #[test]
    fn noise_and_rejected_rounds_are_listed() {
        let text = text(&[finished()]);
        assert!(
            text.contains("steal 0.0 % and 25.0 %, other processes 10.0 % and 10.0 %"),
            "{text}"
        );
        assert!(text.contains("3 and 3 involuntary switches"), "{text}");
        assert!(text.contains("  ping_pong, 1 worker, round 2: steal time 25.0 %"), "{text}");
        assert!(text.contains("  ping_pong/work-stealing#2/w1, round 3: void: late"), "{text}");
        assert!(text.contains("--max-steal and --max-others"), "{text}");
    }

    #[test]
    fn who_differs_from_itself_makes_everything_doubtful() {
        let text = text(&[finished()]);
        assert!(text.contains("A/A, the first against itself: 1 tied, 0 undecided"), "{text}");
        assert!(!text.contains("doubtful"), "{text}");
        let mut odd = sheet();
        (1..6).for_each(|round| odd.push(block(round, [10.0, 12.0, 30.0])));
        odd.judge(&design());
        let said = "ping_pong, 1 worker: work-stealing takes 1.20 times as long as itself";
        assert_eq!(doubt(std::slice::from_ref(&odd)).as_deref(), Some(said));
        let text = self::text(&[odd]);
        assert!(text.contains("1 told apart; at most 20.0 % apart"), "{text}");
        assert!(text.contains(&format!("Every verdict here is doubtful: {said}")), "{text}");
    }

    #[test]
    fn what_failed_stays_visible() {
        let mut sheet = finished();
        sheet.fail(2, "round 3: wrong result".to_owned());
        sheet.evaluate();
        let text = text(&[sheet]);
        assert!(text.contains("  global-queue     failed: round 3: wrong result"), "{text}");
        assert!(text.contains("no ratio in 1 cell"), "{text}");
    }

    #[test]
    fn ratios_keep_three_digits() {
        assert_eq!(ratio(1e300), "1e300");
        assert_eq!(
            [0.048_21, 0.4821, 0.9999, 1.0, 9.999, 12.54, 140.2].map(ratio),
            ["0.048", "0.482", "1.00", "1.00", "10.0", "12.5", "140"]
        );
    }
}
