//! Who meets whom: the runtimes named, and the endpoints at which they are compared.

use std::sync::Arc;

use results::format;
use workloads::Kind;

use crate::contestants::names::{NameError, NamePattern};
use crate::contestants::{Build, Contestant, Roster};
use crate::matrix::Cell;

/// A runtime as it was named on the command line.
#[derive(Clone, Debug)]
pub struct Contender {
    /// Its name, and `NAME#2` where it was named before.
    pub name: String,
    /// What tables call it: the same, and `NAME@BUILD` where builds are compared.
    pub label: String,
    /// How it was built, where builds are compared.
    pub build: Option<Build>,
    /// Which runtime it is.
    pub runtime: Arc<Contestant>,
    /// Whether it is the first one again, which nobody named: the control. What comes of it tells
    /// how far everything else can be trusted.
    pub control: bool,
}

impl Contender {
    /// Whether it is the same program as `first`, so that any difference is a mistake.
    pub fn is_again(&self, first: &Self) -> bool {
        self.runtime.name() == first.runtime.name() && self.build == first.build
    }
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
        title(self.workload.name, self.workers)
    }

    /// The column that a column is compared with: the first of its build, and the first of all for
    /// the first of another build.
    pub fn reference(&self, column: usize) -> usize {
        let this = &self.columns[column];
        let first = self.columns.iter().position(|other| other.build == this.build);
        first.filter(|&first| first != column && !this.control).unwrap_or(0)
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

/// What is run with how many workers, in words.
pub fn title(workload: &str, workers: usize) -> String {
    format!("{workload}, {}", format::count(workers, "worker"))
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
    /// The plan of `names` among those of `entered`, who are in one build or, if builds are to be
    /// compared, in several, the main one first; on the workloads that `pattern` matches, without
    /// one on all throughput workloads, with each of `counts` workers. A pattern stands for
    /// everybody whom it matches, a name for itself, as often as it is given.
    ///
    /// # Errors
    /// [`PlanError`], which names what does not exist and what does.
    pub fn new(
        entered: &[(Option<Build>, &Roster)],
        names: &[NamePattern],
        pattern: Option<&NamePattern>,
        counts: &[usize],
    ) -> Result<Self, PlanError> {
        let (mut contenders, mut absent) = (Vec::new(), Vec::new());
        let named = match entered.first() {
            Some((_, main)) => contenders_among(main, names)?,
            None => return Err(PlanError::Alone("nobody".to_owned())),
        };
        for (build, roster) in entered {
            contenders.extend(in_build(&named, *build, roster, &mut absent));
        }
        if let [alone] = &contenders[..] {
            return Err(PlanError::Alone(alone.label.clone()));
        }
        let workloads = choose(pattern)?;
        let mut endpoints = Vec::new();
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
            let missing = named.iter().filter(|contender| !contender.runtime.takes(count));
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
    let named_again = columns[1..].iter().any(|column| column.is_again(first));
    (kind != Kind::Memory && !named_again).then(|| Contender {
        label: format!("{} again", first.label),
        control: true,
        ..first.clone()
    })
}

fn contenders_among(
    roster: &Roster,
    patterns: &[NamePattern],
) -> Result<Vec<Contender>, PlanError> {
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
            contenders.push(Contender {
                name: label.clone(),
                label,
                build: None,
                runtime,
                control: false,
            });
        }
    }
    match &contenders[..] {
        [] => Err(PlanError::Alone("nobody".to_owned())),
        _ => Ok(contenders),
    }
}

/// Those `named`, as `roster` has them in `build`. Without the first there is nothing to compare
/// the others with.
fn in_build(
    named: &[Contender],
    build: Option<Build>,
    roster: &Roster,
    absent: &mut Vec<String>,
) -> Vec<Contender> {
    let Some(build) = build else { return named.to_vec() };
    let mut there = Vec::with_capacity(named.len());
    for (place, contender) in named.iter().enumerate() {
        let label = format!("{}@{}", contender.name, build.name);
        let Some(runtime) = roster.get(contender.runtime.name()).cloned() else {
            absent.push(format!("there is no {label}"));
            if place == 0 {
                break;
            }
            continue;
        };
        there.push(Contender { label, runtime, build: Some(build), ..contender.clone() });
    }
    there
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
        Plan::new(&[(None, &roster())], &names, pattern.map(parse).as_ref(), counts)
    }

    /// `local` and `work-stealing` on ring, in two builds.
    pub(in super::super) fn in_two_builds() -> Plan {
        let names = ["local", "work-stealing"].map(|name| name.parse().expect("a name"));
        let [main, other] = [roster(), roster()];
        let plain = Build::named("plain");
        let entered = [(Some(Build::FAT), &main), (plain, &other)];
        let ring = "^ring$".parse().expect("a pattern");
        Plan::new(&entered, &names, Some(&ring), &[1]).expect("they exist")
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
    fn in_another_build_everybody_meets_the_first_of_that_build() {
        let plan = in_two_builds();
        let endpoint = &plan.endpoints[0];
        let all = ["local@fat", "work-stealing@fat", "local@plain", "work-stealing@plain"];
        assert_eq!(labels(endpoint)[..4], all);
        assert_eq!(labels(endpoint)[4], "local@fat again");
        let references: Vec<_> = (0..5).map(|column| endpoint.reference(column)).collect();
        assert_eq!(references, [0, 0, 0, 2, 0]);
        assert_eq!(plan.comparisons(), 4);
    }

    #[test]
    fn who_is_missing_in_a_build_is_named_and_without_the_first_there_is_no_such_build() {
        let of = |name| crate::contestants::tests::contestant(name, None);
        let names = ["local", "work-stealing"].map(|name| name.parse().expect("a name"));
        let enter = |other: &Roster| {
            let main = roster();
            let entered = [(Some(Build::FAT), &main), (Build::named("thin"), other)];
            let plan = Plan::new(&entered, &names, None, &[1]).expect("fat has both");
            (plan.contenders.len(), plan.absent)
        };
        let (contenders, absent) = enter(&Roster::of(vec![of("local")]));
        assert_eq!((contenders, &*absent[0]), (3, "there is no work-stealing@thin"));
        let (contenders, absent) = enter(&Roster::of(vec![of("work-stealing")]));
        assert_eq!((contenders, &*absent[0]), (2, "there is no local@thin"));
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
