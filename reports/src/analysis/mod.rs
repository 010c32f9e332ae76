//! Sentences that follow from the data: who is fastest and by how much, and which counter says why.
//!
//! Nothing is called a difference that the spread does not bear out (see [`results::stats`]), and a
//! peer that wins is named as plainly as one of ours.

mod causes;
mod claims;
#[cfg(test)]
mod tests;

pub(crate) use claims::claims;
use std::collections::BTreeSet;

use serde::Serialize;

use crate::matrix::{Column, Cost, Good, Row};
use crate::quantity::Quantity;
use results::format;
use results::percentile::Percentile;
use results::schema::Kind;
use results::stats::{Spread, Tail};

/// At most this many names are listed in a sentence.
const MOST_NAMES: usize = 3;

/// One thing that the data say.
#[derive(Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    /// What it is about, in a word or two.
    pub topic: &'static str,
    /// A sentence.
    pub text: String,
}

impl Finding {
    fn new(topic: &'static str, text: String) -> Self {
        Self { topic, text }
    }
}

/// A result that can be ranked: less is better.
trait Ranked: Copy {
    fn value(&self) -> f64;
    fn differs(&self, other: &Self) -> bool;
    /// How many times `other` it is.
    fn ratio(&self, other: &Self) -> f64;
    /// Where the value probably lies, in words.
    fn spread(&self, quantity: Quantity) -> String;
}

impl Ranked for Cost<'_> {
    fn value(&self) -> f64 {
        self.spread.median
    }

    fn differs(&self, other: &Self) -> bool {
        Cost::differs(self, other)
    }

    fn ratio(&self, other: &Self) -> f64 {
        Cost::ratio(self, other)
    }

    fn spread(&self, quantity: Quantity) -> String {
        let Spread { q1, q3, .. } = self.spread;
        format!("middle half {} to {}", quantity.show(q1), quantity.show(q3))
    }
}

impl Ranked for Tail {
    fn value(&self) -> f64 {
        self.value
    }

    fn differs(&self, other: &Self) -> bool {
        Tail::differs(self, other)
    }

    fn ratio(&self, other: &Self) -> f64 {
        self.value / other.value
    }

    fn spread(&self, quantity: Quantity) -> String {
        let what = if self.rounds { "rounds from" } else { "95\u{a0}% interval" };
        format!("{what} {} to {}", quantity.show(self.low), quantity.show(self.high))
    }
}

/// One contestant.
struct Entry<'m, R> {
    column: &'m Column<'m>,
    good: &'m Good<'m>,
    result: R,
}

impl<R: Ranked> Entry<'_, R> {
    fn name(&self) -> &str {
        &self.column.name
    }

    fn is_peer(&self) -> bool {
        self.column.runtime.is_peer()
    }

    fn times(&self, other: &Self) -> String {
        format::ratio(self.result.ratio(&other.result))
    }
}

/// How a ranking is put into words.
struct Words<'w> {
    quantity: Quantity,
    /// What the first one does: "is fastest".
    leads: &'w str,
    /// The same when others cannot be told from it.
    leads_narrowly: &'w str,
    /// What follows its figure: " per operation".
    per: &'w str,
    /// What the others take so many times: "as long", "as much".
    as_much: &'w str,
}

/// What a row of times or memory per operation says.
pub(crate) fn costs(row: &Row<'_>, columns: &[Column<'_>]) -> Vec<Finding> {
    let entries: Vec<_> = row
        .by_cost()
        .into_iter()
        .map(|(column, good, result)| Entry { column: &columns[column], good, result })
        .collect();
    let quantity = row.quantity();
    let (leads, leads_narrowly, as_much) = match quantity {
        Quantity::Time => ("is fastest", "has the lowest median", "as long"),
        Quantity::Memory => ("takes least", "takes least", "as much"),
    };
    let mut sentences = ranking(
        &entries,
        &Words { quantity, leads, leads_narrowly, per: " per operation", as_much },
    );
    // The counters say why something takes time.
    if quantity == Quantity::Time {
        sentences.extend(causes::scaling(&entries));
        sentences.extend(causes::herd(&entries));
        sentences.extend(causes::stealing(&entries));
    }
    sentences
}

/// What a distribution says at a percentile.
pub(crate) fn latency(
    row: &Row<'_>,
    columns: &[Column<'_>],
    histogram: &str,
    at: Percentile,
) -> Vec<Finding> {
    let Percentile { share: p, words: at, .. } = at;
    let entry = |(column, good): (usize, _)| {
        let good: &Good<'_> = good;
        // What too few samples lie beyond is not ranked.
        let result = good.tail(histogram, p).filter(|tail| tail.supported)?;
        Some(Entry { column: &columns[column], good, result })
    };
    let mut entries: Vec<_> = row.good().filter_map(entry).collect();
    entries.sort_by(|a, b| a.result.value.total_cmp(&b.result.value));
    let leads = &format!("is lowest at {at}");
    let words = Words {
        quantity: Quantity::Time,
        leads,
        leads_narrowly: leads,
        per: "",
        as_much: "as long",
    };
    let mut sentences = ranking(&entries, &words);
    if histogram == "latency" {
        sentences.extend(causes::hidden_queueing(&entries, p, at));
    }
    // The counters cover the whole run: they explain its latency, not its side effects.
    if row.workload.kind == Kind::Latency && crate::latency::main_histogram(row) == Some(histogram)
    {
        sentences.extend(causes::herd(&entries));
        sentences.extend(causes::stealing(&entries));
    }
    sentences
}

/// Who leads, who cannot be told from the leader, who is next and last; then ours against peers.
/// Who shares more than a cost with nobody is named after that, and ranked by nothing.
fn ranking<R: Ranked>(entries: &[Entry<'_, R>], words: &Words<'_>) -> Vec<Finding> {
    let (foreign, entries): (Vec<_>, Vec<_>) =
        entries.iter().partition(|entry| entry.column.runtime.is_foreign());
    let mut findings = ranking_of_equals(&entries, words);
    if let Some(best) = entries.first() {
        let sentence = |entry: &&Entry<'_, R>| {
            let own = format::list(&entry.column.runtime.own);
            let times = match entry.result.differs(&best.result) {
                true => format!(
                    "takes {} times {} as {}",
                    entry.times(best),
                    words.as_much,
                    best.name()
                ),
                false => format!("cannot be told from {}", best.name()),
            };
            let text = format!("{} {times}, with its own {own}.", entry.name());
            Finding::new("Beside them", text)
        };
        // Each once, with the worker count that suits it best.
        let mut named: BTreeSet<String> = BTreeSet::new();
        let first = |entry: &&&Entry<'_, R>| named.insert(entry.column.runtime.name.clone());
        findings.extend(foreign.iter().filter(first).map(sentence));
    }
    findings
}

fn ranking_of_equals<R: Ranked>(entries: &[&Entry<'_, R>], words: &Words<'_>) -> Vec<Finding> {
    let Words { quantity, leads, leads_narrowly, per, as_much } = *words;
    let Some((best, rest)) = entries.split_first() else { return Vec::new() };
    let figure =
        format!("{}{per} ({})", quantity.show(best.result.value()), best.result.spread(quantity));
    if rest.is_empty() {
        let text = format!("Only {} has a comparable result: {figure}.", best.name());
        return vec![Finding::new("Alone", text)];
    }
    let kind = if best.is_peer() { ", a peer," } else { "" };
    let (ties, slower): (Vec<&Entry<'_, R>>, Vec<&Entry<'_, R>>) =
        rest.iter().copied().partition(|entry| !best.result.differs(&entry.result));
    let mut first = match ties.as_slice() {
        [] => format!("{}{kind} {leads}: {figure}", best.name()),
        ties => {
            let ties = names(ties.iter().map(|entry| entry.name()));
            format!(
                "{}{kind} {leads_narrowly}, {figure}, with no clear difference from {ties}",
                best.name()
            )
        }
    };
    let against = ours_and_peers(entries, as_much);
    let told = against.as_ref().map(|(_, runner_up)| *runner_up);
    match slower.as_slice() {
        [] => {}
        [one] => first += &format!("; {} takes {} times {as_much}", one.name(), one.times(best)),
        [next, .., last] if told == Some(next.name()) => {
            first += &format!(
                "; the slowest, {}, takes {} times {as_much}",
                last.name(),
                last.times(best)
            );
        }
        [next, .., last] => {
            let (next_times, last_times) = (next.times(best), last.times(best));
            first += &format!(
                "; next is {} ({next_times} times {as_much}), last {} ({last_times} times)",
                next.name(),
                last.name()
            );
        }
    }
    first.push('.');
    let first = Finding::new("Best", first);
    std::iter::once(first).chain(against.map(|(finding, _)| finding)).collect()
}

/// The best of ours against the best peer, and which of the two is behind.
fn ours_and_peers<'e, R: Ranked>(
    entries: &[&'e Entry<'_, R>],
    as_much: &str,
) -> Option<(Finding, &'e str)> {
    let ours = entries.iter().find(|entry| !entry.is_peer())?;
    let peer = entries.iter().find(|entry| entry.is_peer())?;
    let (ahead, behind) =
        if ours.result.value() <= peer.result.value() { (ours, peer) } else { (peer, ours) };
    let sentence = if !ours.result.differs(&peer.result) {
        format!(
            "Between the best of ours, {}, and the best peer, {}, there is no clear difference.",
            ours.name(),
            peer.name()
        )
    } else if behind.is_peer() {
        format!(
            "The best peer, {}, takes {} times {as_much} as the best of ours.",
            behind.name(),
            behind.times(ahead)
        )
    } else {
        format!(
            "The peer wins: the best of ours, {}, takes {} times {as_much}.",
            behind.name(),
            behind.times(ahead)
        )
    };
    Some((Finding::new("Ours, peers", sentence), behind.name()))
}

/// At most [`MOST_NAMES`] names, then how many more.
fn names<'n>(all: impl Iterator<Item = &'n str>) -> String {
    let mut names: Vec<String> = all.map(str::to_owned).collect();
    if names.len() > MOST_NAMES + 1 {
        let more = names.len() - MOST_NAMES;
        names.truncate(MOST_NAMES);
        names.push(format!("{more} others"));
    }
    format::list(&names)
}
