//! Whatever a name or a reason holds, the page shows it as text.

#[path = "../results/tests/common/mod.rs"]
mod common;

use std::collections::BTreeMap;

use results::schema::{Kind, Outcome, Record};
use scraper::{Html, Selector};

const NAMES: [&str; 4] = [
    "<script>alert(1)</script>",
    "\"><img src=x onerror='alert(2)'>",
    "a & b &amp; {{ 7 * 7 }} {% raw %}",
    "</text></svg></style></title><b>' \" `",
];

/// A cell in which everything that a user can name is `name`.
fn cell(name: &str, kind: Kind, runtime: &str, peer: bool) -> Record {
    let mut record = common::record(name, runtime, 1);
    let text = || name.to_owned();
    record.run.command = text();
    record.run.machine.cpu = text();
    record.run.machine.kernel = text();
    record.run.machine.rustc = text();
    record.run.machine.revision = Some(text());
    record.run.machine.packages = BTreeMap::from([(text(), text())]);
    record.workload.kind = kind;
    record.workload.summary = text();
    record.workload.shows = text();
    record.workload.unit = text();
    record.workload.params = BTreeMap::from([(text(), 1)]);
    record.runtime.summary = text();
    record.runtime.isolates = text();
    record.runtime.peer = peer.then(text);
    if let Outcome::Measured(m) = &mut record.outcome {
        let histogram = m.histograms["latency"].clone();
        m.histograms.insert(text(), histogram);
        m.counters = BTreeMap::from([(text(), 3)]);
        m.counters_per_worker = BTreeMap::from([(text(), vec![3])]);
        m.process = BTreeMap::from([(text(), 3)]);
        m.figures = BTreeMap::from([(text(), 3.0)]);
    }
    record
}

fn page(name: &str) -> String {
    let failed = Record {
        outcome: Outcome::Failed { reason: name.to_owned() },
        ..cell(name, Kind::Throughput, &format!("failed {name}"), false)
    };
    let records = [
        cell(name, Kind::Throughput, name, false),
        cell(name, Kind::Throughput, &format!("peer {name}"), true),
        cell(&format!("latency {name}"), Kind::Latency, name, false),
        failed,
    ];
    reports::html(&records, None, &[format!("cannot read {name}")]).expect("rendered")
}

#[test]
fn hostile_text_stays_text() {
    for name in NAMES {
        let parsed = Html::parse_document(&page(name));
        assert!(parsed.errors.is_empty(), "{name}: {:?}", parsed.errors);
        for element in parsed.tree.values().filter_map(|node| node.as_element()) {
            assert!(element.name() != "script" && element.name() != "img", "{name}");
            assert!(element.attrs().all(|(attribute, _)| !attribute.starts_with("on")), "{name}");
        }
    }
}

#[test]
fn hostile_text_is_shown_as_it_is_outside_and_inside_charts() {
    let words = |text: String| text.split_whitespace().collect::<Vec<_>>().join(" ");
    for name in NAMES {
        let parsed = Html::parse_document(&page(name));
        let shows = |selector: &str| {
            let whole = words(name.to_owned());
            let shows = |text: String| match text.strip_suffix('…') {
                // Charts have no room for long names.
                Some(start) => start.len() > 10 && whole.starts_with(start.trim_end()),
                None => text == whole,
            };
            let selector = Selector::parse(selector).expect("a selector");
            parsed.select(&selector).any(|element| shows(words(element.text().collect())))
        };
        for place in [
            "header code",
            "nav a",
            "section.workload h2",
            ".matrix th",
            "svg.wide text",
            "svg.narrow text",
        ] {
            assert!(shows(place), "{name} is not shown in {place}");
        }
        let text: String = parsed.root_element().text().collect();
        assert!(words(text).contains(&words(format!("cannot read {name}"))), "{name}");
    }
}

#[test]
fn no_chart_breaks() {
    for name in NAMES {
        let page = page(name);
        for chart in page
            .split("<svg")
            .skip(1)
            .filter_map(|rest| rest.split_once("</svg>"))
            .map(|parts| parts.0)
        {
            let chart = format!("<svg{chart}</svg>");
            assert!(roxmltree::Document::parse(&chart).is_ok(), "{chart}");
        }
    }
}
