//! What the two workloads about switches share: their crowds, and the clock.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use runtimes::{Config, Join, Runtime};

use crate::alarm::monotonic_ns;
use crate::drive::{drive, require_room};
use crate::event::Event;
use crate::workload::check;
use crate::{Failure, Param, Params, Sample};

pub(crate) const PARAMS: [Param; 4] = [
    Param {
        name: "tasks",
        default: 1_000,
        min: 1,
        max: 100_000,
        help: "tasks that switch in turn",
    },
    Param {
        name: "depth",
        default: 10,
        min: 1,
        max: 1_000,
        help: "nested calls or futures of each task",
    },
    Param {
        name: "switches",
        default: 100,
        min: 1,
        max: 1_000_000,
        help: "times that each task is resumed",
    },
    Param {
        name: "largest",
        default: 1_000,
        min: 1,
        max: 1_000,
        help: "greatest number of tasks, and depth, of the sizes measured beside",
    },
];

/// Room for the deepest calls; unoptimised ones need most.
const STACK_BYTES: usize = 2 << 20;

pub(crate) fn config(workers: usize) -> Config {
    let mut config = Config::new(workers);
    config.stack_size = STACK_BYTES;
    config
}

/// A crowd: how many tasks, how deep, and how often each is resumed.
#[derive(Clone, Copy)]
struct Size {
    tasks: usize,
    depth: usize,
    switches: u64,
}

impl Size {
    /// With so many switches that the crowd takes some milliseconds; the deepest takes more.
    const fn of(tasks: usize, depth: usize) -> Self {
        let fit = 500_000 / (tasks * depth) as u64;
        let switches = if fit < 10 {
            10
        } else if fit > 5_000 {
            5_000
        } else {
            fit
        };
        Self { tasks, depth, switches }
    }
}

/// The sizes measured beside: what one switch takes in each.
const SIZES: [(&str, Size); 8] = [
    ("tasks_1_depth_1_ns", Size::of(1, 1)),
    ("tasks_1_depth_10_ns", Size::of(1, 10)),
    ("tasks_1_depth_100_ns", Size::of(1, 100)),
    ("tasks_1_depth_1000_ns", Size::of(1, 1_000)),
    ("tasks_1000_depth_1_ns", Size::of(1_000, 1)),
    ("tasks_1000_depth_10_ns", Size::of(1_000, 10)),
    ("tasks_1000_depth_100_ns", Size::of(1_000, 100)),
    ("tasks_1000_depth_1000_ns", Size::of(1_000, 1_000)),
];

/// Each of them so often; the median counts.
const REPEATS: usize = 3;

/// What the tasks of one crowd share. They wait at the bottom until all are there, and again when
/// each has been resumed `switches` times, the last of them. Between the two each task is woken,
/// resumed and suspended exactly that often: spawning, descending, ending and joining lie outside.
pub(crate) struct Crowd {
    bottom: Event,
    done: Event,
    switches: u64,
    /// When the last task was done.
    end_ns: AtomicU64,
}

/// One task's part in it.
pub(crate) struct Member {
    crowd: Arc<Crowd>,
    slot: usize,
    finished: bool,
}

impl Member {
    /// To be awaited at the bottom: the first switch.
    pub(crate) async fn first_switch(&self) {
        self.crowd.bottom.wait(self.slot).await;
    }

    /// How many yields follow.
    pub(crate) fn yields(&self) -> u64 {
        self.crowd.switches - 1
    }

    /// To be awaited after the yields.
    pub(crate) async fn done(&self) {
        self.crowd.end_ns.fetch_max(monotonic_ns(), Ordering::Relaxed);
        self.crowd.done.wait(self.slot).await;
    }

    /// Returns how often the task was resumed.
    pub(crate) fn finish(mut self) -> u64 {
        self.finished = true;
        self.crowd.switches
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if !self.finished {
            self.crowd.bottom.lose();
            self.crowd.done.lose();
        }
    }
}

/// What `spawn` is given: the member and its depth. The task returns what [`Member::finish`] does,
/// and one for each level but the last.
pub(crate) trait SpawnMember<S, J>:
    Fn(&S, Member, usize) -> Result<J, Failure> + Send + Sync + 'static
{
}

impl<S, J, F: Fn(&S, Member, usize) -> Result<J, Failure> + Send + Sync + 'static> SpawnMember<S, J>
    for F
{
}

/// Times the switches of crowds of the size that the parameters say.
pub(crate) fn switch_cost<R: Runtime, J: Join<u64>>(
    runtime: &R,
    params: &Params,
    iterations: u64,
    spawn: impl SpawnMember<R::Spawner, J>,
) -> Result<Sample, Failure> {
    let (tasks, depth, switches) =
        (params.size("tasks"), params.size("depth"), params.get("switches"));
    require_room(runtime, tasks as u64)?;
    let spawner = runtime.spawner().clone();
    let elapsed_ns = drive(runtime, async move {
        let mut elapsed_ns = 0;
        for _ in 0..iterations {
            elapsed_ns += switch(&spawner, &spawn, Size { tasks, depth, switches }).await?;
        }
        Ok(elapsed_ns)
    })?;
    Ok(Sample::work(Duration::from_nanos(elapsed_ns), tasks as u64 * switches * iterations))
}

/// Times a switch in each of the other sizes.
pub(crate) fn sizes<R: Runtime, J: Join<u64>>(
    runtime: &R,
    params: &Params,
    spawn: impl SpawnMember<R::Spawner, J>,
) -> Result<Vec<(&'static str, f64)>, Failure> {
    let largest = params.size("largest");
    let spawner = runtime.spawner().clone();
    drive(runtime, async move {
        let mut figures = Vec::with_capacity(SIZES.len());
        for (name, size) in SIZES {
            if size.tasks.max(size.depth) > largest {
                continue;
            }
            let mut ns = [0; REPEATS];
            for ns in &mut ns {
                *ns = switch(&spawner, &spawn, size).await?;
            }
            ns.sort_unstable();
            figures
                .push((name, ns[REPEATS / 2] as f64 / (size.tasks as u64 * size.switches) as f64));
        }
        Ok(figures)
    })
}

/// The nanoseconds that all switches of one crowd take.
async fn switch<S, J: Join<u64>>(
    spawner: &S,
    spawn: &impl SpawnMember<S, J>,
    size: Size,
) -> Result<u64, Failure> {
    let Size { tasks, depth, switches } = size;
    let (bottom, done) = (Event::new(tasks), Event::new(tasks));
    bottom.expect(tasks);
    done.expect(tasks);
    let crowd = Arc::new(Crowd { bottom, done, switches, end_ns: AtomicU64::new(0) });
    let mut handles = Vec::with_capacity(tasks);
    for slot in 0..tasks {
        let member = Member { crowd: Arc::clone(&crowd), slot, finished: false };
        handles.push(spawn(spawner, member, depth)?);
    }
    crowd.bottom.all_wait().await?;
    let start_ns = monotonic_ns();
    crowd.bottom.fire();
    crowd.done.all_wait().await?;
    // Relaxed: the event brought the value here.
    let ns = crowd.end_ns.load(Ordering::Relaxed) - start_ns;
    crowd.done.fire();
    let mut sum = 0;
    for handle in handles {
        sum += handle.await?;
    }
    check("the switches and levels counted", sum, tasks as u64 * (switches + depth as u64 - 1))?;
    Ok(ns.max(1))
}
