//! The page: everything that it says is gathered here, the templates say how it looks.

use std::collections::BTreeSet;

use minijinja::syntax::SyntaxConfig;
use minijinja::value::Serde;
use minijinja::{AutoEscape, Environment, HtmlEscape, UndefinedBehavior, Value};
use serde::Serialize;

use crate::analysis::{self, Finding};
use crate::builds;
use crate::charts::palette;
use crate::facts::{Facts, facts};
use crate::matrix::{Column, Matrix, label};
use crate::render::RenderError;
use crate::section::Section;
use crate::summary;
use results::builds::Builds;
use results::format;
use results::schema::{Record, RuntimeInfo};
use results::text;

const TEMPLATES: [(&str, &str); 8] = [
    ("page.html", include_str!("../templates/page.html")),
    ("summary.html", include_str!("../templates/summary.html")),
    ("section.html", include_str!("../templates/section.html")),
    ("parts.html", include_str!("../templates/parts.html")),
    ("distribution.html", include_str!("../templates/distribution.html")),
    ("counters.html", include_str!("../templates/counters.html")),
    ("builds.html", include_str!("../templates/builds.html")),
    ("notes.html", include_str!("../templates/notes.html")),
];
const STYLE: &str = include_str!("../templates/page.css");

/// Files that the page names when they could not be read; of more it tells the number.
const MOST_UNREADABLE: usize = 50;

/// What the templates see.
#[derive(Debug, Serialize)]
struct Page {
    facts: Facts,
    counts: Counts,
    heads: Vec<Head>,
    runtimes: Vec<RuntimeLine>,
    throughput: Option<summary::Table>,
    latency: Option<summary::Table>,
    memory: Option<summary::Table>,
    claims: Vec<Finding>,
    sections: Vec<Section>,
    builds: Option<builds::Part>,
    /// How many files could not be read, with a verb.
    unreadable_count: String,
    /// What is wrong with the first of them.
    unreadable: Vec<String>,
}

/// How much the page holds, in words.
#[derive(Debug, Serialize)]
struct Counts {
    runtimes: String,
    workloads: String,
    cells: String,
    /// `3 failed, 1 void`, empty when every cell counts.
    problems: String,
}

/// A column of the tables.
#[derive(Debug, Serialize)]
struct Head {
    runtime: String,
    workers: usize,
    name: String,
    peer: bool,
    /// How many columns the runtime has; 0 in all but the first of them.
    span: usize,
    /// The runtime's policy, for a tooltip.
    summary: String,
}

/// A runtime as the list of runtimes shows it.
#[derive(Debug, Serialize)]
struct RuntimeLine {
    name: String,
    summary: String,
    isolates: String,
    peer: Option<String>,
    /// What it does not share with the others, in words; empty for most.
    own: String,
}

/// The page of `records`, with `unreadable` as the messages about files that are no results.
///
/// # Errors
/// [`RenderError::Chart`] and [`RenderError::Template`]: mistakes in this crate.
pub fn html(
    records: &[Record],
    builds: Option<&Builds>,
    unreadable: &[String],
) -> Result<String, RenderError> {
    let matrix = Matrix::new(records);
    let Some(facts) = facts(&matrix) else { return Err(RenderError::NothingToShow) };
    let ids = anchors(&matrix);
    let shades = matrix.columns.iter().map(|column| column.shade + 1).max().unwrap_or(0);
    let sections: Result<Vec<_>, _> =
        matrix.rows.iter().zip(&ids).map(|(row, id)| Section::new(&matrix, row, id)).collect();
    let sections = sections?;
    let runtimes = runtimes(&matrix);
    let page = Page {
        facts,
        counts: Counts {
            runtimes: on_one_reactor(&runtimes),
            workloads: format::count(sections.len(), "workload"),
            cells: format::count(matrix.cells().count(), "cell"),
            problems: problem_counts(&sections),
        },
        heads: heads(&matrix),
        runtimes,
        throughput: summary::throughput(&matrix, &ids),
        latency: summary::latency(&matrix, &ids),
        memory: summary::memory(&matrix, &ids),
        claims: analysis::claims(&matrix),
        sections,
        builds: builds.map(builds::part),
        unreadable_count: match unreadable.len() {
            0 => String::new(),
            1 => "1 stored file could not be read and is not shown".to_owned(),
            n => format!("{} could not be read and are not shown", format::count(n, "stored file")),
        },
        unreadable: unreadable
            .iter()
            .take(MOST_UNREADABLE)
            .map(|message| text::visible(message))
            .collect(),
    };
    fill(page, shades)
}

/// `shades` is how many runtimes of a kind have a colour of their own.
fn fill(page: Page, shades: usize) -> Result<String, RenderError> {
    let mut environment = Environment::new();
    environment.set_syntax(SyntaxConfig::builder().trim_blocks(true).lstrip_blocks(true).build()?);
    environment.set_undefined_behavior(UndefinedBehavior::Strict);
    environment.set_auto_escape_callback(|_| AutoEscape::Html);
    environment.add_filter("breakable", breakable);
    environment.add_filter("prose", prose);
    environment.add_filter("sentence", sentence);
    environment.add_global(
        "style",
        Value::from_safe_string(palette::style(shades) + STYLE + &palette::dark_style(shades)),
    );
    for (name, source) in TEMPLATES {
        environment.add_template(name, source)?;
    }
    Ok(environment.get_template("page.html")?.render(Serde(page))?)
}

/// A name that may be broken after its underscores: a phone has no room for `spawn_many_remote`.
fn breakable(name: &str) -> Value {
    Value::from_safe_string(HtmlEscape(name).to_string().replace('_', "_<wbr>"))
}

/// A description as HTML: ends with a full stop, and what stands in backticks is code.
fn prose(text: &str) -> Value {
    let text = text.trim();
    let stop = if text.is_empty() || text.ends_with(['.', '!', '?']) { "" } else { "." };
    let mut html = String::new();
    for (i, part) in text.split('`').enumerate() {
        // Every second part stands between two backticks; the last one only if the text is broken
        // off.
        let (open, close) = if i % 2 == 1 { ("<code>", "</code>") } else { ("", "") };
        html += &format!("{open}{}{close}", HtmlEscape(part));
    }
    Value::from_safe_string(html + stop)
}

/// The same for a text that stands alone: it begins with a capital.
fn sentence(text: &str) -> Value {
    let mut rest = text.trim_start().chars();
    let first = rest.next().map(|c| c.to_uppercase().to_string()).unwrap_or_default();
    prose(&(first + rest.as_str()))
}

/// An anchor for each workload: its name where that is plain, and unlike any other.
fn anchors(matrix: &Matrix<'_>) -> Vec<String> {
    let anchor = |(i, name): (usize, &String)| {
        let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if plain && !name.is_empty() { format!("w-{name}") } else { format!("row-{i}") }
    };
    matrix.rows.iter().map(|row| &row.workload.name).enumerate().map(anchor).collect()
}

fn heads(matrix: &Matrix<'_>) -> Vec<Head> {
    let columns = &matrix.columns;
    let head = |(i, column): (usize, &Column<'_>)| {
        let runtime = column.runtime;
        let of_runtime = |c: &Column<'_>| c.runtime.name == runtime.name;
        let first = !columns[..i].iter().any(of_runtime);
        Head {
            runtime: label(runtime),
            workers: column.workers,
            name: column.name.clone(),
            peer: runtime.is_peer(),
            span: if first { columns.iter().filter(|c| of_runtime(c)).count() } else { 0 },
            summary: runtime.summary.clone(),
        }
    };
    columns.iter().enumerate().map(head).collect()
}

fn runtimes(matrix: &Matrix<'_>) -> Vec<RuntimeLine> {
    let mut runtimes: Vec<&RuntimeInfo> =
        matrix.columns.iter().map(|column| column.runtime).collect();
    runtimes.dedup_by_key(|runtime| &runtime.name);
    let line = |runtime: &RuntimeInfo| RuntimeLine {
        name: label(runtime),
        summary: runtime.summary.clone(),
        isolates: runtime.isolates.clone(),
        peer: runtime.peer.clone(),
        own: format::list(&runtime.own),
    };
    runtimes.into_iter().map(line).collect()
}

/// How many share the reactor, and how many stand beside those.
fn on_one_reactor(runtimes: &[RuntimeLine]) -> String {
    let beside = runtimes.iter().filter(|runtime| !runtime.own.is_empty()).count();
    let shared = format::count(runtimes.len() - beside, "runtime");
    match beside {
        0 => format!("{shared} on one reactor"),
        _ => format!("{shared} on one reactor, {beside} more on their own"),
    }
}

fn problem_counts(sections: &[Section]) -> String {
    let all: Vec<&str> = sections.iter().flat_map(|s| &s.problems).map(|p| p.word).collect();
    let words: BTreeSet<&str> = all.iter().copied().collect();
    let count = |word: &&str| format!("{} {word}", all.iter().filter(|w| w == &word).count());
    words.iter().map(count).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prose_ends_with_a_stop_and_stays_text() {
        assert_eq!(prose("a `b` <i>").to_string(), "a <code>b</code> &lt;i&gt;.");
        assert_eq!(prose("Done. ").to_string(), "Done.");
        assert_eq!(prose("").to_string(), "");
        assert_eq!(prose("odd ` tick").to_string(), "odd <code> tick</code>.");
        assert_eq!(sentence("what `local` <b>").to_string(), "What <code>local</code> &lt;b&gt;.");
    }

    #[test]
    fn names_break_after_underscores() {
        assert_eq!(breakable("a_b<").to_string(), "a_<wbr>b&lt;");
    }
}
