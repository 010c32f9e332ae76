//! The messages of the protocol, as `PROTOCOL.md` describes them.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// The version of the protocol that this build speaks.
pub const VERSION: u32 = 1;

/// The engine, workloads and protocol that this was built with, as a fingerprint of their sources:
/// only those who share it differ in nothing but what they bring.
pub const SUITE: &str = env!("CONTESTANT_SUITE");

/// The longest line that either side accepts, in bytes.
pub const MAX_LINE_BYTES: usize = 64 << 20;

/// Whether a runtime can be called `name`: 1 to 64 lower-case letters, digits and hyphens.
pub fn is_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    (1..=64).contains(&name.len()) && name.chars().all(plain)
}

/// What the harness asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Request {
    /// Who are you? The first request of every session.
    Describe {
        /// The version that the harness speaks.
        protocol: u32,
    },
    /// Start a runtime for a workload.
    Start(Start),
    /// Do the work of the workload and verify it.
    Run {
        /// How often, at least once.
        iterations: u64,
        /// Whether to say what was counted meanwhile.
        #[serde(default)]
        counted: bool,
    },
    /// Measure what the workload shows once beside its samples.
    Figures,
    /// What do the counters read?
    Counters,
    /// Stop the runtime.
    Shutdown,
    /// What can the conformance suite check?
    Behaviours {
        /// The runtime's name.
        runtime: String,
    },
    /// Check it.
    Conform {
        /// The runtime's name.
        runtime: String,
        /// Names of behaviours; all when empty.
        behaviours: Vec<String>,
    },
}

/// Which runtime is started, and for what.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Start {
    /// The runtime's name.
    pub runtime: String,
    /// The workload's name.
    pub workload: String,
    /// Threads that run tasks.
    pub workers: usize,
    /// Every parameter of the workload.
    pub params: BTreeMap<String, u64>,
}

/// What a contestant says: events, then one reply.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub enum Message {
    /// Event: the request still makes progress.
    Alive,
    /// Event: a behaviour is about to be checked.
    Checking {
        /// Its name.
        name: String,
    },
    /// Event: a behaviour has been checked.
    Checked(Checked),
    /// Reply to [`Request::Describe`].
    Description(Description),
    /// Reply to [`Request::Start`].
    Started,
    /// Reply to [`Request::Run`].
    Sample(Sample),
    /// Reply to [`Request::Figures`].
    Figures {
        /// By name.
        figures: BTreeMap<String, f64>,
    },
    /// Reply to [`Request::Counters`].
    Counters {
        /// What they read.
        #[serde(flatten)]
        counters: Counters,
    },
    /// Reply to [`Request::Shutdown`].
    Stopped {
        /// The final counters by name.
        counters: BTreeMap<String, u64>,
        /// Which law of conservation they break.
        broken_law: Option<String>,
    },
    /// Reply to [`Request::Behaviours`].
    Behaviours {
        /// `theme::behaviour`, in the order in which they should be checked.
        names: Vec<String>,
    },
    /// Reply to [`Request::Conform`].
    Conformance {
        /// How many behaviours passed.
        passed: usize,
        /// How many did not.
        failed: usize,
    },
    /// Reply to any request that was understood and went wrong.
    Failed {
        /// In which way.
        kind: FailureKind,
        /// What happened.
        reason: String,
    },
    /// Reply to any request that makes no sense.
    Refused {
        /// Why.
        reason: String,
    },
}

impl Message {
    /// Whether it ends the request; events do not.
    pub fn is_reply(&self) -> bool {
        !matches!(self, Self::Alive | Self::Checking { .. } | Self::Checked(_))
    }
}

/// How a request failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FailureKind {
    /// A wrong result, a task that died, a runtime that did not start.
    Failed,
    /// The result was right, but the measurement does not count.
    Void,
    /// The runtime by its nature lacks what the workload is about.
    NotOffered,
}

/// What a contestant says of itself.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Description {
    /// The version of the protocol that it speaks.
    pub protocol: u32,
    /// Its runtimes: the main one first, then the same engine configured otherwise.
    pub runtimes: Vec<Descriptor>,
    /// Names of the workloads that it can run.
    pub workloads: Vec<String>,
    /// How it was built.
    pub build: Build,
}

/// One runtime of a contestant.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Descriptor {
    /// 1 to 64 lower-case letters, digits and hyphens.
    pub name: String,
    /// One sentence: the policy, and what it stands on.
    pub summary: String,
    /// One sentence: what its comparison with its neighbours isolates.
    pub isolates: String,
    /// The runtimes that it is best compared with.
    #[serde(default)]
    pub relatives: Vec<String>,
    /// The package that brings it; `None` for a policy of this repository.
    #[serde(default)]
    pub package: Option<String>,
    /// The greatest number of workers, if it has a limit of its own.
    #[serde(default)]
    pub max_workers: Option<usize>,
    /// Whether each task has a stack of its own.
    #[serde(default)]
    pub stacks: bool,
    /// What it does not share with the runtimes of this repository: "language", "workloads",
    /// "reactor", "channels". Empty where only the executor differs.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub own: Vec<String>,
    /// What is configured otherwise than in the program's main runtime; empty for that one itself.
    #[serde(default)]
    pub configuration: BTreeMap<String, String>,
}

/// How a contestant was built.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Build {
    /// Name and version.
    pub compiler: String,
    /// False for a build that says nothing about speed.
    pub optimised: bool,
    /// A fingerprint of the sources of this repository that are in it, [`SUITE`]; `None` where
    /// there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<String>,
}

/// What one run measured.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// The time of all iterations by the contestant's own clock.
    pub elapsed_ns: u64,
    /// Operations of all iterations together, in the workload's unit.
    pub operations: u64,
    /// Memory workloads: the bytes that an operation holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes_per_operation: Option<f64>,
    /// Latency workloads: by name, values in nanoseconds and how many operations had each.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub histograms: BTreeMap<String, Vec<(u64, u64)>>,
    /// Numbers that the workload gives beside its time.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub figures: BTreeMap<String, f64>,
    /// What was counted meanwhile, if that was asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub counted: Option<Counted>,
}

/// What was counted during a run.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counted {
    /// The scheduler's counters.
    #[serde(flatten)]
    pub counters: Counters,
    /// What the operating system charged to the process.
    pub process: BTreeMap<String, u64>,
}

/// The counters of a scheduler, those that it keeps.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Counters {
    /// Sums by name.
    pub counters: BTreeMap<String, u64>,
    /// By name, an entry per worker and one last for all other threads.
    pub per_worker: BTreeMap<String, Vec<u64>>,
}

/// A behaviour that has been checked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checked {
    /// Its name.
    pub name: String,
    /// Whether the runtime behaves so.
    pub passed: bool,
    /// What it did instead.
    pub reason: Option<String>,
    /// How long the check took.
    pub elapsed_ns: u64,
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The page's example, message by message: what it shows is what is spoken.
    #[test]
    fn the_page_shows_real_messages() {
        let page = include_str!("../PROTOCOL.md");
        let (mut requests, mut messages) = (0, 0);
        for line in page.lines() {
            if let Some(text) = line.strip_prefix("> {") {
                serde_json::from_str::<Request>(&format!("{{{text}"))
                    .unwrap_or_else(|e| panic!("{line}: {e}"));
                requests += 1;
            } else if let Some(text) = line.strip_prefix("< {") {
                let message: Message = serde_json::from_str(&format!("{{{text}"))
                    .unwrap_or_else(|e| panic!("{line}: {e}"));
                let again = serde_json::to_value(&message).expect("plain data");
                let shown: serde_json::Value =
                    serde_json::from_str(&format!("{{{text}")).expect("just read");
                assert_eq!(
                    again, shown,
                    "the page shows members that are not there, or leaves some out"
                );
                messages += 1;
            }
        }
        assert_eq!((requests, messages), (7, 9));
    }

    #[test]
    fn unknown_members_are_passed_over_and_unknown_types_are_not() {
        let request = r#"{"type":"run","iterations":3,"colour":"red"}"#;
        assert_eq!(
            serde_json::from_str::<Request>(request).expect("known"),
            Request::Run { iterations: 3, counted: false }
        );
        let error = serde_json::from_str::<Request>(r#"{"type":"dance"}"#)
            .expect_err("unknown")
            .to_string();
        assert!(error.contains("`dance`") && error.contains("`describe`"), "{error}");
    }

    #[test]
    fn events_are_no_replies() {
        assert!(
            !Message::Alive.is_reply() && !Message::Checking { name: String::new() }.is_reply()
        );
        assert!(
            Message::Started.is_reply() && Message::Refused { reason: String::new() }.is_reply()
        );
    }
}
