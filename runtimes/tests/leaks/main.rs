//! Nothing is left after 1,000 starts and stops: no descriptor, no thread, no memory.
//!
//! One test in a process of its own, because it counts what the whole process holds.

mod holdings;

use holdings::{Leavings, check};
use runtimes::Executor;
use runtimes::policies::global_queue::{GlobalQueue, WakeAll, WakeOne};
use runtimes::policies::local::Local;
use runtimes::policies::work_stealing::WorkStealing;
use runtimes::policies::work_stealing_biased::Rings;
use runtimes::stackful::Stackful;

#[test]
fn a_thousand_starts_and_stops_leave_nothing() {
    let nothing = Leavings::default();
    check::<Executor<Local>>("local", 1, nothing);
    check::<Executor<GlobalQueue<WakeOne>>>("global-queue", 2, nothing);
    check::<Executor<GlobalQueue<WakeAll>>>("global-herd", 2, nothing);
    check::<Executor<WorkStealing>>("work-stealing", 2, nothing);
    check::<Executor<WorkStealing<Rings>>>("work-stealing-biased", 2, nothing);
    check::<Executor<Local, Stackful>>("stackful-local", 1, nothing);
    check::<Executor<WorkStealing, Stackful>>("stackful", 2, nothing);
}
