//! The whole page from a made-up run: written, well-formed, complete, self-contained.

#[path = "../results/tests/common/mod.rs"]
mod common;
mod fixture;

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;

use fixture::records;
use results::Store;
use results::schema::Record;
use scraper::{ElementRef, Html, Selector};

/// Making up the latencies takes a second: once is enough.
static RECORDS: LazyLock<Vec<Record>> = LazyLock::new(|| records(1));
static PAGE: LazyLock<String> =
    LazyLock::new(|| reports::html(&RECORDS, None, &[]).expect("rendered"));

/// Stores the fixture and renders it; the page stays for a look with a browser.
fn stored_and_rendered() -> String {
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("made-up");
    let store = Store::open(dir.join("results")).expect("a directory");
    for record in RECORDS.iter() {
        store.write(record).expect("written");
    }
    let out = dir.join("index.html");
    let page = reports::render(store.dir(), &out).expect("rendered");
    assert_eq!(page.path(), out);
    fs::read_to_string(out).expect("just written")
}

fn select<'a>(page: &'a Html, selector: &str) -> Vec<ElementRef<'a>> {
    page.select(&Selector::parse(selector).expect("a selector")).collect()
}

fn text(element: &ElementRef<'_>) -> String {
    element.text().collect::<String>().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn the_page_is_well_formed_and_does_not_depend_on_the_order_of_files() {
    let page = stored_and_rendered();
    let parsed = Html::parse_document(&page);
    assert!(parsed.errors.is_empty(), "{:?}", parsed.errors);
    let mut reversed = RECORDS.clone();
    reversed.reverse();
    assert!(reports::html(&reversed, None, &[]).expect("rendered") == page);
}

#[test]
fn every_chart_is_well_formed_and_takes_its_colours_from_the_style_sheet() {
    let page = PAGE.as_str();
    let charts: Vec<&str> = page
        .split("<svg")
        .skip(1)
        .filter_map(|rest| rest.split_once("</svg>"))
        .map(|c| c.0)
        .collect();
    // Fourteen bar charts; the percentiles of three distributions, for 1 and for 2 workers; in two
    // widths.
    assert_eq!(charts.len(), (14 + 3 * 2) * 2);
    for chart in charts {
        let chart = format!("<svg{chart}</svg>");
        let chart = roxmltree::Document::parse(&chart).expect("well-formed XML");
        let colours = chart
            .descendants()
            .flat_map(|n| n.attributes())
            .filter(|a| ["fill", "stroke"].contains(&a.name()));
        for colour in colours {
            assert!(colour.value().starts_with("var(--") || colour.value() == "none", "{colour:?}");
        }
        assert!(
            chart.root_element().attribute("aria-label").is_some_and(|label| !label.is_empty())
        );
    }
    let style = page
        .split_once("<style>")
        .and_then(|(_, rest)| rest.split_once("</style>"))
        .expect("a style sheet")
        .0;
    let (light, dark) = style.split_once("prefers-color-scheme: dark").expect("a dark mode");
    for variable in page
        .split("=\"var(")
        .skip(1)
        .filter_map(|rest| rest.split_once(')'))
        .map(|v| v.0)
        .collect::<BTreeSet<_>>()
    {
        let definition = format!("{variable}: #");
        assert!(
            light.contains(&definition) && dark.contains(&definition),
            "{variable} needs a colour in both modes"
        );
    }
}

#[test]
fn nothing_is_loaded_and_nothing_runs() {
    let page = PAGE.as_str();
    for forbidden in [
        "http:",
        "https:",
        "@import",
        "url(",
        "<script",
        "<link",
        "<iframe",
        "<img",
        "javascript:",
        "data:",
    ] {
        assert!(!page.contains(forbidden), "{forbidden}");
    }
}

#[test]
fn every_workload_has_a_section_and_every_link_an_end() {
    let page = Html::parse_document(&PAGE);
    let ids: Vec<&str> = select(&page, "[id]").iter().filter_map(|e| e.attr("id")).collect();
    assert_eq!(ids.len(), ids.iter().collect::<BTreeSet<_>>().len(), "anchors are unique");
    for link in select(&page, "a[href]") {
        let target = link
            .attr("href")
            .and_then(|href| href.strip_prefix('#'))
            .expect("links stay on the page");
        assert!(ids.contains(&target), "{target}");
    }
    let names: BTreeSet<String> = RECORDS.iter().map(|r| r.workload.name.clone()).collect();
    let sections: BTreeSet<String> =
        select(&page, "section.workload h2").iter().map(text).collect();
    let contents: Vec<String> = select(&page, "nav a").iter().map(text).collect();
    assert_eq!(sections, names);
    for name in names {
        assert!(contents.contains(&name), "{name} is missing in the contents");
        let section = select(&page, &format!("#w-{name}"))[0];
        let chart = Selector::parse("svg.wide").expect("a selector");
        let finding = Selector::parse(".findings dd").expect("a selector");
        assert!(
            section.select(&chart).next().is_some() && section.select(&finding).next().is_some(),
            "{name}"
        );
    }
}

#[test]
fn cells_without_a_result_stay_visible_with_their_reason() {
    let page = Html::parse_document(&PAGE);
    let list: Vec<String> = select(&page, "#summary .problems li").iter().map(text).collect();
    assert_eq!(
        list,
        [
            "skynet on futures-pool with 2 workers: failed, wrong result: sum is 4999949999, must \
             be 4999950000",
            "accept_storm on stackful with 2 workers: skipped, the runtime has no stacks left for \
             1,000 connections",
            "open_loop on async-executor with 2 workers: void, generator lateness p99.9 was 14 % \
             of the mean service \
             time, must be below 5 %",
        ]
    );
    let words: Vec<String> = select(&page, ".matrix td.bad .ratio").iter().map(text).collect();
    assert_eq!(words, ["failed", "skipped", "void", "void"]);
    assert_eq!(select(&page, "section.workload .problems li").len(), 3);
    let mean = text(&select(&page, "#summary .remark")[0]);
    assert!(
        mean.contains("11 of 13") && mean.contains("Left out: skynet, accept_storm."),
        "{mean}"
    );
}

#[test]
fn a_percentile_without_the_samples_for_it_is_not_shown() {
    let page = Html::parse_document(&PAGE);
    let rows = select(&page, "#w-open_loop > .scroll .plain tbody tr");
    let small: Vec<String> =
        rows.iter().map(text).filter(|row| row.contains("n too small")).collect();
    assert_eq!(small.len(), 1, "{small:?}");
    assert!(small[0].starts_with("tokio-ct") && small[0].ends_with("30,000"), "{small:?}");
}

#[test]
fn memory_is_shown_in_bytes_and_apart_from_times() {
    let page = Html::parse_document(&PAGE);
    let table = text(&select(&page, "[aria-label='Memory summary']")[0]);
    assert!(
        table.contains("idle_memory") && table.contains("130 B") && table.contains("4,258 B"),
        "{table}"
    );
    assert!(!text(&select(&page, "[aria-label='Throughput summary']")[0]).contains("idle_memory"));
    let section = text(&select(&page, "#w-idle_memory")[0]);
    assert!(section.contains("Memory per operation; operations are tasks."), "{section}");
    assert!(section.contains("takes least, 130 B per operation"), "{section}");
    assert!(section.contains("times as much") && !section.contains("times as long"), "{section}");
    let headings: Vec<String> = select(&page, "nav h3").iter().map(text).collect();
    assert_eq!(headings, ["Throughput", "Latency", "Memory"]);
}

#[test]
fn facts_of_the_run_are_at_the_head() {
    let page = Html::parse_document(&PAGE);
    let head = text(&select(&page, "header")[0]);
    for fact in [
        "Imaginary CPU",
        "2 cores",
        "6.1.0",
        "rustc 1.95.0",
        "tokio 1.54.1",
        "cargo bench",
        "42",
        "2025-10-09 08:53 UTC",
    ] {
        assert!(head.contains(fact), "{fact} is missing in: {head}");
    }
    assert!(select(&page, ".warning").is_empty());
}

#[test]
fn several_runs_are_told_apart_and_warned_of() {
    let mut all = RECORDS.clone();
    for record in all.iter_mut().filter(|r| r.workload.name == "ring") {
        record.run.id = "later".to_owned();
        record.run.started_unix_s += 3600;
        record.run.finished_unix_s += 3600;
        record.run.quick = true;
        record.run.machine.kernel = "6.2.0".to_owned();
    }
    let page = Html::parse_document(&reports::html(&all, None, &[]).expect("rendered"));
    let warnings: Vec<String> = select(&page, ".warning").iter().map(text).collect();
    assert!(
        warnings[0].contains("1 of 2 runs were quick") && warnings[1].contains("different kernels"),
        "{warnings:?}"
    );
    let marks: BTreeSet<String> = select(&page, "#summary sup").iter().map(text).collect();
    assert_eq!(marks, BTreeSet::from(["a".to_owned(), "b".to_owned()]));
    assert_eq!(select(&page, "header tbody tr").len(), 2);
}
