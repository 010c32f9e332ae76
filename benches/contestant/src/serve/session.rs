//! What a contestant answers. Whatever goes wrong inside a runtime becomes a reply.

use std::any::Any;
use std::io;
use std::marker::PhantomData;
use std::mem;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::Instant;

use conformance::Subject;
use runtimes::{Origin, Runtime, TaskKind, Workers};

use super::benchmark::{self, Benchmark, StartFailure};
use super::{Entry, measure};
use crate::protocol::{
    Build, Checked, Description, Descriptor, FailureKind, Message, Request, SUITE, Start, VERSION,
};

/// A contestant with what it has started.
pub(super) struct Session<'a, R> {
    entries: &'a [Entry],
    /// The runtime that is started, and the workload that it is to run.
    started: Option<Box<dyn Benchmark>>,
    runtime: PhantomData<R>,
}

impl<'a, R: Runtime> Session<'a, R> {
    pub(super) fn new(entries: &'a [Entry]) -> Self {
        Self { entries, started: None, runtime: PhantomData }
    }

    /// The reply to `request`; `say` takes the events before it.
    ///
    /// # Errors
    /// When an event cannot be said.
    pub(super) fn answer(
        &mut self,
        request: Request,
        say: &mut dyn FnMut(&Message) -> io::Result<()>,
    ) -> io::Result<Message> {
        Ok(match request {
            Request::Describe { protocol: VERSION } => Message::Description(self.description()),
            Request::Describe { protocol } => refused(format!(
                "this contestant speaks version {VERSION} of the protocol, not {protocol}"
            )),
            Request::Start(start) => self.start(&start),
            Request::Run { iterations: 0, .. } => refused("nothing is run 0 times"),
            Request::Run { iterations, counted } => {
                self.with_started(|benchmark| measure::run(benchmark, iterations, counted))
            }
            Request::Figures => self.with_started(measure::figures),
            Request::Counters => self.with_started(|benchmark| Message::Counters {
                counters: measure::by_worker(&benchmark.counters()),
            }),
            Request::Shutdown => self.shutdown(),
            Request::Behaviours { runtime } => match self.entry(&runtime) {
                Ok(_) => Message::Behaviours { names: Subject::behaviours().collect() },
                Err(refusal) => refusal,
            },
            Request::Conform { .. } if self.started.is_some() => {
                refused("a runtime is started: shut it down first")
            }
            Request::Conform { runtime, behaviours } => match self.entry(&runtime) {
                Ok(entry) => {
                    conform(&Subject::new::<R>(entry.descriptor, entry.configure), behaviours, say)?
                }
                Err(refusal) => refusal,
            },
        })
    }

    fn description(&self) -> Description {
        Description {
            protocol: VERSION,
            runtimes: self.entries.iter().map(descriptor).collect(),
            workloads: workloads::definitions()
                .iter()
                .map(|descriptor| descriptor.name.to_owned())
                .collect(),
            build: Build {
                compiler: env!("CONTESTANT_COMPILER").to_owned(),
                optimised: !matches!(env!("CONTESTANT_OPT_LEVEL"), "0" | "1"),
                suite: Some(SUITE.to_owned()),
            },
        }
    }

    fn entry(&self, name: &str) -> Result<&'a Entry, Message> {
        self.entries.iter().find(|entry| entry.descriptor.name == name).ok_or_else(|| {
            let names: Vec<_> = self.entries.iter().map(|entry| entry.descriptor.name).collect();
            refused(format!(
                "there is no runtime called `{name}` here; there is {}",
                names.join(", ")
            ))
        })
    }

    fn start(&mut self, start: &Start) -> Message {
        if self.started.is_some() {
            return refused("a runtime is started already: shut it down first");
        }
        let entry = match self.entry(&start.runtime) {
            Ok(entry) => entry,
            Err(refusal) => return refusal,
        };
        match catch_unwind(|| benchmark::start::<R>(start, entry)) {
            Ok(Ok(benchmark)) => {
                self.started = Some(benchmark);
                Message::Started
            }
            Ok(Err(StartFailure::Refused(reason))) => refused(reason),
            Ok(Err(StartFailure::Failed(reason))) => {
                Message::Failed { kind: FailureKind::Failed, reason }
            }
            Err(payload) => panicked(&*payload),
        }
    }

    /// After a failure the runtime is leaked, not dropped: its shutdown may hang, and the reason
    /// would be lost. The harness ends the session then.
    fn with_started(&mut self, answer: impl FnOnce(&dyn Benchmark) -> Message) -> Message {
        let Some(benchmark) = self.started.take() else { return refused("no runtime is started") };
        let reply = catch_unwind(AssertUnwindSafe(|| answer(&*benchmark)))
            .unwrap_or_else(|payload| panicked(&*payload));
        match reply {
            Message::Failed { .. } => mem::forget(benchmark),
            _ => self.started = Some(benchmark),
        }
        reply
    }

    fn shutdown(&mut self) -> Message {
        let Some(benchmark) = self.started.take() else { return refused("no runtime is started") };
        match catch_unwind(AssertUnwindSafe(|| benchmark.shutdown())) {
            Ok(end) => Message::Stopped {
                counters: measure::totals(&end),
                broken_law: end.check_final().err(),
            },
            Err(payload) => panicked(&*payload),
        }
    }
}

fn descriptor(entry: &Entry) -> Descriptor {
    let Entry { descriptor, configuration, .. } = entry;
    Descriptor {
        name: descriptor.name.to_owned(),
        summary: descriptor.summary.to_owned(),
        isolates: descriptor.isolates.to_owned(),
        relatives: descriptor.relatives.iter().map(|&name| name.to_owned()).collect(),
        package: match descriptor.origin {
            Origin::Ours => None,
            Origin::Peer { package, .. } => Some(package.to_owned()),
        },
        max_workers: match descriptor.workers {
            Workers::Caller => Some(1),
            Workers::Many => None,
        },
        stacks: descriptor.task != TaskKind::Stackless,
        own: Vec::new(),
        configuration: configuration
            .iter()
            .map(|&(name, value)| (name.to_owned(), value.to_owned()))
            .collect(),
    }
}

/// Checks the behaviours named, all when none is. One that hangs is the last: it may hold up any
/// other. A policy that breaks its contract is not checked further: the rest would say nothing.
fn conform(
    subject: &Subject,
    behaviours: Vec<String>,
    say: &mut dyn FnMut(&Message) -> io::Result<()>,
) -> io::Result<Message> {
    let behaviours =
        if behaviours.is_empty() { Subject::behaviours().collect() } else { behaviours };
    let is_contract = |name: &str| name.starts_with("contract::");
    let (mut passed, mut failed, mut broke_contract) = (0, 0, false);
    for name in behaviours {
        if broke_contract && !is_contract(&name) {
            break;
        }
        say(&Message::Checking { name: name.clone() })?;
        let began = Instant::now();
        let broken = match subject.check(&name) {
            Ok(result) => result.err(),
            Err(unknown) => return Ok(refused(unknown.to_string())),
        };
        let elapsed_ns = u64::try_from(began.elapsed().as_nanos()).unwrap_or(u64::MAX);
        *(if broken.is_none() { &mut passed } else { &mut failed }) += 1;
        broke_contract |= broken.is_some() && is_contract(&name);
        let reason = broken.as_ref().map(ToString::to_string);
        say(&Message::Checked(Checked {
            name: name.clone(),
            passed: broken.is_none(),
            reason,
            elapsed_ns,
        }))?;
        if broken.is_some_and(|broken| broken.hung) {
            let reason = format!("{name} hung: nothing else can be checked in this process");
            return Ok(Message::Failed { kind: FailureKind::Failed, reason });
        }
    }
    Ok(Message::Conformance { passed, failed })
}

fn refused(reason: impl Into<String>) -> Message {
    Message::Refused { reason: reason.into() }
}

fn panicked(payload: &(dyn Any + Send)) -> Message {
    let text = payload
        .downcast_ref::<&str>()
        .copied()
        .or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let reason = format!("panicked: {}", text.unwrap_or("(no message)"));
    Message::Failed { kind: FailureKind::Failed, reason }
}
