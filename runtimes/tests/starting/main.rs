//! Our runtimes start or say why not; see `cases`.

mod cases;

use cases::Subject;
use runtimes::policies::global_queue::{GlobalQueue, WakeOne};
use runtimes::policies::local::Local;
use runtimes::policies::work_stealing::WorkStealing;
use runtimes::policies::work_stealing_biased::Rings;
use runtimes::stackful::Stackful;
use runtimes::{Config, Executor, Runtime, StartError};

const SUBJECTS: &[Subject] = &[
    Subject::alone::<Executor<Local>>("local"),
    Subject::with_threads::<Executor<GlobalQueue<WakeOne>>>("global-queue"),
    Subject::with_threads::<Executor<WorkStealing>>("work-stealing"),
    Subject::with_threads::<Executor<WorkStealing<Rings>>>("work-stealing-biased"),
    Subject::alone::<Executor<Local, Stackful>>("stackful-local"),
    Subject::with_threads::<Executor<WorkStealing, Stackful>>("stackful"),
];

#[test]
fn a_name_that_no_thread_can_have_is_refused() {
    let mut config = Config::new(2);
    config.name = "two\0words";
    let refused = Executor::<WorkStealing>::start(&config);
    assert!(matches!(refused, Err(StartError::Name { name: "two\0words" })));
}
