//! Threads outside the runtime wake the tasks that wait inside.

use std::sync::{Arc, PoisonError, RwLock};
use std::thread;
use std::time::Instant;

use futures_lite::future::block_on;
use runtimes::Runtime;

use crate::crowd::{self, Event};
use crate::drive::drive_from_outside;
use crate::workload::io;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// After Glommio's `foreign_wake`, in bursts.
///
/// Each thread has tasks of its own. It wakes all of them, one after the other, and blocks until
/// the last of them has answered; then it wakes them again. A ping-pong of one thread and one task
/// would measure two sleeps and two wake-ups of the kernel's per exchange, and next to nothing of
/// the runtime. In a burst they are paid once for `tasks` wakes: the first wake finds the workers
/// asleep, the others meet a runtime that is taking tasks in on another processor.
///
/// The threads block in futures-lite's `block_on`, on a condition variable; no runtime takes part
/// in that.
#[derive(Debug)]
pub struct RemoteWake;

impl Workload for RemoteWake {
    const DEFINITION: Definition = Definition {
        name: "remote_wake",
        summary: "Threads outside the runtime each wake a crowd of tasks, block until the last \
         one has answered, and wake them again.",
        shows: "the cost of a wake that comes from outside: the waker, the shared queue, and \
         rousing sleeping workers",
        unit: "wakes",
        kind: Kind::Throughput,
        runtimes: DefaultRuntimes::All,
        params: &[
            Param {
                name: "threads",
                default: 1,
                min: 1,
                max: 64,
                help: "threads outside the \
             runtime",
            },
            Param {
                name: "tasks",
                default: 1_000,
                min: 1,
                max: 100_000,
                help: "tasks that each \
             thread wakes",
            },
            Param {
                name: "bursts",
                default: 10,
                min: 1,
                max: 1_000_000,
                help: "times that it wakes them in one iteration",
            },
        ],
        small: &[("threads", 2), ("tasks", 20), ("bursts", 5)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let (threads, tasks) = (params.size("threads"), params.size("tasks"));
        let bursts = params.get("bursts") * iterations;
        let spawner = runtime.spawner().clone();
        let elapsed = drive_from_outside(runtime, move || {
            let crowds = (0..threads).map(|_| crowd::spawn(&spawner, tasks, bursts));
            let (events, waiters): (Vec<_>, Vec<_>) = crowds.unzip();
            for event in &events {
                block_on(event.settle())?;
            }
            let spans = fire(&events, bursts)?;
            for waiters in waiters {
                block_on(crowd::finish(waiters, bursts))?;
            }
            // From the first thread's start to the last one's end.
            let (start, end) =
                spans.into_iter().reduce(|a, b| (a.0.min(b.0), a.1.max(b.1))).expect(
                    "one thread \
                 at least",
                );
            Ok(end - start)
        })?;
        Ok(Sample::work(elapsed, (threads * tasks) as u64 * bursts))
    }
}

/// Fires each event from a thread of its own, this one included, and says when each thread began
/// and ended.
fn fire(events: &[Arc<Event>], bursts: u64) -> Result<Vec<(Instant, Instant)>, Failure> {
    let (own, others) = events.split_first().expect("there is one thread at least");
    // Closed until every thread stands before it; opened with `true` when all of them could be
    // started.
    let gate = RwLock::new(false);
    let through = || *gate.read().unwrap_or_else(PoisonError::into_inner);
    let run = |event: &Event| {
        let start = Instant::now();
        block_on(event.fire(bursts))?;
        Ok((start, Instant::now()))
    };
    let lost = || Failure::Lost("a thread outside the runtime");
    thread::scope(|scope| {
        let mut closed = gate.write().unwrap_or_else(PoisonError::into_inner);
        let start = |event| {
            let body = move || if through() { run(event) } else { Err(lost()) };
            thread::Builder::new().name("outside".to_owned()).spawn_scoped(scope, body)
        };
        let threads: Result<Vec<_>, _> = others.iter().map(|event| start(event)).collect();
        *closed = threads.is_ok();
        drop(closed);
        let threads = threads.map_err(io("starting a thread outside the runtime"))?;
        let mut spans = vec![run(own)?];
        for thread in threads {
            spans.push(thread.join().unwrap_or_else(|_| Err(lost()))?);
        }
        Ok(spans)
    })
}
