//! What a policy owes the engine, without threads and without a clock; see [`runtimes::contract`].

use runtimes::Runtime;
use runtimes::contract::Rule;

use crate::support::Case;

fn keeps<R: Runtime>(rule: Rule) {
    if let Err(broken) = R::check_policy(rule) {
        panic!("{broken}");
    }
}

/// One test for each rule, of its name.
macro_rules! rules {
    ($($test:ident: $rule:ident,)+) => {
        $(pub(crate) fn $test<R: Runtime>(_: &Case<R>) {
            keeps::<R>(Rule::$rule);
        })+

        // A rule without a test does not compile.
        const _: fn(Rule) = |rule| match rule {
            $(Rule::$rule => {})+
        };
    };
}

rules! {
    places: Places,
    announces: Announces,
    notifies: Notifies,
    rescues: Rescues,
    conserves: Conserves,
    serves: Serves,
    counts: Counts,
    releases: Releases,
}
