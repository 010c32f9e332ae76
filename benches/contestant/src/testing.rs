//! Tests of all programs of a package: each checks its conformance and runs every workload.
//!
//! A test is a process of its own, so that one that crashes or hangs fails alone. Their names are
//! `RUNTIME::THEME::BEHAVIOUR` and `RUNTIME::workloads::WORKLOAD`.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libtest_mimic::{Arguments, Failed, Trial};
use workloads::Kind;

use crate::client::{Checking, Client, ClientError};
use crate::protocol::{Descriptor, FailureKind, Sample, Start};

/// More than any behaviour or workload takes on a busy machine: the suite has its own, shorter
/// limit.
const DEADLINE: Duration = Duration::from_secs(120);

/// What Cargo sets for each program of the package, followed by its name.
const PROGRAM: &str = "CARGO_BIN_EXE_";

/// Runtimes and workloads that do not go together: by its nature the runtime lacks what the
/// workload is about.
pub type LeftOut = &'static [(&'static str, &'static str)];

/// The `main` of an integration test without a harness, in the package whose programs are tested.
/// Every runtime must run every workload but those in `left_out`.
pub fn main(left_out: LeftOut) -> ExitCode {
    let arguments = Arguments::from_args();
    let mut trials = Vec::new();
    for (name, program) in programs() {
        match trials_of(&program, left_out) {
            Ok(of_this) => trials.extend(of_this),
            // The program cannot say which tests it has: that is the one test that it fails.
            Err(error) => {
                trials.push(Trial::test(format!("{name}::describes_itself"), move || fail(&error)))
            }
        }
    }
    libtest_mimic::run(&arguments, trials).exit_code()
}

fn programs() -> BTreeMap<String, PathBuf> {
    let name = |name: OsString| Some(name.to_str()?.strip_prefix(PROGRAM)?.to_owned());
    env::vars_os().filter_map(|(key, program)| Some((name(key)?, program.into()))).collect()
}

fn trials_of(program: &Path, left_out: LeftOut) -> Result<Vec<Trial>, ClientError> {
    let program: Arc<Path> = program.into();
    let mut client = Client::launch(&program, DEADLINE)?;
    let description = client.description().clone();
    let mut trials = Vec::new();
    let names: Vec<_> = description.runtimes.iter().map(|runtime| runtime.name.clone()).collect();
    let main = names.first().cloned().unwrap_or_default();
    trials.push(Trial::test(format!("{main}::has_what_workloads_name"), move || named(&names)));
    for runtime in description.runtimes {
        let runtime = Arc::new(runtime);
        for behaviour in client.behaviours(&runtime.name)? {
            let (program, runtime) = (Arc::clone(&program), Arc::clone(&runtime));
            let name = format!("{}::{behaviour}", runtime.name);
            trials.push(Trial::test(name, move || conforms(&program, &runtime.name, behaviour)));
        }
        for workload in &description.workloads {
            let (program, runtime, workload) =
                (Arc::clone(&program), Arc::clone(&runtime), workload.clone());
            let name = format!("{}::workloads::{workload}", runtime.name);
            trials.push(Trial::test(name, move || runs(&program, &runtime, &workload, left_out)));
        }
    }
    Ok(trials)
}

/// A workload that is measured on some runtimes only names them. Those that begin with this
/// program's name are its own.
fn named(runtimes: &[String]) -> Result<(), Failed> {
    let Some(main) = runtimes.first() else { return Err("it has no runtime".into()) };
    for definition in workloads::definitions() {
        let own = |name: &&&str| {
            name.strip_prefix(main.as_str()).is_some_and(|rest| rest.starts_with('-'))
        };
        for name in definition.runtimes.names().iter().filter(own) {
            // Another program's name may begin with this one's.
            let another = programs().keys().any(|program| {
                program != main
                    && name
                        .strip_prefix(program.as_str())
                        .is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
            });
            if !another && !runtimes.iter().any(|runtime| runtime == name) {
                return Err(format!("{} names {name}, which it has not", definition.name).into());
            }
        }
    }
    Ok(())
}

fn conforms(program: &Path, runtime: &str, behaviour: String) -> Result<(), Failed> {
    let mut client =
        Client::launch(program, DEADLINE).map_err(|error| Failed::from(error.to_string()))?;
    let mut broken = Vec::new();
    let asked = client.conform(runtime, &[behaviour], &mut |event| {
        if let Checking::Done(checked) = event {
            broken.extend(checked.reason.clone());
        }
    });
    match (broken.pop(), asked) {
        (Some(reason), _) => Err(with_output(&client, &reason)),
        (None, Err(error)) => Err(with_output(&client, &error.to_string())),
        (None, Ok(())) => Ok(()),
    }
}

/// One iteration, then two in one run: with each worker count that the runtime takes.
fn runs(
    program: &Path,
    runtime: &Descriptor,
    workload: &str,
    left_out: LeftOut,
) -> Result<(), Failed> {
    for workers in [1, 2] {
        if runtime.max_workers.is_some_and(|max| workers > max) {
            continue;
        }
        let mut client =
            Client::launch(program, DEADLINE).map_err(|error| Failed::from(error.to_string()))?;
        match run(&mut client, runtime, workload, workers) {
            // The result was right, and the machine too busy to say more.
            Ok(()) | Err(ClientError::Failed { kind: FailureKind::Void, .. }) => {}
            Err(ClientError::Failed { kind: FailureKind::NotOffered, .. })
                if left_out.contains(&(&*runtime.name, workload))
                    || workload == NEEDS_STACKS && !runtime.stacks => {}
            Err(error) => {
                return Err(with_output(&client, &format!("with {workers} workers: {error}")));
            }
        }
    }
    Ok(())
}

/// What only tasks with stacks of their own can run.
const NEEDS_STACKS: &str = "switch_cost_direct";

fn run(
    client: &mut Client,
    runtime: &Descriptor,
    workload: &str,
    workers: usize,
) -> Result<(), ClientError> {
    let name = workload.to_owned();
    let params = workloads::small_params(workload)
        .iter()
        .map(|&(name, value)| (name.to_owned(), value))
        .collect();
    client.start(Start { runtime: runtime.name.clone(), workload: name, workers, params })?;
    let one = client.run(1, false, "the first iteration")?;
    let two = client.run(2, true, "two iterations")?;
    check(workload, &one, &two)
        .map_err(|reason| ClientError::Failed { kind: FailureKind::Failed, reason })?;
    match client.shutdown()?.broken_law {
        Some(law) => Err(ClientError::Failed {
            kind: FailureKind::Failed,
            reason: format!("broken counter law: {law}"),
        }),
        None => Ok(()),
    }
}

/// What every sample of one iteration and of two must have.
fn check(workload: &str, one: &Sample, two: &Sample) -> Result<(), String> {
    let kind = workloads::definitions()
        .iter()
        .find(|descriptor| descriptor.name == workload)
        .map(|descriptor| descriptor.kind);
    if one.operations == 0 || one.elapsed_ns == 0 {
        return Err("nothing was done, or in no time".to_owned());
    }
    if two.operations != 2 * one.operations {
        return Err("operations do not follow the iterations".to_owned());
    }
    if one.counted.is_some() || two.counted.is_none() {
        return Err("only the second run was to be counted".to_owned());
    }
    if kind == Some(Kind::Latency) && one.histograms.is_empty() {
        return Err("a latency workload shows no distribution".to_owned());
    }
    if one.bytes_per_operation.is_some() != (kind == Some(Kind::Memory)) {
        return Err("memory workloads, and they alone, measure memory".to_owned());
    }
    for (name, counts) in &two.histograms {
        let count: u64 = counts.iter().map(|(_, count)| count).sum();
        let part = name == "short" && (1..=two.operations).contains(&count);
        if count != two.operations && !part {
            return Err(format!("the distribution `{name}` does not hold every operation"));
        }
    }
    Ok(())
}

fn fail(error: &ClientError) -> Result<(), Failed> {
    Err(error.to_string().into())
}

fn with_output(client: &Client, reason: &str) -> Failed {
    let printed = client.printed();
    if printed.is_empty() {
        reason.into()
    } else {
        format!("{reason}\n{}", printed.join("\n")).into()
    }
}
