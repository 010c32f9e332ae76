//! Sentences that follow from the data: who is fastest and by how much, and which counter says why.
//!
//! Nothing is called a difference that the spread does not bear out (see [`crate::stats`]), and a
//! peer that wins is named as plainly as one of ours.

mod causes;
#[cfg(test)]
mod tests;

use serde::Serialize;

use crate::format;
use crate::matrix::{Column, Good, Row};
use crate::schema::Kind;
use crate::stats::{Spread, Tail};

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
    /// Where the value probably lies, in words.
    fn spread(&self) -> String;
}

impl Ranked for Spread {
    fn value(&self) -> f64 {
        self.median
    }

    fn differs(&self, other: &Self) -> bool {
        Spread::differs(self, other)
    }

    fn spread(&self) -> String {
        format!("middle half {} to {}", format::duration(self.q1), format::duration(self.q3))
    }
}

impl Ranked for Tail {
    fn value(&self) -> f64 {
        self.value
    }

    fn differs(&self, other: &Self) -> bool {
        Tail::differs(self, other)
    }

    fn spread(&self) -> String {
        let what = if self.rounds { "rounds from" } else { "95\u{a0}% interval" };
        format!("{what} {} to {}", format::duration(self.low), format::duration(self.high))
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
        self.column.runtime.peer.is_some()
    }

    fn times(&self, other: &Self) -> String {
        format::ratio(self.result.value() / other.result.value())
    }
}

/// What a throughput row says.
pub(crate) fn throughput(row: &Row<'_>, columns: &[Column<'_>]) -> Vec<Finding> {
    let entries: Vec<_> = row
        .timed()
        .into_iter()
        .map(|(column, good, result)| Entry { column: &columns[column], good, result })
        .collect();
    let mut sentences = ranking(&entries, "is fastest", "has the lowest median", " per operation");
    sentences.extend(causes::scaling(&entries));
    sentences.extend(causes::herd(&entries));
    sentences.extend(causes::stealing(&entries));
    sentences
}

/// What a distribution says at percentile `p`, called `at` ("the 99th percentile").
pub(crate) fn latency(row: &Row<'_>, columns: &[Column<'_>], histogram: &str, (p, at): (f64, &str)) -> Vec<Finding> {
    let entry = |(column, good): (usize, _)| {
        let good: &Good<'_> = good;
        let result = good.tail(histogram, p)?;
        Some(Entry { column: &columns[column], good, result })
    };
    let mut entries: Vec<_> = row.good().filter_map(entry).collect();
    entries.sort_by(|a, b| a.result.value.total_cmp(&b.result.value));
    let mut sentences = ranking(&entries, &format!("is lowest at {at}"), &format!("is lowest at {at}"), "");
    if histogram == "latency" {
        sentences.extend(causes::hidden_queueing(&entries, p, at));
    }
    // The counters cover the whole run: they explain its latency, not its side effects.
    if row.workload.kind == Kind::Latency && crate::latency::main_histogram(row) == Some(histogram) {
        sentences.extend(causes::herd(&entries));
        sentences.extend(causes::stealing(&entries));
    }
    sentences
}

/// Who leads, who cannot be told from the leader, who is next and last; then ours against peers.
fn ranking<R: Ranked>(entries: &[Entry<'_, R>], leads: &str, leads_narrowly: &str, per: &str) -> Vec<Finding> {
    let Some((best, rest)) = entries.split_first() else { return Vec::new() };
    let figure = format!("{}{per} ({})", format::duration(best.result.value()), best.result.spread());
    if rest.is_empty() {
        let text = format!("Only {} has a comparable result: {figure}.", best.name());
        return vec![Finding::new("Alone", text)];
    }
    let kind = if best.is_peer() { ", a peer," } else { "" };
    let (ties, slower): (Vec<_>, Vec<_>) = rest.iter().partition(|entry| !best.result.differs(&entry.result));
    let mut first = match ties.as_slice() {
        [] => format!("{}{kind} {leads}: {figure}", best.name()),
        ties => {
            let ties = names(ties.iter().map(|entry| entry.name()));
            format!("{}{kind} {leads_narrowly}, {figure}, with no clear difference from {ties}", best.name())
        }
    };
    let against = ours_and_peers(entries);
    let told = against.as_ref().map(|(_, runner_up)| *runner_up);
    match slower.as_slice() {
        [] => {}
        [one] => first += &format!("; {} takes {} times as long", one.name(), one.times(best)),
        [next, .., last] if told == Some(next.name()) => {
            first += &format!("; the slowest, {}, takes {} times as long", last.name(), last.times(best));
        }
        [next, .., last] => {
            let (next_times, last_times) = (next.times(best), last.times(best));
            first += &format!(
                "; next is {} ({next_times} times as long), last {} ({last_times} times)",
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
fn ours_and_peers<'e, R: Ranked>(entries: &'e [Entry<'_, R>]) -> Option<(Finding, &'e str)> {
    let ours = entries.iter().find(|entry| !entry.is_peer())?;
    let peer = entries.iter().find(|entry| entry.is_peer())?;
    let (ahead, behind) = if ours.result.value() <= peer.result.value() { (ours, peer) } else { (peer, ours) };
    let sentence = if !ours.result.differs(&peer.result) {
        format!(
            "Between the best of ours, {}, and the best peer, {}, there is no clear difference.",
            ours.name(),
            peer.name()
        )
    } else if behind.is_peer() {
        format!("The best peer, {}, takes {} times as long as the best of ours.", behind.name(), behind.times(ahead))
    } else {
        format!("The peer wins: the best of ours, {}, takes {} times as long.", behind.name(), behind.times(ahead))
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
