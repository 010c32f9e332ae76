//! Who meets whom: the runtimes named, and the endpoints at which they are compared.

use regex::Regex;
use results::format;
use runtimes::Workers;
use workloads::Kind;

use crate::matrix::Cell;

/// A runtime as it was named on the command line.
#[derive(Clone, Debug)]
pub struct Entrant {
    /// What tables call it: its name, and `NAME#2` where it was named before.
    pub label: String,
    /// Which runtime it is.
    pub runtime: &'static runtimes::Card,
}

/// One workload with one worker count, on every entrant that accepts the count.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What is run.
    pub workload: &'static workloads::Card,
    /// Threads that run tasks.
    pub workers: usize,
    /// The entrants that take part, the one compared with first.
    pub lanes: Vec<Entrant>,
}

impl Endpoint {
    /// In words: `ping_pong, 2 workers`.
    pub fn title(&self) -> String {
        format!("{}, {}", self.workload.name, format::count(self.workers, "worker"))
    }

    /// The cell of the matrix that a lane runs.
    pub fn cell(&self, lane: usize) -> Cell {
        Cell { workload: self.workload, runtime: self.lanes[lane].runtime, workers: self.workers }
    }

    /// The name of a lane's cell, with the entrant's label: `ping_pong/local#2/w1`.
    pub fn id(&self, lane: usize) -> String {
        format!("{}/{}/w{}", self.workload.name, self.lanes[lane].label, self.workers)
    }
}

/// Everything that is to be compared.
#[derive(Clone, Debug)]
pub struct Contest {
    /// The runtimes in the order named; the others are compared with the first.
    pub entrants: Vec<Entrant>,
    /// Where they are compared, in the registry's order.
    pub endpoints: Vec<Endpoint>,
    /// Which entrants are missing where, in words.
    pub absent: Vec<String>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ContestError {
    /// A runtime that is not registered.
    #[error("there is no runtime called `{name}`; there are {}", known.join(", "))]
    Runtime {
        /// The name given.
        name: String,
        /// The names that exist.
        known: Vec<&'static str>,
    },
    /// An expression that matches no workload.
    #[error("no workload matches `{pattern}`; there are {}", known.join(", "))]
    Workload {
        /// The expression.
        pattern: String,
        /// The names that exist.
        known: Vec<&'static str>,
    },
    /// No worker count that the first and another runtime accept.
    #[error("{first} and the others have no worker count in common among {counts}: {}", absent.join("; "))]
    Workers {
        /// The runtime named first.
        first: String,
        /// The counts asked for.
        counts: String,
        /// Who accepts what.
        absent: Vec<String>,
    },
}

impl Contest {
    /// The contest of `names` on the workloads that `pattern` matches, without one on all throughput
    /// workloads, with each of `counts` workers.
    ///
    /// # Errors
    /// [`ContestError`], which names what does not exist and what does.
    pub fn new(names: &[String], pattern: Option<&Regex>, counts: &[usize]) -> Result<Self, ContestError> {
        let entrants = entrants(names)?;
        let workloads = choose(pattern)?;
        let (mut endpoints, mut absent) = (Vec::new(), Vec::new());
        for workload in workloads {
            for &workers in counts {
                let lanes: Vec<_> = entrants.iter().filter(|e| accepts(e.runtime, workers)).cloned().collect();
                let first_is_there = accepts(entrants[0].runtime, workers);
                if first_is_there && lanes.len() > 1 {
                    endpoints.push(Endpoint { workload, workers, lanes });
                }
            }
        }
        for &count in counts {
            let missing = entrants.iter().filter(|e| !accepts(e.runtime, count));
            absent.extend(missing.map(|e| format!("{} cannot run with {}", e.label, format::count(count, "worker"))));
        }
        if endpoints.is_empty() {
            let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
            let (first, counts) = (entrants[0].label.clone(), counts.join(","));
            return Err(ContestError::Workers { first, counts, absent });
        }
        Ok(Self { entrants, endpoints, absent })
    }

    /// How many ratios are judged together.
    pub fn comparisons(&self) -> usize {
        self.endpoints.iter().map(|endpoint| endpoint.lanes.len() - 1).sum()
    }
}

fn accepts(runtime: &runtimes::Card, workers: usize) -> bool {
    match runtime.workers {
        Workers::Caller => workers == 1,
        Workers::Many => workers > 0,
    }
}

fn entrants(names: &[String]) -> Result<Vec<Entrant>, ContestError> {
    let cards = runtimes::cards();
    let mut entrants: Vec<Entrant> = Vec::with_capacity(names.len());
    for name in names {
        let Some(&runtime) = cards.iter().find(|card| card.name == name) else {
            let known = cards.iter().map(|card| card.name).collect();
            return Err(ContestError::Runtime { name: name.clone(), known });
        };
        let before = entrants.iter().filter(|entrant| entrant.runtime.name == name).count();
        let label = if before == 0 { name.clone() } else { format!("{name}#{}", before + 1) };
        entrants.push(Entrant { label, runtime });
    }
    Ok(entrants)
}

fn choose(pattern: Option<&Regex>) -> Result<Vec<&'static workloads::Card>, ContestError> {
    let cards = workloads::cards();
    let meant = |card: &workloads::Card| match pattern {
        Some(pattern) => pattern.is_match(card.name),
        None => card.kind == Kind::Throughput,
    };
    let chosen: Vec<_> = cards.iter().copied().filter(|card| meant(card)).collect();
    if chosen.is_empty() {
        let known = cards.iter().map(|card| card.name).collect();
        return Err(ContestError::Workload { pattern: pattern.map(Regex::to_string).unwrap_or_default(), known });
    }
    Ok(chosen)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn contest(names: &[&str], pattern: Option<&str>, counts: &[usize]) -> Result<Contest, ContestError> {
        let names: Vec<_> = names.iter().map(|&name| name.to_owned()).collect();
        let pattern = pattern.map(|text| Regex::new(text).expect("a regular expression"));
        Contest::new(&names, pattern.as_ref(), counts)
    }

    fn labels(endpoint: &Endpoint) -> Vec<&str> {
        endpoint.lanes.iter().map(|lane| lane.label.as_str()).collect()
    }

    #[test]
    fn a_runtime_named_again_is_numbered() {
        let contest = contest(&["local", "work-stealing", "local", "local"], Some("^ring$"), &[1]).expect("valid");
        assert_eq!(labels(&contest.endpoints[0]), ["local", "work-stealing", "local#2", "local#3"]);
        assert_eq!(contest.endpoints[0].id(2), "ring/local#2/w1");
        assert_eq!(contest.endpoints[0].cell(2).id(), "ring/local/w1");
        assert_eq!(contest.comparisons(), 3);
    }

    #[test]
    fn all_throughput_workloads_are_meant_unless_told_otherwise() {
        let contest = contest(&["work-stealing", "work-stealing"], None, &[1, 2]).expect("valid");
        let throughput = workloads::cards().iter().filter(|card| card.kind == Kind::Throughput).count();
        assert_eq!(contest.endpoints.len(), 2 * throughput);
        assert!(contest.endpoints.iter().all(|endpoint| endpoint.workload.kind == Kind::Throughput));
    }

    #[test]
    fn who_cannot_run_with_a_count_is_left_out_there_and_named() {
        let contest = contest(&["work-stealing", "local", "global-queue"], Some("^ring$"), &[1, 2]).expect("valid");
        assert_eq!(labels(&contest.endpoints[0]), ["work-stealing", "local", "global-queue"]);
        assert_eq!(labels(&contest.endpoints[1]), ["work-stealing", "global-queue"]);
        assert_eq!(contest.endpoints[1].title(), "ring, 2 workers");
        assert_eq!(contest.absent, ["local cannot run with 2 workers"]);
    }

    #[test]
    fn nothing_is_compared_where_the_first_is_missing() {
        let both = contest(&["local", "work-stealing"], Some("^ring$"), &[1, 2]).expect("one count is common");
        assert_eq!(both.endpoints.len(), 1);
        let error = contest(&["local", "work-stealing"], Some("^ring$"), &[2]).expect_err("none is common");
        assert!(error.to_string().contains("local cannot run with 2 workers"), "{error}");
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let error = contest(&["local", "nonesuch"], None, &[1]).expect_err("there is none").to_string();
        assert!(error.contains("`nonesuch`") && error.contains("work-stealing"), "{error}");
        let error = contest(&["local", "local"], Some("nonesuch"), &[1]).expect_err("there is none").to_string();
        assert!(error.contains("`nonesuch`") && error.contains("ping_pong"), "{error}");
    }
}
