//! Models that run the worker's own loop, with a policy, the task cell, the gate and the reactor's
//! notifier, as a whole.
//!
//! One worker, since with several the loop goes by the clock, which loom cannot hold. The tasks are
//! too large for the pool's slots, whose memory is no memory of loom's.

use std::sync::Arc;

use loom::sync::atomic::{AtomicBool, Ordering::Relaxed};
use loom::thread;

use super::core::Core;
use super::worker::{Pause, Worker};
use crate::policies::global_queue::{GlobalQueue, WakeOne};
use crate::reactor::Reactor;
use crate::runtime::Config;
use crate::sync::explore_with_barriers;
use crate::task::JoinHandle;

type Policy = GlobalQueue<WakeOne>;

fn start() -> (Arc<Core<Policy>>, Box<Worker<Policy>>) {
    let reactor = Reactor::new().unwrap();
    let (core, mut locals) = Core::<Policy>::new("model", &Config::new(1), reactor, Arc::new(()));
    let worker = Worker::new(core.clone(), 0, locals.pop().unwrap());
    (core, worker)
}

fn stop(core: &Core<Policy>, worker: Box<Worker<Policy>>) {
    core.begin_shutdown();
    worker.drop_pinned();
    // SAFETY: called once, and the one worker has stopped.
    unsafe { core.finish_shutdown(vec![worker]) };
}

/// A task of more than the largest slot.
fn spawn(core: &Core<Policy>, run: impl FnOnce() + Send + 'static) -> JoinHandle<()> {
    let large = [0_u8; 1200];
    let future = async move {
        std::hint::black_box(&large);
        run();
    };
    // SAFETY: the future is `Send`, as loom's cells are not asked about.
    unsafe { core.spawn(future, 0) }
}

/// A task that is spawned from outside is run, whatever the worker does meanwhile.
///
/// Fails when a push does not look for sleepers, when the worker does not look again before it
/// blocks, and without the barrier of either side.
#[test]
fn a_worker_runs_what_comes_from_outside() {
    explore_with_barriers(2, || {
        let (core, worker) = start();
        let ran = Arc::new(AtomicBool::new(false));
        let pusher = thread::spawn({
            let (core, ran) = (core.clone(), ran.clone());
            move || drop(spawn(&core, move || ran.store(true, Relaxed)))
        });
        // The task runs on this thread, so it need not wake it.
        assert_eq!(worker.run(|_| ran.load(Relaxed)), Pause::Ready);
        pusher.join().unwrap();
        stop(&core, worker);
    });
}

/// A worker that goes to sleep sees that the runtime stops.
///
/// Fails when stopping does not unpark.
#[test]
fn a_worker_stops() {
    explore_with_barriers(2, || {
        let (core, worker) = start();
        let stopper = thread::spawn({
            let core = core.clone();
            move || core.begin_shutdown()
        });
        assert_eq!(worker.run(|_| false), Pause::Stopping);
        stopper.join().unwrap();
        stop(&core, worker);
    });
}
