//! Goroutines beside the tasks with stacks of this repository: another language with the same idea.

use results::percentile::TAIL;
use results::schema::Kind;
use results::stats::geometric_mean;

use super::{DEPTHS, Finding, SLICED, STACKFUL, cell, figure, tail};
use crate::matrix::Matrix;
use results::format;

const GO: &str = "go";
/// The same without its garbage collector.
const UNCOLLECTED: &str = "go-gcoff";
/// Go slices time by 10 ms, and so does this one of ours.
const AS_LONG: (&str, &str) = SLICED[0];

/// What differs, as far as it was measured. It isolates nothing, and says so.
pub(super) fn beside_ours(matrix: &Matrix<'_>) -> Option<Finding> {
    let mut told = vec![
        times(matrix, GO, STACKFUL, "a goroutine takes"),
        times(matrix, UNCOLLECTED, GO, "without its garbage collector it takes"),
    ];
    told.extend([memory(matrix), depths(matrix), fairness(matrix)]);
    let told: Vec<String> = told.into_iter().flatten().collect();
    let (first, rest) = told.split_first()?;
    let rest: Vec<String> = rest.iter().map(|sentence| format!(" {sentence}.")).collect();
    let text = format!(
        "Language, compiler, allocator, channels and reactor differ as well, so none of this is the \
         policy alone. {first}.{}",
        rest.concat()
    );
    Some(Finding::new("Goroutines beside tasks with stacks", text))
}

/// How many times as long as `other` a runtime takes, and where least and most.
fn times(matrix: &Matrix<'_>, runtime: &str, other: &str, what: &str) -> Option<String> {
    let rows = matrix.rows.iter().filter(|row| row.workload.kind == Kind::Throughput);
    let mut ratios: Vec<(f64, &str)> = rows
        .filter_map(|row| {
            let name = row.workload.name.as_str();
            let cost = |runtime| Some(cell(matrix, name, runtime)?.cost?.median);
            Some((cost(runtime)? / cost(other)?, name))
        })
        .collect();
    ratios.sort_by(|a, b| a.0.total_cmp(&b.0));
    let mean = geometric_mean(ratios.iter().map(|ratio| ratio.0))?;
    let ((least, where_least), (most, where_most)) = (ratios.first()?, ratios.last()?);
    let what = format!("{}{}", what[..1].to_uppercase(), &what[1..]);
    if let [(ratio, place)] = ratios[..] {
        let ratio = format::ratio(ratio);
        return Some(format!("{what} {ratio} times as long as {other} in {place} with one worker"));
    }
    Some(format!(
        "{what} {} times as long as {other} in the geometric mean of {} with one worker, from {} \
         ({where_least}) to {} ({where_most})",
        format::ratio(mean),
        format::count(ratios.len(), "workload"),
        format::ratio(*least),
        format::ratio(*most),
    ))
}

fn memory(matrix: &Matrix<'_>) -> Option<String> {
    let held = |runtime| Some(cell(matrix, "idle_memory", runtime)?.cost?.median);
    Some(format!(
        "Idle it holds {}, {STACKFUL} {}",
        format::plain_bytes(held(GO)?),
        format::plain_bytes(held(STACKFUL)?)
    ))
}

fn depths(matrix: &Matrix<'_>) -> Option<String> {
    let ours = cell(matrix, "switch_cost_direct", STACKFUL)?;
    let theirs = cell(matrix, "switch_cost_direct", GO)?;
    let told = DEPTHS.iter().map(|(depth, name)| {
        let (theirs, ours) = (figure(theirs, name)?, figure(ours, name)?);
        let (theirs, ours) = (format::duration(theirs), format::duration(ours));
        Some(format!("{theirs} and {ours} at depth {depth}"))
    });
    let told: Vec<String> = told.collect::<Option<_>>()?;
    Some(format!("A switch among 1,000 tasks takes {GO} and {STACKFUL} {}", format::list(&told)))
}

/// Both slice time by SIGURG. Theirs cannot be switched off here, so it is held against as long a
/// slice of ours.
fn fairness(matrix: &Matrix<'_>) -> Option<String> {
    let (runtime, slice) = AS_LONG;
    let theirs = tail(matrix, "hog_latency", GO)?;
    let ours = tail(matrix, "hog_latency", runtime)?;
    let verdict = match theirs.differs(&ours) {
        false => ", no clear difference",
        true => "",
    };
    let mut text = format!(
        "Beside hogs {} of short requests is {}, and {} with slices of {slice} in {STACKFUL}\
         {verdict}",
        TAIL.words,
        format::duration(theirs.value),
        format::duration(ours.value),
    );
    let jain = |runtime| figure(cell(matrix, "greedy_classes", runtime)?, "jain_index");
    if let (Some(theirs), Some(ours)) = (jain(GO), jain(runtime)) {
        text += &format!(
            "; two greedy classes share the worker with a Jain index of {} and {}",
            format::ratio(theirs),
            format::ratio(ours)
        );
    }
    Some(text)
}
