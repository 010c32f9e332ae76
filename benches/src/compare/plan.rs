//! Who meets whom: the runtimes named, and the endpoints at which they are compared.

use std::sync::Arc;

use results::format;
use workloads::Kind;

use crate::contestants::names::{NameError, NamePattern};
use crate::contestants::{Contestant, Roster};
use crate::matrix::Cell;

/// A runtime as it was named on the command line.
#[derive(Clone, Debug)]
pub struct Contender {
    /// What tables call it: its name, and `NAME#2` where it was named before.
    pub label: String,
    /// Which runtime it is.
    pub runtime: Arc<Contestant>,
    /// Whether it is the first one again, which nobody named: the control. What comes of it tells
    /// how far everything else can be trusted.
    pub control: bool,
}

/// One workload with one worker count, on every contender that accepts the count.
#[derive(Clone, Debug)]
pub struct Endpoint {
    /// What is run.
    pub workload: &'static workloads::Definition,
    /// Threads that run tasks.
    pub workers: usize,
    /// The contenders that take part, the one compared with first.
    pub columns: Vec<Contender>,
}

impl Endpoint {
    /// In words: `ping_pong, 2 workers`.
    pub fn title(&self) -> String {
        format!("{}, {}", self.workload.name, format::count(self.workers, "worker"))
    }

    /// The cell of the matrix that a column runs.
    pub fn cell(&self, column: usize) -> Cell {
        Cell {
            workload: self.workload,
            runtime: Arc::clone(&self.columns[column].runtime),
            workers: self.workers,
        }
    }

    /// The name of a column's cell, with the contender's label: `ping_pong/local#2/w1`.
    pub fn id(&self, column: usize) -> String {
        format!("{}/{}/w{}", self.workload.name, self.columns[column].label, self.workers)
    }
}

/// Everything that is to be compared.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The runtimes in the order named; the others are compared with the first.
    pub contenders: Vec<Contender>,
    /// Where they are compared, in the registry's order.
    pub endpoints: Vec<Endpoint>,
    /// Which contenders are missing where, in words.
    pub absent: Vec<String>,
}

/// Why there is nothing to compare.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PlanError {
    /// A runtime or a workload that does not exist.
    #[error(transparent)]
    Name(#[from] NameError),
    /// A pattern stands for one runtime, or for none that can take part.
    #[error("there is nobody to compare {0} with")]
    Alone(String),
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

impl Plan {
    /// The plan of `names` among `roster`, on the workloads that `pattern` matches, without one on
    /// all throughput workloads, with each of `counts` workers. A pattern stands for everybody whom
    /// it matches, a name for itself, as often as it is given.
    ///
    /// # Errors
    /// [`PlanError`], which names what does not exist and what does.
    pub fn new(
        roster: &Roster,
        names: &[NamePattern],
        pattern: Option<&NamePattern>,
        counts: &[usize],
    ) -> Result<Self, PlanError> {
        let contenders = contenders(roster, names)?;
        let workloads = choose(pattern)?;
        let (mut endpoints, mut absent) = (Vec::new(), Vec::new());
        for workload in workloads {
            for &workers in counts {
                let accepts = |contender: &&Contender| contender.runtime.takes(workers);
                let mut columns: Vec<_> = contenders.iter().filter(accepts).cloned().collect();
                if accepts(&&contenders[0]) && columns.len() > 1 {
                    columns.extend(control(&columns, workload.kind));
                    endpoints.push(Endpoint { workload, workers, columns });
                }
            }
        }
        for &count in counts {
            let missing = contenders.iter().filter(|contender| !contender.runtime.takes(count));
            absent.extend(missing.map(|e| {
                format!("{} cannot run with {}", e.label, format::count(count, "worker"))
            }));
        }
        if endpoints.is_empty() {
            let counts: Vec<_> = counts.iter().map(usize::to_string).collect();
            let (first, counts) = (contenders[0].label.clone(), counts.join(","));
            return Err(PlanError::Workers { first, counts, absent });
        }
        Ok(Self { contenders, endpoints, absent })
    }

    /// How many ratios are judged together.
    pub fn comparisons(&self) -> usize {
        self.endpoints.iter().map(|endpoint| endpoint.columns.len() - 1).sum()
    }
}

/// The first of `columns` again, unless somebody named it twice. What memory it takes says nothing
/// about the machine.
fn control(columns: &[Contender], kind: Kind) -> Option<Contender> {
    let first = &columns[0];
    let named_again =
        columns[1..].iter().any(|column| column.runtime.name() == first.runtime.name());
    (kind != Kind::Memory && !named_again).then(|| Contender {
        label: format!("{} again", first.label),
        control: true,
        ..first.clone()
    })
}

fn contenders(roster: &Roster, patterns: &[NamePattern]) -> Result<Vec<Contender>, PlanError> {
    let known = roster.names();
    let mut contenders: Vec<Contender> = Vec::with_capacity(patterns.len());
    for pattern in patterns {
        for name in pattern.choose("runtime", &known)? {
            let Some(runtime) = roster.get(name).cloned() else { continue };
            let before =
                contenders.iter().filter(|contender| contender.runtime.name() == name).count();
            // A pattern that comes upon somebody again does not mean to measure it twice.
            if before > 0 && pattern.exact().is_none() {
                continue;
            }
            let label =
                if before == 0 { name.to_owned() } else { format!("{name}#{}", before + 1) };
            contenders.push(Contender { label, runtime, control: false });
        }
    }
    match &contenders[..] {
        [] => Err(PlanError::Alone("nobody".to_owned())),
        [alone] => Err(PlanError::Alone(alone.label.clone())),
        _ => Ok(contenders),
    }
}

/// The workloads that `pattern` names; all throughput workloads without one.
///
/// # Errors
/// [`PlanError::Name`].
pub fn choose(
    pattern: Option<&NamePattern>,
) -> Result<Vec<&'static workloads::Definition>, PlanError> {
    let definitions = workloads::definitions();
    let known: Vec<_> = definitions.iter().map(|definition| definition.name).collect();
    let Some(pattern) = pattern else {
        return Ok(definitions
            .into_iter()
            .filter(|definition| definition.kind == Kind::Throughput)
            .collect());
    };
    let chosen = pattern.choose("workload", &known)?;
    Ok(definitions.into_iter().filter(|definition| chosen.contains(&definition.name)).collect())
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    /// Three that differ in the workers that they take.
    pub(in super::super) fn roster() -> Roster {
        let of = |name, max| crate::contestants::tests::contestant(name, max);
        Roster::of(vec![of("local", Some(1)), of("global-queue", None), of("work-stealing", None)])
    }

    pub(in super::super) fn plan(
        names: &[&str],
        pattern: Option<&str>,
        counts: &[usize],
    ) -> Result<Plan, PlanError> {
        let parse = |text: &str| text.parse::<NamePattern>().expect("a pattern");
        let names: Vec<_> = names.iter().map(|&name| parse(name)).collect();
        Plan::new(&roster(), &names, pattern.map(parse).as_ref(), counts)
    }

    fn labels(endpoint: &Endpoint) -> Vec<&str> {
        endpoint.columns.iter().map(|column| column.label.as_str()).collect()
    }

    #[test]
    fn a_runtime_named_again_is_numbered() {
        let plan = plan(&["local", "work-stealing", "local", "local"], Some("^ring$"), &[1])
            .expect("valid");
        assert_eq!(labels(&plan.endpoints[0]), ["local", "work-stealing", "local#2", "local#3"]);
        assert_eq!(plan.endpoints[0].id(2), "ring/local#2/w1");
        assert_eq!(plan.endpoints[0].cell(2).id(), "ring/local/w1");
        assert_eq!(plan.comparisons(), 3);
    }

    #[test]
    fn a_pattern_stands_for_everybody_whom_it_matches_once() {
        let plan = plan(&["work-stealing", "*"], Some("ring"), &[1]).expect("valid");
        let all = ["work-stealing", "local", "global-queue", "work-stealing again"];
        assert_eq!(labels(&plan.endpoints[0]), all);
    }

    #[test]
    fn all_throughput_workloads_are_meant_unless_told_otherwise() {
        let plan = plan(&["work-stealing", "work-stealing"], None, &[1, 2]).expect("valid");
        let throughput = workloads::definitions()
            .iter()
            .filter(|definition| definition.kind == Kind::Throughput)
            .count();
        assert_eq!(plan.endpoints.len(), 2 * throughput);
        assert!(plan.endpoints.iter().all(|endpoint| endpoint.workload.kind == Kind::Throughput));
        assert!(plan.endpoints.iter().all(|endpoint| endpoint.columns.len() == 2), "no control");
    }

    #[test]
    fn who_cannot_run_with_a_count_is_left_out_there_and_named() {
        let plan = plan(&["work-stealing", "local", "global-queue"], Some("^ring$"), &[1, 2])
            .expect("valid");
        let all = ["work-stealing", "local", "global-queue", "work-stealing again"];
        assert_eq!(labels(&plan.endpoints[0]), all);
        let with_two = ["work-stealing", "global-queue", "work-stealing again"];
        assert_eq!(labels(&plan.endpoints[1]), with_two);
        assert_eq!(plan.endpoints[1].title(), "ring, 2 workers");
        assert_eq!(plan.absent, ["local cannot run with 2 workers"]);
    }

    #[test]
    fn nothing_is_compared_where_the_first_is_missing() {
        let both = plan(&["local", "work-stealing"], Some("^ring$"), &[1, 2])
            .expect("one count is common");
        assert_eq!(both.endpoints.len(), 1);
        let error =
            plan(&["local", "work-stealing"], Some("^ring$"), &[2]).expect_err("none is common");
        assert!(error.to_string().contains("local cannot run with 2 workers"), "{error}");
    }

    #[test]
    fn what_does_not_exist_is_named_with_what_does() {
        let error =
            plan(&["local", "nonesuch"], None, &[1]).expect_err("there is none").to_string();
        assert!(error.contains("`nonesuch`") && error.contains("work-stealing"), "{error}");
        let error = plan(&["local", "local"], Some("nonesuch"), &[1])
            .expect_err("there is none")
            .to_string();
        assert!(error.contains("`nonesuch`") && error.contains("ping_pong"), "{error}");
        let error = plan(&["local"], None, &[1]).expect_err("nobody else").to_string();
        assert!(error.contains("nobody to compare local with"), "{error}");
    }
}
