//! The matrix: which workload on which runtime with how many workers, and which part of it is
//! meant.

use std::fmt;
use std::sync::Arc;

use rand::SeedableRng;
use rand::rngs::Xoshiro256PlusPlus;
use rand::seq::SliceRandom;
use regex::Regex;
use results::format;
use workloads::{DefaultRuntimes, Kind};

use crate::contestants::names::{NamePattern, near};
use crate::contestants::{Contestant, Roster};

/// The worker counts of the matrix unless told otherwise; those beyond the machine's cores are left
/// out.
const DEFAULT_WORKERS: [usize; 2] = [1, 2];

/// The worker counts that are measured on a machine with `cores` cores unless told otherwise.
pub fn default_workers(cores: usize) -> Vec<usize> {
    DEFAULT_WORKERS.into_iter().filter(|&n| n <= cores.max(1)).collect()
}

/// One workload on one runtime with one worker count.
#[derive(Clone, Debug)]
pub struct Cell {
    /// What is run.
    pub workload: &'static workloads::Definition,
    /// What runs it.
    pub runtime: Arc<Contestant>,
    /// Threads that run tasks.
    pub workers: usize,
}

impl Cell {
    /// The name that filters match: `ping_pong/work-stealing/w2`.
    pub fn id(&self) -> String {
        id(self.workload.name, self.runtime.name(), self.workers)
    }
}

/// The name of a cell.
pub fn id(workload: &str, runtime: &str, workers: usize) -> String {
    format!("{workload}/{runtime}/w{workers}")
}

/// In words, for progress lines: `ping_pong · work-stealing · 2 workers`.
impl fmt::Display for Cell {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} · {} · {}",
            self.workload.name,
            self.runtime.name(),
            format::count(self.workers, "worker")
        )
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
        let pattern = |text: &String| {
            Regex::new(text).map_err(|source| FilterError { text: text.clone(), source })
        };
        Ok(Self::Patterns(texts.iter().map(pattern).collect::<Result<_, _>>()?))
    }

    /// Whether `id` is meant.
    pub fn accepts(&self, id: &str) -> bool {
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
    pub runtime: Option<NamePattern>,
    /// Which worker counts; those of the default matrix when empty.
    pub workers: Vec<usize>,
    /// Ids that hold one of these are left out, as libtest's `--skip` has it.
    pub skip: Vec<String>,
    /// Whether a runtime is measured where its workload does not name it, see [`DefaultRuntimes`].
    pub everywhere: bool,
}

/// A selection without a single cell.
#[derive(Debug, thiserror::Error)]
#[error("no cell of the matrix matches {0}; `cargo stampede list` shows what there is")]
pub struct NothingSelected(String);

impl Selection {
    /// The cells meant, in the order of the lists, on a machine with `cores` cores.
    ///
    /// # Errors
    /// [`NothingSelected`], which names the conditions.
    pub fn cells(&self, roster: &Roster, cores: usize) -> Result<Vec<Cell>, NothingSelected> {
        self.choose(&workloads::definitions(), roster.contestants(), cores)
    }

    /// Whether a runtime called `name`, which need not be built yet, may have cells that are meant.
    pub fn may_mean(&self, name: &str, cores: usize) -> bool {
        let counts = self.counts(cores);
        let mut ids = workloads::definitions().into_iter().flat_map(|definition| {
            counts.iter().map(move |&count| id(definition.name, name, count))
        });
        self.runtime.as_ref().is_none_or(|names| names.matches(name))
            && ids.any(|id| self.filter.accepts(&id))
    }

    /// The same for workloads of `kind`.
    pub fn may_mean_kind(&self, name: &str, kind: Kind, cores: usize) -> bool {
        let counts = self.counts(cores);
        let definitions =
            workloads::definitions().into_iter().filter(|definition| definition.kind == kind);
        let mut ids = definitions.flat_map(|definition| {
            counts.iter().map(move |&count| id(definition.name, name, count))
        });
        ids.any(|id| self.filter.accepts(&id)) || self.names_a_configuration_of(name)
    }

    /// Whether the filter may mean another configuration of the program called `name`, which need
    /// not be built yet.
    fn names_a_configuration_of(&self, name: &str) -> bool {
        match &self.filter {
            Filter::Exact(ids) => ids.iter().any(|id| id.contains(&format!("/{name}-"))),
            Filter::Patterns(patterns) => {
                patterns.iter().any(|p| p.as_str().contains(&format!("{name}-")))
            }
            Filter::All | Filter::Nothing => false,
        }
    }

    fn choose(
        &self,
        workloads: &[&'static workloads::Definition],
        runtimes: &[Arc<Contestant>],
        cores: usize,
    ) -> Result<Vec<Cell>, NothingSelected> {
        let mut cells = Vec::new();
        for &workload in workloads {
            for runtime in runtimes
                .iter()
                .filter(|runtime| runtime.workloads.iter().any(|w| w == workload.name))
            {
                let counts = self.counts(cores).into_iter().filter(|&count| runtime.takes(count));
                cells.extend(counts.map(|workers| Cell {
                    workload,
                    runtime: Arc::clone(runtime),
                    workers,
                }));
            }
        }
        cells.retain(|cell| self.accepts(cell));
        if cells.is_empty() && !matches!(self.filter, Filter::Nothing) {
            return Err(NothingSelected(format!(
                "{}{}",
                self.describe(),
                self.hint(workloads, runtimes)
            )));
        }
        Ok(cells)
    }

    fn accepts(&self, cell: &Cell) -> bool {
        let id = cell.id();
        let named =
            self.everywhere || self.runtime.is_some() || matches!(self.filter, Filter::Exact(_));
        self.filter.accepts(&id)
            && !self.skip.iter().any(|part| id.contains(part.as_str()))
            && self.runtime.as_ref().is_none_or(|names| names.matches(cell.runtime.name()))
            && (named || self.fields(cell))
    }

    /// Whether the cell is measured unasked, see [`DefaultRuntimes`].
    fn fields(&self, cell: &Cell) -> bool {
        let usual = cell.runtime.is_main();
        match cell.workload.runtimes {
            DefaultRuntimes::All => usual,
            DefaultRuntimes::AllAnd(also) => usual || also.contains(&cell.runtime.name()),
            DefaultRuntimes::Only { runtimes, workers } => {
                runtimes.contains(&cell.runtime.name())
                    && (cell.workers <= workers || !self.workers.is_empty())
            }
        }
    }

    /// A count asked for by name is taken even beyond the cores: oversubscription is worth a look.
    fn counts(&self, cores: usize) -> Vec<usize> {
        let mut counts = self.workers.clone();
        if counts.is_empty() {
            counts = default_workers(cores);
        }
        counts.sort_unstable();
        counts.dedup();
        counts
    }

    /// The names most like the parts of a filter that look like names.
    fn hint(
        &self,
        workloads: &[&'static workloads::Definition],
        runtimes: &[Arc<Contestant>],
    ) -> String {
        let texts: Vec<&str> = match &self.filter {
            Filter::Patterns(patterns) => patterns.iter().map(Regex::as_str).collect(),
            Filter::Exact(ids) => ids.iter().map(String::as_str).collect(),
            Filter::All | Filter::Nothing => Vec::new(),
        };
        let names = workloads
            .iter()
            .map(|definition| definition.name)
            .chain(runtimes.iter().map(|runtime| runtime.name()));
        let names: Vec<_> = names.collect();
        let parts =
            texts.iter().flat_map(|text| text.split('/')).map(|part| part.trim_matches(['^', '$']));
        let near: Vec<_> = parts
            .filter(|part| !names.contains(part))
            .flat_map(|part| near(part, &names))
            .collect();
        if near.is_empty() {
            String::new()
        } else {
            format!(" (did you mean {}?)", near.join(" or "))
        }
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
    cells.iter().filter(|cell| cell.workload.kind == kind).cloned().collect()
}

/// Shuffles the order of a block, so that drift of the machine falls on no runtime in particular.
/// The same seed and block give the same order.
pub fn shuffle<T>(items: &mut [T], seed: u64, block: u64) {
    let mut rng = Xoshiro256PlusPlus::seed_from_u64(seed ^ block.rotate_left(32));
    items.shuffle(&mut rng);
}

#[cfg(test)]
mod tests {
    use std::collections::{BTreeMap, BTreeSet};

    use super::*;

    const fn workload(name: &'static str, kind: Kind) -> workloads::Definition {
        let runtimes = DefaultRuntimes::All;
        workloads::Definition {
            name,
            summary: "",
            shows: "",
            unit: "things",
            kind,
            runtimes,
            params: &[],
            small: &[],
        }
    }

    /// A contestant of these names that can run every workload of these tests.
    fn runtime(name: &str, max_workers: Option<usize>) -> Arc<Contestant> {
        Arc::new(contestant(name, max_workers))
    }

    fn contestant(name: &str, max_workers: Option<usize>) -> Contestant {
        let workloads = ["ping_pong", "timers", "hogs", "spawn"].map(str::to_owned).to_vec();
        Contestant { workloads, ..crate::contestants::tests::contestant(name, max_workers) }
    }

    /// The same engine configured otherwise.
    fn configured(name: &str) -> Arc<Contestant> {
        let mut contestant = contestant(name, None);
        contestant.descriptor.configuration =
            BTreeMap::from([("slice_us".to_owned(), "1".to_owned())]);
        Arc::new(contestant)
    }

    fn both() -> [Arc<Contestant>; 2] {
        [runtime("local", Some(1)), runtime("work-stealing", None)]
    }

    static PING: workloads::Definition = workload("ping_pong", Kind::Throughput);
    static TIMERS: workloads::Definition = workload("timers", Kind::Latency);

    fn ids(selection: &Selection, cores: usize) -> Vec<String> {
        let cells = selection.choose(&[&PING, &TIMERS], &both(), cores).expect("some match");
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
        let two = Selection {
            filter: Filter::new(&texts, false).expect("regular"),
            ..Selection::default()
        };
        assert_eq!(ids(&two, 2), ["ping_pong/local/w1", "timers/local/w1"]);
        assert!(filter("timers", true).choose(&[&TIMERS], &both()[..1], 2).is_err());
    }

    #[test]
    fn runtimes_are_selected_by_name_alone() {
        let names = "local".parse().expect("a name");
        let selection = Selection { runtime: Some(names), ..Selection::default() };
        assert_eq!(ids(&selection, 2), ["ping_pong/local/w1", "timers/local/w1"]);
    }

    #[test]
    fn a_workload_keeps_to_its_field_unless_runtimes_are_named() {
        let runtimes = [&both()[..], &[configured("sliced")]].concat();
        let only = DefaultRuntimes::Only { runtimes: &["work-stealing", "sliced"], workers: 1 };
        static HOGS: workloads::Definition = workload("hogs", Kind::Latency);
        let hogs: &'static _ =
            Box::leak(Box::new(workloads::Definition { runtimes: only, ..HOGS }));
        let ids = |selection: &Selection| {
            let cells = selection.choose(&[&PING, hogs], &runtimes, 2).expect("some match");
            cells.iter().map(Cell::id).collect::<Vec<_>>()
        };
        let ping =
            ["ping_pong/local/w1", "ping_pong/work-stealing/w1", "ping_pong/work-stealing/w2"];
        assert_eq!(
            ids(&Selection::default()),
            [&ping[..], &["hogs/work-stealing/w1", "hogs/sliced/w1"]].concat()
        );
        let two = Selection { workers: vec![2], ..filter("hogs", false) };
        assert_eq!(ids(&two), ["hogs/work-stealing/w2", "hogs/sliced/w2"]);
        let named = Selection { runtime: Some("local|sliced".parse().expect("a pattern")), ..two };
        assert_eq!(ids(&named), ["hogs/sliced/w2"]);
        assert_eq!(ids(&filter("ping_pong/sliced/w2", true)), ["ping_pong/sliced/w2"]);
    }

    #[test]
    fn runtimes_for_one_purpose_are_measured_where_a_workload_names_them() {
        let runtimes = [runtime("local", Some(1)), configured("unpooled")];
        static SPAWN: workloads::Definition = workloads::Definition {
            runtimes: DefaultRuntimes::AllAnd(&["unpooled"]),
            ..workload("spawn", Kind::Throughput)
        };
        let cells =
            Selection::default().choose(&[&PING, &SPAWN], &runtimes, 1).expect("some match");
        let ids: Vec<_> = cells.iter().map(Cell::id).collect();
        assert_eq!(ids, ["ping_pong/local/w1", "spawn/local/w1", "spawn/unpooled/w1"]);
    }

    #[test]
    fn what_matches_nothing_is_named() {
        let selection = Selection { workers: vec![3], ..filter("nonesuch", false) };
        let error = selection.choose(&[&PING], &both()[..1], 2).expect_err("nothing matches");
        let misspelt =
            filter("^pnig_pong/", false).choose(&[&PING], &both(), 2).expect_err("nothing matches");
        assert!(misspelt.to_string().contains("did you mean ping_pong?"), "{misspelt}");
        assert!(error.to_string().contains("the filter `nonesuch` with workers 3"), "{error}");
        let error = Filter::new(&["[".to_owned()], false).expect_err("not a regular expression");
        assert!(error.to_string().contains("`[`"), "{error}");
    }

    #[test]
    fn libtests_ignored_selects_nothing_without_complaint() {
        let selection = Selection { filter: Filter::Nothing, ..Selection::default() };
        assert!(selection.choose(&[&PING], &both()[..1], 2).expect("no complaint").is_empty());
    }

    #[test]
    fn what_is_to_be_skipped_is_left_out() {
        let selection = Selection {
            skip: vec!["stealing/w2".to_owned(), "timers".to_owned()],
            ..Selection::default()
        };
        assert_eq!(ids(&selection, 2), ["ping_pong/local/w1", "ping_pong/work-stealing/w1"]);
        let all = Selection { skip: vec!["/".to_owned()], ..Selection::default() };
        let error = all.choose(&[&PING], &both()[..1], 2).expect_err("nothing is left");
        assert!(error.to_string().contains("skip `/`"), "{error}");
    }

    #[test]
    fn kinds_part_the_cells() {
        let cells =
            Selection::default().choose(&[&PING, &TIMERS], &both()[..1], 2).expect("some match");
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
        let cell = Cell { workload: &PING, runtime: runtime("work-stealing", None), workers: 2 };
        assert_eq!(cell.to_string(), "ping_pong · work-stealing · 2 workers");
        assert_eq!(cell.id(), "ping_pong/work-stealing/w2");
        assert_eq!(Cell { workers: 1, ..cell }.to_string(), "ping_pong · work-stealing · 1 worker");
    }
}
