//! How much memory a task holds that has nothing to do.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Instant;

use runtimes::{Runtime, Spawner};

use crate::drive::{drive, require_room};
use crate::event::Event;
use crate::memory::Memory;
use crate::workload::check;
use crate::{DefaultRuntimes, Definition, Failure, Kind, Param, Params, Sample, Workload};

/// Idle tasks with the same future of 64 bytes on every runtime, and what they add to the process's
/// memory.
///
/// What is ranked is *resident* memory as the kernel accounts for it. It is what a machine runs out
/// of, and it means the same for a task from `malloc`, for one from a pool, and for one whose stack
/// is mapped: block headers, rounding to size classes, slack in slabs and the runtime's own tables
/// are in it. The bytes asked of the global allocator would hold none of these, and counting them
/// would cost every other workload a counter at each allocation. `reserved_bytes_per_task` also has
/// what was mapped writable and never touched.
///
/// - Tasks are spawned in batches of 1,000, the next when every task of the one before waits: a
///   queue that had to hold all of them would say nothing about idle tasks.
/// - What the workload itself keeps for each task, a slot for its waker and the place of its join
///   handle, is touched before the first reading and so is not counted. 64 tasks that come and go
///   before it set up what each thread has once.
/// - Only the first iteration is measured: later ones would use again what it freed.
/// - `bytes_per_task_at_…` is the same while fewer of them wait, on the way up: what is allocated
///   once shows in it.
#[derive(Debug)]
pub struct IdleMemory;

/// Tasks spawned before the spawning task waits for them to fall asleep.
const BATCH: usize = 1_000;

/// Tasks that come and go before anything is measured.
const WARM_UP: usize = 64;

/// Where the memory is read on the way up.
const STEPS: [(usize, &str); 3] = [
    (1_000, "bytes_per_task_at_1000"),
    (10_000, "bytes_per_task_at_10000"),
    (100_000, "bytes_per_task_at_100000"),
];

/// What the tasks of a crowd hold when all wait, and the figures of the steps up to there.
struct Held {
    memory: Memory,
    steps: Vec<(&'static str, f64)>,
}

impl Workload for IdleMemory {
    const DEFINITION: Definition = Definition {
        name: "idle_memory",
        summary: "Many tasks of 64 bytes wait for an event; then it comes, and all of them end.",
        shows: "the memory that a task takes while it has nothing to do: its cell, its place in \
         the runtime's tables, its stack",
        unit: "tasks",
        kind: Kind::Memory,
        runtimes: DefaultRuntimes::All,
        params: &[Param {
            name: "tasks",
            default: 100_000,
            min: 1,
            max: 10_000_000,
            help: "tasks \
         that wait at once",
        }],
        small: &[("tasks", 2_500)],
    };

    fn run<R: Runtime>(runtime: &R, params: &Params, iterations: u64) -> Result<Sample, Failure> {
        let tasks = params.size("tasks");
        require_room(runtime, tasks as u64)?;
        let spawner = runtime.spawner().clone();
        let (elapsed, held) = drive(runtime, async move {
            Crowd::new(&spawner, WARM_UP).wait_and_end().await?;
            let start = Instant::now();
            let held = Crowd::new(&spawner, tasks).wait_and_end().await?;
            for _ in 1..iterations {
                Crowd::new(&spawner, tasks).wait_and_end().await?;
            }
            Ok((start.elapsed(), held))
        })?;
        let Held { memory, steps: mut figures } = held;
        let per_task = |bytes: u64| bytes as f64 / tasks as f64;
        figures.push(("reserved_bytes_per_task", per_task(memory.reserved_bytes)));
        Ok(Sample {
            bytes_per_operation: Some(per_task(memory.resident_bytes)),
            figures,
            ..Sample::work(elapsed, tasks as u64 * iterations)
        })
    }
}

/// The tasks of one iteration, while they are spawned one batch after the other.
struct Crowd<'a, S: Spawner> {
    spawner: &'a S,
    event: Arc<Event>,
    handles: Vec<Option<S::Join<u64>>>,
}

impl<'a, S: Spawner> Crowd<'a, S> {
    /// No task yet, but every place that the measurement itself needs, touched.
    fn new(spawner: &'a S, tasks: usize) -> Self {
        Self {
            spawner,
            event: Arc::new(Event::new(tasks)),
            handles: (0..tasks).map(|_| None).collect(),
        }
    }

    /// Spawns the tasks, reads what they hold while all of them wait, and lets them end.
    async fn wait_and_end(mut self) -> Result<Held, Failure> {
        let before = Memory::read()?;
        let mut spawned = 0;
        let mut steps = Vec::with_capacity(STEPS.len());
        for batch in self.handles.chunks_mut(BATCH) {
            self.event.expect(spawned + batch.len());
            for handle in batch {
                *handle = Some(self.spawner.spawn(Idle::new(Arc::clone(&self.event), spawned)));
                spawned += 1;
            }
            self.event.all_wait().await?;
            if let Some((_, name)) = STEPS.iter().find(|(at, _)| *at == spawned) {
                let grown = Memory::read()?.since(&before);
                steps.push((*name, grown.resident_bytes as f64 / spawned as f64));
            }
        }
        let memory = Memory::read()?.since(&before);
        self.event.fire();
        let mut sum = 0_u64;
        for handle in self.handles.into_iter().flatten() {
            sum = sum.wrapping_add(handle.await?);
        }
        let want = (0..spawned).map(|slot| digest(&contents(slot))).fold(0, u64::wrapping_add);
        check("the digest of what the tasks held", sum, want)?;
        Ok(Held { memory, steps })
    }
}

/// An idle task: 64 bytes on every runtime, as a connection with a small buffer.
struct Idle {
    event: Arc<Event>,
    slot: u32,
    stage: Stage,
    contents: [u64; 6],
}

const _: () = assert!(size_of::<Idle>() == 64);

#[derive(Clone, Copy, PartialEq)]
enum Stage {
    New,
    Waiting,
    Finished,
}

impl Idle {
    fn new(event: Arc<Event>, slot: usize) -> Self {
        Self { event, slot: slot as u32, stage: Stage::New, contents: contents(slot) }
    }
}

impl Future for Idle {
    type Output = u64;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<u64> {
        let slot = self.slot as usize;
        let fired = match self.stage {
            Stage::New => self.event.poll_first(slot, cx),
            Stage::Waiting | Stage::Finished => self.event.poll(slot, cx),
        };
        self.stage = if fired.is_ready() { Stage::Finished } else { Stage::Waiting };
        fired.map(|()| digest(&self.contents))
    }
}

/// Tells the owner about a task that is dropped too soon: it would never be ready.
impl Drop for Idle {
    fn drop(&mut self) {
        if self.stage != Stage::Finished {
            self.event.lose();
        }
    }
}

/// What a task holds: different words in each.
fn contents(slot: usize) -> [u64; 6] {
    std::array::from_fn(|word| {
        (slot as u64 + 1).wrapping_mul(0x9E37_79B9_7F4A_7C15).rotate_left(word as u32 * 11)
    })
}

fn digest(contents: &[u64; 6]) -> u64 {
    contents.iter().fold(0, |digest, word| digest.rotate_left(5) ^ word)
}
