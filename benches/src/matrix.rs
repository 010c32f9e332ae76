//! The matrix: which workload on which runtime with how many workers, and which part of it is meant.

use results::format;
use std::fmt;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use regex::Regex;
use runtimes::{Body, Workers};
use workloads::{Field, Kind};

/// The worker counts of the matrix unless told otherwise; those beyond the machine's cores are left out.
const DEFAULT_WORKERS: [usize; 2] = [1, 2];

/// The worker counts that are measured on a machine with `cores` cores unless told otherwise.
pub fn default_workers(cores: usize) -> Vec<usize> {
    DEFAULT_WORKERS.into_iter().filter(|&n| n <= cores.max(1)).collect()
}

/// One workload on one runtime with one worker count.
#[derive(Clone, Copy, Debug)]
pub struct Cell {
    /// What is run.
    pub workload: &'static workloads::Card,
    /// What runs it.
    pub runtime: &'static runtimes::Card,
    /// Threads that run tasks.
    pub workers: usize,
}

impl Cell {
    /// The name that filters match: `ping_pong/work-stealing/w2`.
    pub fn id(&self) -> String {
        format!("{}/{}/w{}", self.workload.name, self.runtime.name, self.workers)
    }
}

/// In words, for progress lines: `ping_pong · work-stealing · 2 workers`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} · {} · {}", self.workload.name, self.runtime.name, format::count(self.workers, "worker"))
    }
}

/// Which ids are meant.
#[derive(Clone, Debug, Default)]
pub enum Filter {
    /// Every one.
    #[default]
    All,
    /// Those in which one of the expressions is found.
    Patterns(Vec<Regex>),
    /// Those that read exactly so.
    Exact(Vec<String>),
    /// None: what libtest's `--ignored` means where nothing is ignored.
    Nothing,
}

impl Filter {
    /// The filter of a command line: expressions, or whole ids when `exact`; none means all.
    ///
    /// # Errors
    /// Names the expression that is not a regular one.
    pub fn new(texts: &[String], exact: bool) -> Result<Self, FilterError> {
        if texts.is_empty() {
            return Ok(Self::All);
        }
        if exact {
            return Ok(Self::Exact(texts.to_vec()));
        }
        let pattern = |text: &String| Regex::new(text).map_err(|source| FilterError { text: text.clone(), source });
        Ok(Self::Patterns(texts.iter().map(pattern).collect::<Result<_, _>>()?))
    }

    fn accepts(&self, id: &str) -> bool {
        match self {
            Self::All => true,
            Self::Patterns(patterns) => patterns.iter().any(|pattern| pattern.is_match(id)),
            Self::Exact(exact) => exact.iter().any(|exact| exact == id),
            Self::Nothing => false,
        }
    }
}

/// A filter that is no regular expression.
#[derive(Debug, thiserror::Error)]
#[error("the filter `{text}` is not a regular expression")]
pub struct FilterError {
    text: String,
    source: regex::Error,
}

/// A part of the matrix.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// Which ids.
    pub filter: Filter,
    /// Which runtimes, by name; all when `None`.
    pub runtime: Option<Regex>,
    /// Which worker counts; those of the default matrix when empty.
    pub workers: Vec<usize>,
    /// Ids that hold one of these are left out, as libtest's `--skip` has it.
    pub skip: Vec<String>,
}

/// A selection without a single cell.
#[derive(Debug, thiserror::Error)]
#[error("no cell of the matrix matches {0}; `cargo stampede list` shows what there is")]
pub struct NothingSelected(String);

impl Selection {
    /// The cells meant, in the order of the registries, on a machine with `cores` cores.
    ///
    /// # Errors
    /// [`NothingSelected`], which names the conditions.
    pub fn cells(&self, cores: usize) -> Result<Vec<Cell>, NothingSelected> {
        self.choose(&workloads::cards(), &runtimes::cards(), cores)
    }

    fn choose(
        &self,
        workloads: &[&'static workloads::Card],
        runtimes: &[&'static runtimes::Card],
        cores: usize,
    ) -> Result<Vec<Cell>, NothingSelected> {
        let mut cells = Vec::new();
        for &workload in workloads {
            for &runtime in runtimes {
                let counts = self.worker_counts(runtime, cores).into_iter();
                cells.extend(counts.map(|workers| Cell { workload, runtime, workers }));
            }
        }
        cells.retain(|cell| self.accepts(cell));
        if cells.is_empty() && !matches!(self.filter, Filter::Nothing) {
            return Err(NothingSelected(self.describe()));
        }
        Ok(cells)
    }

    fn accepts(&self, cell: &Cell) -> bool {
        let (id, runtime) = (cell.id(), cell.runtime.name);
        let named = self.runtime.is_some() || matches!(self.filter, Filter::Exact(_));
        self.filter.accepts(&id)
            && !self.skip.iter().any(|part| id.contains(part.as_str()))
            && self.runtime.as_ref().is_none_or(|names| names.is_match(runtime))
            && (named || self.fields(cell))
    }

    /// Whether the cell is measured unasked, see [`Field`].
    fn fields(&self, cell: &Cell) -> bool {
        let usual = !matches!(cell.runtime.body, Body::Sliced | Body::Unpooled);
        match cell.workload.field {
            Field::Usual => usual,
            Field::UsualAnd(also) => usual || also.contains(&cell.runtime.name),
            Field::Only { runtimes, workers } => {
                runtimes.contains(&cell.runtime.name) && (cell.workers <= workers || !self.workers.is_empty())
            }
        }
    }

    /// A count asked for by name is taken even beyond the cores: oversubscription is worth a look.
    fn worker_counts(&self, runtime: &runtimes::Card, cores: usize) -> Vec<usize> {
        let mut counts = self.workers.clone();
        if counts.is_empty() {
            counts = default_workers(cores);
        }
        counts.sort_unstable();
        counts.dedup();
        match runtime.workers {
            Workers::Caller => counts.retain(|&n| n == 1),
            Workers::Many => {}
        }
        counts
    }

    fn describe(&self) -> String {
        let mut conditions = Vec::new();
        match &self.filter {
            Filter::Patterns(patterns) => {
                let patterns: Vec<_> = patterns.iter().map(Regex::as_str).collect();
                conditions.push(format!("the filter `{}`", patterns.join("` or `")));
            }
            Filter::Exact(ids) => conditions.push(format!("the exact id `{}`", ids.join("` or `"))),
            Filter::All | Filter::Nothing => {}
        }
        if let Some(names) = &self.runtime {
            conditions.push(format!("runtime `{names}`"));
        }
        if !self.workers.is_empty() {
            let counts: Vec<_> = self.workers.iter().map(usize::to_string).collect();
            conditions.push(format!("workers {}", counts.join(",")));
        }
        if !self.skip.is_empty() {
            conditions.push(format!("skip `{}`", self.skip.join("`, `")));
        }
        conditions.join(" with ")
    }
}

/// The cells of one way of measuring.
pub fn of_kind(cells: &[Cell], kind: Kind) -> Vec<Cell> {
    cells.iter().copied().filter(|cell| cell.workload.kind == kind).collect()
}

/// Shuffles the order of a block, so that drift of the machine falls on no runtime in particular.
/// The same seed and block give the same order.
pub fn shuffle<T>(items: &mut [T], seed: u64, block: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ block.rotate_left(32));
    items.shuffle(&mut rng);
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use runtimes::Origin;

    use super::*;

    const fn workload(name: &'static str, kind: Kind) -> workloads::Card {
        let field = Field::Usual;
        workloads::Card { name, summary: "", shows: "", unit: "things", kind, field, params: &[] }
    }

    const fn runtime(name: &'static str, workers: Workers) -> runtimes::Card {
        let (origin, body) = (Origin::Ours, Body::Stackless);
        runtimes::Card { name, summary: "", isolates: "", origin, workers, body }
    }

    static PING: workloads::Card = workload("ping_pong", Kind::Throughput);
    static TIMERS: workloads::Card = workload("timers", Kind::Latency);
    static LOCAL: runtimes::Card = runtime("local", Workers::Caller);
    static STEALING: runtimes::Card = runtime("work-stealing", Workers::Many);

    fn ids(selection: &Selection, cores: usize) -> Vec<String> {
        let cells = selection.choose(&[&PING, &TIMERS], &[&LOCAL, &STEALING], cores).expect("some match");
        cells.iter().map(Cell::id).collect()
    }

    fn filter(text: &str, exact: bool) -> Selection {
        let filter = Filter::new(&[text.to_owned()], exact).expect("a regular expression");
        Selection { filter, ..Selection::default() }
    }

    #[test]
    fn the_whole_matrix_has_one_worker_for_caller_runtimes_and_both_for_others() {
        assert_eq!(
            ids(&Selection::default(), 8),
            [
                "ping_pong/local/w1",
                "ping_pong/work-stealing/w1",
                "ping_pong/work-stealing/w2",
                "timers/local/w1",
                "timers/work-stealing/w1",
                "timers/work-stealing/w2"
            ]
        );
    }

    #[test]
    fn default_worker_counts_stop_at_the_cores_and_named_ones_do_not() {
        assert!(ids(&Selection::default(), 1).iter().all(|id| id.ends_with("/w1")));
        let named = Selection { workers: vec![4, 4, 2], ..filter("ping", false) };
        assert_eq!(ids(&named, 2), ["ping_pong/work-stealing/w2", "ping_pong/work-stealing/w4"]);
    }

    #[test]
    fn a_pattern_is_searched_for_and_an_exact_id_is_compared() {
        assert_eq!(ids(&filter("^ping.*stealing/w2$", false), 2), ["ping_pong/work-stealing/w2"]);
        assert_eq!(ids(&filter("timers/local/w1", true), 2), ["timers/local/w1"]);
        let texts = ["^ping.*local".to_owned(), "^timers.*local".to_owned()];
        let both = Selection { filter: Filter::new(&texts, false).expect("regular"), ..Selection::default() };
        assert_eq!(ids(&both, 2), ["ping_pong/local/w1", "timers/local/w1"]);
        assert!(filter("timers", true).choose(&[&TIMERS], &[&LOCAL], 2).is_err());
    }

    #[test]
    fn runtimes_are_selected_by_name_alone() {
        let names = Regex::new("^local$").expect("a regular expression");
        let selection = Selection { runtime: Some(names), ..Selection::default() };
        assert_eq!(ids(&selection, 2), ["ping_pong/local/w1", "timers/local/w1"]);
    }

    #[test]
    fn a_workload_keeps_to_its_field_unless_runtimes_are_named() {
        static SLICED: runtimes::Card = runtimes::Card { body: Body::Sliced, ..runtime("sliced", Workers::Many) };
        let field = Field::Only { runtimes: &["work-stealing", "sliced"], workers: 1 };
        static HOGS: workloads::Card = workload("hogs", Kind::Latency);
        let hogs: &'static _ = Box::leak(Box::new(workloads::Card { field, ..HOGS }));
        let ids = |selection: &Selection| {
            let cells = selection.choose(&[&PING, hogs], &[&LOCAL, &STEALING, &SLICED], 2).expect("some match");
            cells.iter().map(Cell::id).collect::<Vec<_>>()
        };
        let ping = ["ping_pong/local/w1", "ping_pong/work-stealing/w1", "ping_pong/work-stealing/w2"];
        assert_eq!(ids(&Selection::default()), [&ping[..], &["hogs/work-stealing/w1", "hogs/sliced/w1"]].concat());
        let two = Selection { workers: vec![2], ..filter("hogs", false) };
        assert_eq!(ids(&two), ["hogs/work-stealing/w2", "hogs/sliced/w2"]);
        let named = Selection { runtime: Some(Regex::new("^(local|sliced)$").expect("regular")), ..two };
        assert_eq!(ids(&named), ["hogs/sliced/w2"]);
        assert_eq!(ids(&filter("ping_pong/sliced/w2", true)), ["ping_pong/sliced/w2"]);
    }

    #[test]
    fn runtimes_for_one_purpose_are_measured_where_a_workload_names_them() {
        static UNPOOLED: runtimes::Card = runtimes::Card { body: Body::Unpooled, ..runtime("unpooled", Workers::Many) };
        static SPAWN: workloads::Card =
            workloads::Card { field: Field::UsualAnd(&["unpooled"]), ..workload("spawn", Kind::Throughput) };
        let cells = Selection::default().choose(&[&PING, &SPAWN], &[&LOCAL, &UNPOOLED], 1).expect("some match");
        let ids: Vec<_> = cells.iter().map(Cell::id).collect();
        assert_eq!(ids, ["ping_pong/local/w1", "spawn/local/w1", "spawn/unpooled/w1"]);
    }

    #[test]
    fn what_matches_nothing_is_named() {
        let selection = Selection { workers: vec![3], ..filter("nonesuch", false) };
        let error = selection.choose(&[&PING], &[&LOCAL], 2).expect_err("nothing matches");
        assert!(error.to_string().contains("the filter `nonesuch` with workers 3"), "{error}");
        let error = Filter::new(&["[".to_owned()], false).expect_err("not a regular expression");
        assert!(error.to_string().contains("`[`"), "{error}");
    }

    #[test]
    fn libtests_ignored_selects_nothing_without_complaint() {
        let selection = Selection { filter: Filter::Nothing, ..Selection::default() };
        assert!(selection.choose(&[&PING], &[&LOCAL], 2).expect("no complaint").is_empty());
    }

    #[test]
    fn what_is_to_be_skipped_is_left_out() {
        let selection = Selection { skip: vec!["stealing/w2".to_owned(), "timers".to_owned()], ..Selection::default() };
        assert_eq!(ids(&selection, 2), ["ping_pong/local/w1", "ping_pong/work-stealing/w1"]);
        let all = Selection { skip: vec!["/".to_owned()], ..Selection::default() };
        let error = all.choose(&[&PING], &[&LOCAL], 2).expect_err("nothing is left");
        assert!(error.to_string().contains("skip `/`"), "{error}");
    }

    #[test]
    fn kinds_part_the_cells() {
        let cells = Selection::default().choose(&[&PING, &TIMERS], &[&LOCAL], 2).expect("some match");
        let latency: Vec<_> = of_kind(&cells, Kind::Latency).iter().map(Cell::id).collect();
        assert_eq!(latency, ["timers/local/w1"]);
    }

    #[test]
    fn shuffling_follows_the_seed_and_the_block() {
        let order = |seed, block| {
            let mut items: Vec<u32> = (0..50).collect();
            shuffle(&mut items, seed, block);
            items
        };
        assert_eq!(order(7, 0), order(7, 0));
        assert_ne!(order(7, 0), order(8, 0));
        assert_ne!(order(7, 0), order(7, 1));
        assert_eq!(order(7, 0).into_iter().collect::<BTreeSet<_>>().len(), 50);
    }

    #[test]
    fn cells_read_well() {
        let cell = Cell { workload: &PING, runtime: &STEALING, workers: 2 };
        assert_eq!(cell.to_string(), "ping_pong · work-stealing · 2 workers");
        assert_eq!(Cell { workers: 1, ..cell }.to_string(), "ping_pong · work-stealing · 1 worker");
    }
}
