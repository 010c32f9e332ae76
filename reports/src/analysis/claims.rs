//! What is said of tasks with and without stacks, and of time slices, held against what was
//! measured.
//!
//! Each is answered only where its cells are there, and answered as they say, also when they
//! contradict it. All are looked at with one worker, where nobody but the scheduler can step in.

mod dispersion;
mod goroutines;

use super::Finding;
use crate::matrix::{Good, Matrix};
use results::format;
use results::percentile::TAIL;
use results::schema::Kind;
use results::stats::{TIE_RATIO, Tail, geometric_mean};

/// The pair whose only difference is the stack.
const STACKLESS: &str = "work-stealing";
const STACKFUL: &str = "stackful";
/// The same as the second, with stacks that are used once.
const UNPOOLED: &str = "stackful-unpooled";
/// The slices, longest first, with their names in a sentence.
const SLICED: [(&str, &str); 3] = [
    ("stackful-10ms", "10\u{a0}ms"),
    ("stackful-1ms", "1\u{a0}ms"),
    ("stackful-200us", "200\u{a0}µs"),
];
/// The one that is compared with tasks that cooperate.
const SHORT: (&str, &str) = SLICED[1];

/// What the matrix says of them.
pub(crate) fn claims(matrix: &Matrix<'_>) -> Vec<Finding> {
    [
        more_powerful_but_slower(matrix),
        weaker_but_enough(matrix),
        steps_in_evenly(matrix),
        dispersion::pays(matrix),
        goroutines::beside_ours(matrix),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// A cell with one worker.
fn cell<'m>(matrix: &'m Matrix<'_>, workload: &str, runtime: &str) -> Option<&'m Good<'m>> {
    let row = matrix.rows.iter().find(|row| row.workload.name == workload)?;
    let here = |column: usize| {
        let column = &matrix.columns[column];
        column.runtime.name == runtime && column.workers == 1
    };
    row.good().find(|(column, _)| here(*column)).map(|(_, good)| good)
}

fn figure(good: &Good<'_>, name: &str) -> Option<f64> {
    good.measurement.figures.get(name).copied().filter(|value| *value > 0.0)
}

fn tail(matrix: &Matrix<'_>, workload: &str, runtime: &str) -> Option<Tail> {
    cell(matrix, workload, runtime)?.tail("latency", TAIL.share)
}

fn more_powerful_but_slower(matrix: &Matrix<'_>) -> Option<Finding> {
    let throughput = matrix.rows.iter().filter(|row| row.workload.kind == Kind::Throughput);
    let mut ratios: Vec<f64> = throughput
        .filter_map(|row| {
            let cost = |runtime| Some(cell(matrix, &row.workload.name, runtime)?.cost?.median);
            Some(cost(STACKFUL)? / cost(STACKLESS)?)
        })
        .collect();
    ratios.sort_by(f64::total_cmp);
    let mean = geometric_mean(ratios.iter().copied())?;
    let verdict = match mean {
        m if m > TIE_RATIO => "It is slower",
        m if m < 1.0 / TIE_RATIO => "It is not slower",
        _ => "It is about as fast",
    };
    let mut text = format!(
        "{verdict}: {STACKFUL} takes {} times as long as {STACKLESS}, the same policy without \
         stacks, in the geometric mean \
         of {} with one worker ({} to {} times)",
        format::ratio(mean),
        format::count(ratios.len(), "workload"),
        format::ratio(ratios[0]),
        format::ratio(ratios[ratios.len() - 1]),
    );
    let memory = |runtime| Some(cell(matrix, "idle_memory", runtime)?.cost?.median);
    if let (Some(with), Some(without)) = (memory(STACKFUL), memory(STACKLESS)) {
        text += &format!(", and an idle task holds {} instead of {}", bytes(with), bytes(without));
        let at = |runtime, tasks| {
            figure(cell(matrix, "idle_memory", runtime)?, &format!("bytes_per_task_at_{tasks}"))
        };
        let fewer = [1_000, 10_000].into_iter().filter_map(|tasks| {
            let (with, without) = (at(STACKFUL, tasks)?, at(STACKLESS, tasks)?);
            Some(format!(
                "{} and {} among {}",
                bytes(with),
                bytes(without),
                format::thousands(f64::from(tasks))
            ))
        });
        let fewer: Vec<String> = fewer.collect();
        if !fewer.is_empty() {
            text += &format!(" ({})", fewer.join("; "));
        }
    }
    text += ".";
    text += &pooling(matrix).unwrap_or_default();
    text += &switches_by_depth(matrix).unwrap_or_default();
    if let Some(beside) = cell(matrix, "tight_loop", SHORT.0).map(polled_beside)
        && let Some(without) = cell(matrix, "tight_loop", STACKLESS).map(polled_beside)
    {
        text += &format!(
            " What it alone can do is to leave a loop without a yield point: with slices of {} it \
             polled {} of the waiting \
             tasks before the loop's end, {STACKLESS} {}.",
            SHORT.1,
            format::percent(beside),
            format::percent(without),
        );
    }
    Some(Finding::new("“Stackful is more powerful but slower”", text))
}

/// What a task costs from spawn to join, by where its stack comes from.
fn pooling(matrix: &Matrix<'_>) -> Option<String> {
    let cost = |runtime| Some(cell(matrix, "spawn_many_local", runtime)?.cost?.median);
    Some(format!(
        " A task that is spawned, run and joined takes {} with a pooled stack, {} with a new one \
         and {} without.",
        format::duration(cost(STACKFUL)?),
        format::duration(cost(UNPOOLED)?),
        format::duration(cost(STACKLESS)?),
    ))
}

/// The depths of calls that are told, with the figures that have the cost of a switch there among
/// 1,000 tasks.
const DEPTHS: [(&str, &str); 3] = [
    ("1", "tasks_1000_depth_1_ns"),
    ("100", "tasks_1000_depth_100_ns"),
    ("1,000", "tasks_1000_depth_1000_ns"),
];

/// How a switch's cost grows with the depth of calls, in futures and on a stack.
fn switches_by_depth(matrix: &Matrix<'_>) -> Option<String> {
    let direct = cell(matrix, "switch_cost_direct", STACKFUL)?;
    let futures = cell(matrix, "switch_cost", STACKLESS)?;
    let driven = cell(matrix, "switch_cost", STACKFUL);
    let mut told = Vec::new();
    // Depths at which the stack is the cheaper one.
    let mut pays = Vec::new();
    for (depth, name) in DEPTHS {
        let (direct, futures) = (figure(direct, name)?, figure(futures, name)?);
        let driven = driven.and_then(|good| figure(good, name));
        let driven = driven.map_or(String::new(), |ns| {
            format!(" ({} if {STACKFUL} drives them)", format::duration(ns))
        });
        told.push(format!(
            "at depth {depth} {} on a stack and {} in futures{driven}",
            format::duration(direct),
            format::duration(futures),
        ));
        pays.push(direct * TIE_RATIO < futures);
    }
    let pays = match pays[..] {
        [true, true, true] => "the stack is cheaper at any depth",
        [false, false, false] => "depth does not make up for that",
        [false, .., true] => "where calls are deep the stack is the cheaper one",
        _ => "which is cheaper does not depend on the depth alone",
    };
    Some(format!(
        " But a switch in direct style takes up the stack where it was left, and in futures it \
         passes through all of them, \
         each in a box of its own: {}. So {pays}.",
        told.join("; ")
    ))
}

fn bytes(value: f64) -> String {
    format::plain_bytes(value)
}

fn polled_beside(good: &Good<'_>) -> f64 {
    good.measurement.figures.get("polled_beside_percent").copied().unwrap_or(0.0) / 100.0
}

fn weaker_but_enough(matrix: &Matrix<'_>) -> Option<Finding> {
    let alone = tail(matrix, "hog_latency", STACKLESS)?;
    let sliced = tail(matrix, "hog_latency", SHORT.0)?;
    let budget = tail(matrix, "hog_latency_budget", STACKLESS)?;
    let row = matrix.rows.iter().find(|row| row.workload.name == "hog_latency_budget")?;
    let budget_ns = *row.workload.params.get("budget_us")? as f64 * 1e3;
    let show = |tail: Tail| format::duration(tail.value);
    let weaker = if alone.differs(&sliced) && alone.value > sliced.value {
        "It is weaker"
    } else {
        "It is not weaker"
    };
    let enough = if !budget.differs(&sliced) {
        "that is enough: no clear difference from slicing".to_owned()
    } else if budget.value < sliced.value {
        "that is more than enough: less than with slicing".to_owned()
    } else {
        format!(
            "that is not quite enough: {} times as long as with slicing",
            format::ratio(budget.value / sliced.value)
        )
    };
    let text = format!(
        "{weaker} where nobody cooperates: beside hogs that never yield {} of short requests is \
         {} on \
         {STACKLESS} and {} with slices of {}. If the hogs pause by themselves after each {} of \
         work, {STACKLESS} comes to {}, and \
         {enough}. The price is a budget in every loop that might be long.",
        TAIL.words,
        show(alone),
        show(sliced),
        SHORT.1,
        format::tick(budget_ns),
        show(budget),
    );
    Some(Finding::new("“Stackless is weaker but enough”", text))
}

fn steps_in_evenly(matrix: &Matrix<'_>) -> Option<Finding> {
    let off = cell(matrix, "hog_latency", STACKFUL)?;
    let off_tail = off.tail("latency", TAIL.share)?;
    let mut steps = Vec::new();
    for (runtime, slice) in SLICED {
        let Some(good) = cell(matrix, "hog_latency", runtime) else { continue };
        let tail = good.tail("latency", TAIL.share)?;
        steps.push((slice, tail, change(off, good), runtime));
    }
    let first = steps.first()?;
    let each_helps = first.1.differs(&off_tail) && first.1.value < off_tail.value;
    let each_helps = each_helps && steps.windows(2).all(|pair| pair[1].1.value < pair[0].1.value);
    let verdict =
        if each_helps { "It does, the shorter the more often" } else { "Not at every length" };
    let shown: Vec<String> = steps
        .iter()
        .map(|(slice, tail, change, _)| {
            let cost = change.as_ref().map_or(String::new(), |change| format!(" ({change})"));
            format!("{} at {slice}{cost}", format::duration(tail.value))
        })
        .collect();
    let mut text = format!(
        "{verdict}: beside hogs {} of short requests is {} without slices, {}.",
        TAIL.words,
        format::duration(off_tail.value),
        format::list(&shown),
    );
    let jain = |runtime| figure(cell(matrix, "greedy_classes", runtime)?, "jain_index");
    let indices: Vec<String> = steps
        .iter()
        .filter_map(|(slice, .., runtime)| {
            Some(format!("{} at {slice}", format::ratio(jain(runtime)?)))
        })
        .collect();
    if let Some(off) = jain(STACKFUL)
        && !indices.is_empty()
    {
        text += &format!(
            " Two classes that want all they can get, one that yields after every 30\u{a0}µs and \
             one that never does within 20\u{a0}ms, share the worker \
             with a Jain index of {} without slices, {} (1 is even, 0.5 is all for one).",
            format::ratio(off),
            format::list(&indices),
        );
    }
    let silence = |runtime| figure(cell(matrix, "ping_pong_hog", runtime)?, "longest_silence_ns");
    let silences: Vec<String> = steps
        .iter()
        .filter_map(|(slice, .., runtime)| {
            Some(format!("{} at {slice}", format::duration(silence(runtime)?)))
        })
        .collect();
    if let Some(off) = silence(STACKFUL)
        && !silences.is_empty()
    {
        text += &format!(
            " The longest time for which a hog silences a pair that talks is {} without slices, \
             {}.",
            format::duration(off),
            format::list(&silences),
        );
    }
    Some(Finding::new("“Time slicing lets the scheduler step in evenly”", text))
}

/// What the hogs lose or gain against `off`, in words.
fn change(off: &Good<'_>, sliced: &Good<'_>) -> Option<String> {
    let rate = |good| figure(good, "hog_steps_per_us");
    let change = rate(sliced)? / rate(off)? - 1.0;
    let what = if change < 0.0 { "less" } else { "more" };
    Some(format!("the hogs get {} {what} done", format::percent(change.abs())))
}
