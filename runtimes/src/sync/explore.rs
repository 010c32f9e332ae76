//! How the models are explored.

/// Runs `model` in every interleaving with at most `preemptions` switches that no thread asked for,
/// and in every memory order. Fails on a panic anywhere in it, also on one that was caught.
pub(crate) fn explore(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_modes(preemptions, false, model);
}

/// The same, with each of the two kinds of asymmetric [`barrier`](super::barrier).
pub(crate) fn explore_with_barriers(preemptions: usize, model: impl Fn() + Send + Sync + 'static) {
    explore_modes(preemptions, true, model);
}

fn explore_modes(preemptions: usize, barriers: bool, model: impl Fn() + Send + Sync + 'static) {
    use std::cell::Cell;
    // Loom runs all threads of a model on the thread that checks it.
    thread_local!(static PANICKED: Cell<bool> = const { Cell::new(false) });
    static HOOK: std::sync::Once = std::sync::Once::new();
    HOOK.call_once(|| {
        let report = std::panic::take_hook();
        std::panic::set_hook(Box::new(move |info| {
            PANICKED.set(true);
            report(info);
        }));
    });
    let model = std::sync::Arc::new(model);
    let check = |prepare: fn()| {
        let model = model.clone();
        let mut builder = loom::model::Builder::new();
        builder.preemption_bound = Some(preemptions);
        builder.check(move || {
            prepare();
            model();
            assert!(!PANICKED.get(), "something panicked in the model");
        });
    };
    if barriers { super::barrier::run_in_both_modes(check) } else { check(|| {}) }
}
