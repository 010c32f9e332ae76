//! What the rounds of one endpoint gave, kept round by round, and what it amounts to.

use super::plan::Endpoint;
use super::verdict::{Comparison, Design, Verdict};
use crate::noise::Noise;
use results::stats::median;

/// One run of one column.
#[derive(Clone, Debug, PartialEq)]
pub enum Run {
    /// It counts.
    Measured(Figures),
    /// The workload's own conditions were not met, for this reason.
    Void(String),
    /// It did not take place: the column had failed before, or the user interrupted.
    Missing,
}

/// The figures of a run.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Figures {
    /// What is compared, in the unit of the workload's kind: nanoseconds per operation, of the
    /// latency's percentile, or bytes per operation.
    pub figure: f64,
    /// How often the kernel took a processor from one of its threads.
    pub involuntary_switches: u64,
}

/// One round of an endpoint: every column once, one after the other.
#[derive(Clone, Debug)]
pub struct Block {
    /// Which round it belongs to, from 1.
    pub round: usize,
    /// The runs, in the order of the endpoint's columns.
    pub runs: Vec<Run>,
    /// What else went on meanwhile.
    pub noise: Noise,
    /// Why it does not count, for any of its columns.
    pub rejection: Option<String>,
}

/// All rounds of one endpoint.
#[derive(Clone, Debug)]
pub struct Sheet {
    /// What was compared.
    pub endpoint: Endpoint,
    /// Iterations under the clock in each run or, for throughput, in each slice of one; 0 until
    /// they are chosen.
    pub iterations: u64,
    /// The slices of a run: how often a column has its turn in a round.
    pub slices: usize,
    /// Why columns failed, in their order. A column that failed is not run again.
    pub failures: Vec<Option<String>>,
    /// The rounds so far, rejected ones included.
    pub blocks: Vec<Block>,
    rows: Vec<Row>,
    /// Of all columns but the first. One that stands is not taken back.
    verdicts: Vec<Verdict>,
}

/// A column's result so far.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Row {
    /// Its median over the rounds that count; none when the column failed.
    pub median: Option<f64>,
    /// The rounds that count.
    pub rounds: usize,
    /// How it compares with the column that is its reference; none for the first of all.
    pub comparison: Option<Comparison>,
    /// Why there is no result.
    pub reason: Option<String>,
}

impl Sheet {
    /// No rounds yet.
    pub fn new(endpoint: Endpoint) -> Self {
        let columns = endpoint.columns.len();
        let mut sheet = Self {
            endpoint,
            iterations: 0,
            slices: 1,
            failures: vec![None; columns],
            blocks: Vec::new(),
            rows: Vec::new(),
            verdicts: vec![Verdict::Undecided; columns - 1],
        };
        sheet.evaluate();
        sheet
    }

    /// Adds a round and brings the results up to date.
    pub fn push(&mut self, block: Block) {
        self.blocks.push(block);
        self.evaluate();
    }

    /// Marks a column as failed.
    pub fn fail(&mut self, column: usize, reason: String) {
        self.failures[column] = Some(reason);
    }

    /// Brings the results up to date, also where no round could be run.
    pub fn evaluate(&mut self) {
        self.rows = (0..self.endpoint.columns.len()).map(|column| self.row(column)).collect();
    }

    /// A look: gives verdicts on the columns that have none.
    pub fn judge(&mut self, design: &Design) {
        for (verdict, row) in self.verdicts.iter_mut().zip(&self.rows[1..]) {
            let location = row.comparison.and_then(|comparison| comparison.location);
            if let (Verdict::Undecided, Some(location)) = (*verdict, location) {
                *verdict = design.judge(&location);
            }
        }
    }

    /// The verdicts on all columns but the first.
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// Whether more rounds could bring a verdict that is wanted. The control is no such: it costs
    /// no round more.
    pub fn is_open(&self) -> bool {
        (1..self.endpoint.columns.len()).any(|column| {
            self.verdicts[column - 1] == Verdict::Undecided
                && self.failures[column].is_none()
                && self.failures[self.endpoint.reference(column)].is_none()
                && !self.endpoint.columns[column].control
        })
    }

    /// The rounds that count.
    pub fn accepted(&self) -> usize {
        self.blocks.iter().filter(|block| block.rejection.is_none()).count()
    }

    /// The results, in the order of the columns.
    pub fn rows(&self) -> &[Row] {
        &self.rows
    }

    /// Every figure of a column, those of rejected rounds included, in the order of the rounds.
    pub fn figures(&self, column: usize) -> impl Iterator<Item = (&Block, Figures)> {
        self.blocks.iter().filter_map(move |block| match block.runs[column] {
            Run::Measured(figures) => Some((block, figures)),
            Run::Void(_) | Run::Missing => None,
        })
    }

    fn row(&self, column: usize) -> Row {
        let counted: Vec<f64> = self.counted(column).map(|(_, figure)| figure).collect();
        if let Some(reason) = &self.failures[column] {
            return Row { reason: Some(format!("failed: {reason}")), ..Row::default() };
        }
        let Some(middle) = median(&counted) else {
            return Row { reason: Some(self.why_nothing_counts(column)), ..Row::default() };
        };
        let row = Row { median: Some(middle), rounds: counted.len(), ..Row::default() };
        if column == 0 {
            return row;
        }
        let reference = self.endpoint.reference(column);
        let failed = self.failures[reference].is_some();
        let pairs = if failed { Vec::new() } else { self.pairs(reference, column) };
        match Comparison::of(&pairs) {
            Some(comparison) => {
                Row { rounds: comparison.rounds, comparison: Some(comparison), ..row }
            }
            None => Row { reason: Some("nothing to compare it with".to_owned()), ..row },
        }
    }

    /// Round and figure of each run that counts.
    fn counted(&self, column: usize) -> impl Iterator<Item = (usize, f64)> {
        let accepted = self.figures(column).filter(|(block, _)| block.rejection.is_none());
        accepted.map(|(block, figures)| (block.round, figures.figure))
    }

    /// The figures of `reference` and of `column` in the rounds in which both count.
    fn pairs(&self, reference: usize, column: usize) -> Vec<(f64, f64)> {
        let mut first = self.counted(reference).peekable();
        let paired = self.counted(column).filter_map(|(round, this)| {
            while first.next_if(|&(other, _)| other < round).is_some() {}
            first.next_if(|&(other, _)| other == round).map(|(_, first)| (first, this))
        });
        paired.collect()
    }

    fn why_nothing_counts(&self, column: usize) -> String {
        let void = self.blocks.iter().find_map(|block| match &block.runs[column] {
            Run::Void(reason) => Some(reason.clone()),
            Run::Measured(_) | Run::Missing => None,
        });
        let rejected = self.blocks.iter().find_map(|block| block.rejection.clone());
        match (void, rejected) {
            (Some(reason), _) => reason,
            (None, Some(reason)) => format!("every round was rejected: {reason}"),
            (None, None) => "not measured".to_owned(),
        }
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::super::plan::tests::plan;
    use super::*;

    const QUIET: Noise = Noise { steal: 0.0, others: 0.1, waiting: 0.0 };

    /// `work-stealing`, itself again, and `global-queue` on ping_pong.
    pub(in super::super) fn sheet() -> Sheet {
        let names = ["work-stealing", "work-stealing", "global-queue"];
        let plan = plan(&names, Some("ping_pong"), &[1]).expect("they exist");
        Sheet::new(plan.endpoints[0].clone())
    }

    /// A round with these times; one below zero is void.
    pub(in super::super) fn block(round: usize, ns: [f64; 3]) -> Block {
        let run = |ns: f64| match ns {
            0.0.. => Run::Measured(Figures { figure: ns, involuntary_switches: 3 }),
            _ => Run::Void("void: late".to_owned()),
        };
        Block { round, runs: ns.map(run).to_vec(), noise: QUIET, rejection: None }
    }

    /// Seven rounds in which the second column is as fast as the first and the third takes three
    /// times as long; the second of them is rejected, and in the third one run is void.
    pub(in super::super) fn finished() -> Sheet {
        let mut sheet = sheet();
        (sheet.iterations, sheet.slices) = (40, 30);
        sheet.push(block(1, [10.0, 10.0, 30.0]));
        sheet.push(rejected(block(2, [99.0, 99.0, 99.0])));
        sheet.push(block(3, [10.0, -1.0, 30.0]));
        (4..8).for_each(|round| sheet.push(block(round, [10.0, 10.0, 30.0])));
        sheet.judge(&Design::fixed(5, 2, 0.05));
        sheet
    }

    pub(in super::super) fn rejected(block: Block) -> Block {
        Block {
            noise: Noise { steal: 0.25, ..QUIET },
            rejection: Some("steal time 25.0 %".to_owned()),
            ..block
        }
    }

    #[test]
    fn rows_hold_medians_and_paired_ratios() {
        let mut sheet = sheet();
        // The machine is four times slower in the last round: the ratio must not notice.
        for (round, ns) in
            [(1, [10.0, 10.0, 30.0]), (2, [11.0, 11.0, 33.0]), (3, [40.0, 40.0, 120.0])]
        {
            sheet.push(block(round, ns));
        }
        let rows = sheet.rows();
        assert_eq!((rows[0].median, rows[0].rounds, rows[0].comparison), (Some(11.0), 3, None));
        let ratio = |column: usize| rows[column].comparison.expect("there are pairs").ratio;
        assert!((ratio(1) - 1.0).abs() < 1e-12 && (ratio(2) - 3.0).abs() < 1e-12, "{rows:?}");
    }

    #[test]
    fn a_rejected_round_counts_for_no_lane_but_is_kept() {
        let mut sheet = sheet();
        sheet.push(block(1, [10.0, 10.0, 10.0]));
        sheet.push(rejected(block(2, [900.0, 10.0, 10.0])));
        assert_eq!((sheet.rows()[0].median, sheet.rows()[2].rounds), (Some(10.0), 1));
        assert_eq!(
            sheet.figures(0).map(|(_, figures)| figures.figure).collect::<Vec<_>>(),
            [10.0, 900.0]
        );
    }

    #[test]
    fn a_void_run_leaves_its_round_to_the_others() {
        let mut sheet = sheet();
        sheet.push(block(1, [-1.0, 10.0, 20.0]));
        sheet.push(block(2, [10.0, 10.0, -1.0]));
        sheet.push(block(3, [10.0, 11.0, 50.0]));
        sheet.push(block(4, [10.0, 11.0, 50.0]));
        let rounds: Vec<_> = sheet.rows().iter().map(|row| row.rounds).collect();
        assert_eq!(rounds, [3, 3, 2]);
        assert!((sheet.rows()[2].comparison.expect("a pair").ratio - 5.0).abs() < 1e-12);
    }

    #[test]
    fn a_lane_that_failed_is_not_timed_and_says_why() {
        let mut sheet = sheet();
        sheet.push(block(1, [10.0, 10.0, 10.0]));
        sheet.push(block(2, [10.0, 10.0, 10.0]));
        sheet.fail(1, "wrong result".to_owned());
        sheet.evaluate();
        let row = &sheet.rows()[1];
        assert_eq!((row.median, row.reason.as_deref()), (None, Some("failed: wrong result")));
        assert!(sheet.rows()[2].comparison.is_some(), "the others go on");
    }

    #[test]
    fn without_the_first_the_others_have_times_and_no_ratio() {
        let mut sheet = sheet();
        sheet.fail(0, "crashed".to_owned());
        sheet.push(Block {
            runs: [vec![Run::Missing], block(1, [0.0, 10.0, 20.0]).runs[1..].to_vec()].concat(),
            ..block(1, [0.0; 3])
        });
        let row = &sheet.rows()[2];
        assert_eq!((row.median, row.comparison), (Some(20.0), None));
        assert_eq!(row.reason.as_deref(), Some("nothing to compare it with"));
    }

    #[test]
    fn rows_without_rounds_say_why() {
        let nothing = sheet();
        assert_eq!(nothing.rows()[0].reason.as_deref(), Some("not measured"));
        let mut all_rejected = sheet();
        all_rejected.push(rejected(block(1, [1.0, 1.0, -1.0])));
        assert_eq!(
            all_rejected.rows()[0].reason.as_deref(),
            Some("every round was rejected: steal time 25.0 %")
        );
        assert_eq!(all_rejected.rows()[2].reason.as_deref(), Some("void: late"));
    }
}
