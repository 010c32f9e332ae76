//! Checks one behaviour of one runtime, and says what went wrong.

use std::cell::RefCell;
use std::fmt;
use std::panic::{self, PanicHookInfo};
use std::sync::Once;
use std::sync::mpsc::{self, RecvTimeoutError};
use std::thread;
use std::time::Duration;

use runtimes::{Config, Descriptor, Runtime, StartError, Workers};

use crate::erased::Erased;
use crate::suite::{SUITE, TYPED, typed};
use crate::support::{Case, text_of};
use runtimes::Property;

/// What a check may take before it counts as hung. The longest takes half a second.
const LIMIT: Duration = Duration::from_secs(10);

/// A runtime that is to be checked. Its type is known only where it is made.
#[derive(Clone, Copy)]
pub struct Subject {
    descriptor: &'static Descriptor,
    configure: fn(&mut Config),
    start: fn(&Config) -> Result<Erased, StartError>,
    typed: fn(&Self, usize, (&'static str, &'static str)),
}

/// How a runtime does not behave as it must.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Broken {
    /// With how many workers.
    pub workers: usize,
    /// What it did.
    pub reason: String,
    /// Whether it did not come to an end: nothing else can be checked in this process.
    pub hung: bool,
}

impl fmt::Display for Broken {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plural = if self.workers == 1 { "" } else { "s" };
        write!(f, "with {} worker{plural}: {}", self.workers, self.reason)
    }
}

/// A name that is not in the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownBehaviour(pub String);

impl fmt::Display for UnknownBehaviour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "the conformance suite has no behaviour called `{}`", self.0)
    }
}

impl std::error::Error for UnknownBehaviour {}

impl fmt::Debug for Subject {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Subject").field("descriptor", self.descriptor).finish_non_exhaustive()
    }
}

impl Subject {
    /// `R`, which `descriptor` describes, with `configure` applied to each configuration that it is
    /// started with.
    pub fn new<R: Runtime>(descriptor: &'static Descriptor, configure: fn(&mut Config)) -> Self {
        let typed = |subject: &Self, workers, (theme, name): (&'static str, &'static str)| {
            let check =
                typed::<R>(theme, name).expect("the list and the functions are made together");
            check(&subject.case(workers, R::start));
        };
        Self { descriptor, configure, start: Erased::start_as::<R>, typed }
    }

    /// The names of all behaviours, `theme::behaviour`, in the order in which they should be
    /// checked.
    pub fn behaviours() -> impl Iterator<Item = String> {
        let all = TYPED.iter().copied().chain(SUITE.iter().map(|&(theme, name, _)| (theme, name)));
        all.map(|(theme, name)| format!("{theme}::{name}"))
    }

    /// Checks `behaviour`.
    ///
    /// # Errors
    /// [`UnknownBehaviour`] when there is none of that name; inside, [`Broken`] when the runtime
    /// does not behave so.
    pub fn check(&self, behaviour: &str) -> Result<Result<(), Broken>, UnknownBehaviour> {
        let unknown = || UnknownBehaviour(behaviour.to_owned());
        let (theme, name) = behaviour.split_once("::").ok_or_else(unknown)?;
        if let Some(&entry) = TYPED.iter().find(|entry| **entry == (theme, name)) {
            let (subject, typed) = (*self, self.typed);
            return Ok(self.with_each_count(move |workers| typed(&subject, workers, entry)));
        }
        let entry = SUITE.iter().find(|entry| (entry.0, entry.1) == (theme, name));
        let (.., check) = *entry.ok_or_else(unknown)?;
        let subject = *self;
        Ok(self.with_each_count(move |workers| check(&subject.case(workers, subject.start))))
    }

    fn case<R>(&self, workers: usize, start: fn(&Config) -> Result<R, StartError>) -> Case<R> {
        Case { descriptor: self.descriptor, workers, configure: self.configure, start }
    }

    fn with_each_count(&self, check: impl Fn(usize) + Copy + Send + 'static) -> Result<(), Broken> {
        let shares_threads = self.descriptor.deviation(Property::OwnsItsThreads).is_some();
        let counts: &[usize] = match self.descriptor.workers {
            Workers::Caller => &[1],
            Workers::Many if shares_threads => &[2],
            Workers::Many => &[1, 2, 4],
        };
        counts.iter().try_for_each(|&workers| within(workers, move || check(workers)))
    }
}

/// Runs `body` on a thread of its own and tells how it failed, also when it takes longer than
/// [`LIMIT`].
fn within(workers: usize, body: impl FnOnce() + Send + 'static) -> Result<(), Broken> {
    watch_panics();
    let (done, finished) = mpsc::channel();
    let check = move || {
        let result = panic::catch_unwind(panic::AssertUnwindSafe(body));
        let place = PLACE.take();
        // Nobody waits any more once the limit has passed.
        let _ = done.send(result.map_err(|payload| format!("{}{place}", text_of(&*payload))));
    };
    let broken = |reason, hung| Broken { workers, reason, hung };
    let thread = thread::Builder::new().name("conformance".to_owned()).spawn(check);
    let thread =
        thread.map_err(|error| broken(format!("no thread for the check: {error}"), false))?;
    match finished.recv_timeout(LIMIT) {
        Ok(result) => {
            // What it leaves to thread-locals' destructors belongs to the check.
            let ended = thread.join();
            result.map_err(|reason| broken(reason, false))?;
            ended.map_err(|payload| broken(text_of(&*payload).to_owned(), false))
        }
        Err(RecvTimeoutError::Disconnected) => {
            Err(broken("its thread ended without a word".to_owned(), false))
        }
        Err(RecvTimeoutError::Timeout) => Err(broken(hung(), true)),
    }
}

/// What a hang looks like: our own engines say which tasks wait, and who sleeps.
fn hung() -> String {
    let mut text = format!("hung, no end after {} s", LIMIT.as_secs());
    for diagnosis in runtimes::diagnoses() {
        text.push_str("; ");
        text.push_str(&diagnosis);
    }
    text
}

thread_local! {
    /// Where this thread panicked last, in words.
    static PLACE: RefCell<String> = const { RefCell::new(String::new()) };
}

/// Remembers where threads panic and prints nothing: many checks panic on purpose.
fn watch_panics() {
    static ONCE: Once = Once::new();
    let remember = |info: &PanicHookInfo<'_>| {
        let place = info.location().map_or_else(String::new, |location| format!(" ({location})"));
        // A thread that is ending has no such variable any more.
        let _ = PLACE.try_with(|last| last.replace(place));
    };
    ONCE.call_once(|| panic::set_hook(Box::new(remember)));
}
