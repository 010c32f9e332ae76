//! Why a runtime stands where it does: what the counters say about herds, stealing and workers.

use super::{Entry, Finding, Ranked};
use crate::matrix::Cost;
use results::format;
use results::stats::{TIE_RATIO, Tail};

/// The pair whose only difference is how many idle workers a push wakes.
const HERD: &str = "global-herd";
const QUEUE: &str = "global-queue";
/// The policy whose counters are steals.
const STEALING: &str = "work-stealing";

/// Whether more workers help, over the runtimes that were measured with one and with several.
pub(super) fn scaling(entries: &[Entry<'_, Cost<'_>>]) -> Option<Finding> {
    let most = entries.iter().map(|entry| entry.column.workers).max().filter(|most| *most > 1)?;
    let alone = |name: &str| {
        entries.iter().find(|e| e.column.runtime.name == name && e.column.workers == 1)
    };
    // How many times as fast each is with the workers; `None` where that is not clear.
    let mut gains: Vec<(&str, Option<f64>)> = Vec::new();
    for many in entries.iter().filter(|e| e.column.workers == most) {
        let name = many.column.runtime.name.as_str();
        if let Some(one) = alone(name) {
            let clear = one.result.differs(&many.result);
            gains.push((name, clear.then(|| one.result.ratio(&many.result))));
        }
    }
    let clear = || gains.iter().filter_map(|(name, gain)| Some((*name, (*gain)?)));
    let best = clear().filter(|(_, gain)| *gain > 1.0).max_by(|a, b| a.1.total_cmp(&b.1));
    let worst = clear().filter(|(_, gain)| *gain < 1.0).min_by(|a, b| a.1.total_cmp(&b.1));
    let winners = clear().filter(|(_, gain)| *gain > 1.0).count();
    let losers = clear().count() - winners;
    let even = gains.len() - clear().count();
    let mut parts = Vec::new();
    if let Some((name, gain)) = best {
        parts.push((
            winners,
            "gain",
            format!(" (most: {name}, {} times as fast)", format::ratio(gain)),
        ));
    }
    if let Some((name, gain)) = worst {
        parts.push((
            losers,
            "lose",
            format!(" (most: {name}, {} times as long)", format::ratio(1.0 / gain)),
        ));
    }
    if even > 0 {
        parts.push((even, "show", " no clear difference".to_owned()));
    }
    let of = format::count(gains.len(), "runtime");
    let what = match parts.as_slice() {
        [] => return None,
        [(n, verb, rest)] if *n > 1 => format!("all {of} {verb}{rest}"),
        parts => {
            let agrees = |n: usize| if n == 1 { "s" } else { "" };
            let parts: Vec<_> = parts
                .iter()
                .map(|(n, verb, rest)| format!("{n} {verb}{}{rest}", agrees(*n)))
                .collect();
            format!("of {of} {}", format::list(&parts))
        }
    };
    Some(Finding::new("Workers", format!("With {most} workers instead of 1, {what}.")))
}

/// The entry of `runtime` with the most workers, more than one.
fn widest<'e, 'm, R>(entries: &'e [Entry<'m, R>], runtime: &str) -> Option<&'e Entry<'m, R>> {
    let several =
        entries.iter().filter(|e| e.column.runtime.name == runtime && e.column.workers > 1);
    several.max_by_key(|e| e.column.workers)
}

/// What waking everyone costs against waking one, with the counters that say so.
pub(super) fn herd<R: Ranked>(entries: &[Entry<'_, R>]) -> Option<Finding> {
    let (herd, queue) = (widest(entries, HERD)?, widest(entries, QUEUE)?);
    if herd.column.workers != queue.column.workers {
        return None;
    }
    let wakes = |entry: &Entry<'_, R>| {
        let sent = format::significant(entry.good.per_operation("unparks")?);
        let useless = entry.good.share("useless_unparks", "unparks").map(format::percent);
        Some((sent, useless.map_or(String::new(), |share| format!(" ({share} useless)"))))
    };
    let ((herd_sent, herd_useless), (queue_sent, queue_useless)) = (wakes(herd)?, wakes(queue)?);
    let outcome = if !herd.result.differs(&queue.result) {
        format!("{HERD} and {QUEUE} show no clear difference")
    } else if herd.result.value() > queue.result.value() {
        format!("{HERD} takes {} times as long as {QUEUE}", herd.times(queue))
    } else {
        format!("{HERD} is ahead, and {QUEUE} takes {} times as long", queue.times(herd))
    };
    let text = format!(
        "With {} workers {outcome}; {HERD} sends {herd_sent} wake-ups per operation{herd_useless}, \
         {QUEUE} {queue_sent}{queue_useless}.",
        herd.column.workers,
    );
    Some(Finding::new("Herd", text))
}

/// What stealing does against a shared queue, with the counters that say so.
pub(super) fn stealing<R: Ranked>(entries: &[Entry<'_, R>]) -> Option<Finding> {
    let (stealing, queue) = (widest(entries, STEALING)?, widest(entries, QUEUE)?);
    let thousand =
        |counter| Some(format::significant(stealing.good.per_operation(counter)? * 1000.0));
    let (steals, stolen, failed) =
        (thousand("steals")?, thousand("stolen")?, thousand("failed_searches")?);
    if stealing.column.workers != queue.column.workers {
        return None;
    }
    let outcome = if !stealing.result.differs(&queue.result) {
        format!("{STEALING} and {QUEUE} show no clear difference")
    } else if stealing.result.value() < queue.result.value() {
        format!("{QUEUE} takes {} times as long as {STEALING}", queue.times(stealing))
    } else {
        format!("{STEALING} takes {} times as long as {QUEUE}", stealing.times(queue))
    };
    let text = format!(
        "With {} workers {outcome}; per 1,000 operations it moves {stolen} tasks in {steals} \
         steals, \
         and {failed} searches find nothing.",
        stealing.column.workers,
    );
    Some(Finding::new("Stealing", text))
}

/// How much a clock that starts at the actual send would hide.
pub(super) fn hidden_queueing(entries: &[Entry<'_, Tail>], p: f64, at: &str) -> Option<Finding> {
    let hidden = entries.iter().filter_map(|entry| {
        let uncorrected = entry.good.tail("uncorrected", p)?;
        (uncorrected.value > 0.0)
            .then(|| (entry, uncorrected, entry.result.value / uncorrected.value))
    });
    let (entry, uncorrected, times) = hidden.max_by(|a, b| a.2.total_cmp(&b.2))?;
    let text = if times < TIE_RATIO {
        format!(
            "Counted from the actual instead of the intended start, {at} would read the same for \
             every runtime."
        )
    } else {
        format!(
            "Counted from the actual instead of the intended start, {at} of {} would read {} \
             instead of {}: \
             the rest is queueing that such a clock does not see.",
            entry.name(),
            format::duration(uncorrected.value),
            format::duration(entry.result.value),
        )
    };
    Some(Finding::new("Clock", text))
}
