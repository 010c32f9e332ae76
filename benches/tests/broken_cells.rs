//! Executors that misbehave: whatever they do becomes an outcome with a reason, and is stored.

use std::cell::Cell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::time::Duration;

use benches::cell::{Bed, Message, Phase, Request, Task, execute, prepare};
use results::schema::Outcome;
use runtimes::metrics::{Counter, Snapshot};
use workloads::{Failure, Sample};

/// A bed made of closures, in place of a runtime and a workload.
struct Scripted<R, S> {
    run: R,
    shutdown: S,
    stopped: Rc<Cell<bool>>,
    /// What is measured once; `None` fails.
    beside: Option<f64>,
}

impl<R, S> Bed for Scripted<R, S>
where
    R: Fn(u64) -> Result<Sample, Failure>,
    S: Fn() -> Snapshot,
{
    fn run(&self, iterations: u64) -> Result<Sample, Failure> {
        (self.run)(iterations)
    }

    fn figures(&self) -> Result<Vec<(&'static str, f64)>, Failure> {
        self.beside.map(|value| vec![("beside_ns", value)]).ok_or(Failure::Lost("a task beside"))
    }

    fn counters(&self) -> Snapshot {
        Snapshot::default()
    }

    fn shutdown(self: Box<Self>) -> Snapshot {
        self.stopped.set(true);
        (self.shutdown)()
    }
}

fn request(task: Task) -> Request {
    let (workload, runtime) = ("ping_pong".to_owned(), "broken".to_owned());
    Request { workload, runtime, workers: 1, params: BTreeMap::new(), task }
}

/// The outcome of a verification, the phases it went through, and whether the bed was shut down.
fn verify<R, S>(run: R, shutdown: S) -> (Outcome, Vec<Phase>, bool)
where
    R: Fn(u64) -> Result<Sample, Failure> + 'static,
    S: Fn() -> Snapshot + 'static,
{
    let stopped = Rc::new(Cell::new(false));
    let bed = Box::new(Scripted { run, shutdown, stopped: Rc::clone(&stopped), beside: Some(7.0) });
    let mut phases = Vec::new();
    let outcome = execute(bed, &request(Task::Verify), &mut |message| {
        if let Message::Phase(phase) = message {
            phases.push(phase);
        }
    });
    (outcome, phases, stopped.get())
}

fn good(iterations: u64) -> Result<Sample, Failure> {
    Ok(Sample::work(Duration::from_micros(iterations), iterations * 5))
}

fn sound() -> Snapshot {
    Snapshot::only(&[(Counter::Spawned, 2), (Counter::Completed, 1), (Counter::Cancelled, 1)])
}

fn reason(outcome: Outcome) -> String {
    match outcome {
        Outcome::Failed { reason } => reason,
        other => panic!("must have failed: {other:?}"),
    }
}

#[test]
fn a_sound_bed_is_measured_and_shut_down() {
    let (outcome, phases, stopped) = verify(good, sound);
    let measurement = outcome.measured().expect("it is sound");
    assert_eq!(measurement.operations_per_iteration, 5.0);
    assert_eq!(measurement.samples_ns, [1_000.0]);
    assert_eq!(measurement.figures["beside_ns"], 7.0);
    assert_eq!(phases, [Phase::Verification, Phase::Shutdown]);
    assert!(stopped);
}

#[test]
fn a_wrong_result_fails_and_the_runtime_is_left_alone() {
    let wrong = |_| Err(Failure::Wrong { what: "sum", got: "1".to_owned(), want: "2".to_owned() });
    let (outcome, _, stopped) = verify(wrong, sound);
    assert_eq!(reason(outcome), "wrong result: sum is 1, must be 2");
    assert!(!stopped, "the shutdown of a broken runtime may hang");
}

#[test]
fn what_is_measured_once_must_be_right_too() {
    let bed = Box::new(Scripted { run: good, shutdown: sound, stopped: Rc::default(), beside: None });
    assert!(reason(execute(bed, &request(Task::Verify), &mut drop)).contains("a task beside"));
}

#[test]
fn a_panic_fails_with_its_message() {
    let (outcome, ..) = verify(|_| panic!("queue {} is corrupt", 3), sound);
    assert_eq!(reason(outcome), "panicked: queue 3 is corrupt");
}

#[test]
fn a_panic_in_shutdown_fails() {
    let (outcome, phases, _) = verify(good, || panic!("a worker is lost"));
    assert_eq!(reason(outcome), "shutdown: panicked: a worker is lost");
    assert_eq!(phases.last(), Some(&Phase::Shutdown));
}

#[test]
fn a_task_that_is_neither_completed_nor_cancelled_fails() {
    let leaky = || Snapshot::only(&[(Counter::Spawned, 3), (Counter::Completed, 2), (Counter::Cancelled, 0)]);
    let reason = reason(verify(good, leaky).0);
    assert!(reason.starts_with("broken counter law: spawned = completed + cancelled"), "{reason}");
}

#[test]
fn a_void_measurement_is_void_not_failed() {
    let (outcome, ..) = verify(|_| Err(Failure::Void("the generator was late".to_owned())), sound);
    match outcome {
        Outcome::Void { reason } => assert_eq!(reason, "the generator was late"),
        other => panic!("must be void: {other:?}"),
    }
}

#[test]
fn later_iterations_are_verified_too() {
    let late = |iterations| if iterations == 1 { good(1) } else { Err(Failure::Lost("the tenth task")) };
    let bed = Box::new(Scripted { run: late, shutdown: sound, stopped: Rc::default(), beside: None });
    let outcome = execute(bed, &request(Task::Fixed { warm_up_iterations: 1, iterations: 10 }), &mut drop);
    assert!(reason(outcome).contains("the tenth task"));
}

#[test]
fn unknown_names_and_bad_values_are_refused_in_words() {
    let known = Request { runtime: "local".to_owned(), ..request(Task::Verify) };
    let refusal = |request: &Request| prepare(request).map(|_| ()).expect_err("must be refused");
    assert_eq!(refusal(&request(Task::Verify)), "there is no runtime called `broken`");
    let no_workload = Request { workload: "nonesuch".to_owned(), ..known.clone() };
    assert_eq!(refusal(&no_workload), "there is no workload called `nonesuch`");
    let params = BTreeMap::from([("pairs".to_owned(), 0)]);
    assert!(refusal(&Request { params, ..known.clone() }).contains("must lie in"));
    assert!(refusal(&Request { workers: 2, ..known }).contains("local cannot run with 2 workers"));
}
