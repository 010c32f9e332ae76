//! `cargo stampede list`.

use std::process::ExitCode;

use anstyle::{AnsiColor, Style};
use clap::Args;
use runtimes::{Body, Origin, Workers};
use serde_json::{Value, json};
use workloads::Kind;

use super::Done;
use crate::record::peer;
use crate::say::{self, say};

const EXAMPLES: &str = "\
Examples:
  cargo stampede list
  cargo stampede list --json | jq -r '.workloads[].name'";

const HEADING: Style = AnsiColor::Green.on_default().bold();
const NAME: Style = Style::new().bold();

/// List the runtimes, and the workloads with their parameters.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct List {
    /// Print an object with arrays `runtimes` and `workloads`
    #[arg(long)]
    json: bool,
}

impl List {
    pub(super) fn run(&self) -> Done {
        if self.json {
            say!("{:#}", as_json());
        } else {
            say::text(&as_text());
        }
        Ok(ExitCode::SUCCESS)
    }
}

fn as_json() -> Value {
    json!({
        "runtimes": runtimes::cards().iter().map(|card| json!({
            "name": card.name,
            "summary": card.summary,
            "isolates": card.isolates,
            "peer": peer_of(card),
            "workers": match card.workers { Workers::Caller => "caller", Workers::Many => "many" },
            "body": match card.body { Body::Stackless => "stackless", Body::Stackful => "stackful", Body::Sliced => "sliced", Body::Unpooled => "unpooled" },
        })).collect::<Vec<_>>(),
        "workloads": workloads::cards().iter().map(|card| json!({
            "name": card.name,
            "summary": card.summary,
            "shows": card.shows,
            "unit": card.unit,
            "kind": kind(card),
            "params": card.params.iter().map(|param| json!({
                "name": param.name,
                "default": param.default,
                "min": param.min,
                "max": param.max,
                "help": param.help,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn as_text() -> String {
    let mut text = format!("{HEADING}Runtimes{HEADING:#}\n");
    for card in runtimes::cards() {
        let workers = match card.workers {
            Workers::Caller => "1 worker: the caller's thread",
            Workers::Many => "any number of workers",
        };
        let peer = peer_of(card).map(|peer| format!(" ({peer})")).unwrap_or_default();
        text.push_str(&format!("  {NAME}{}{NAME:#}{peer}, {workers}\n", card.name));
        text.push_str(&format!("      {}\n      {}\n", card.summary, card.isolates));
    }
    text.push_str(&format!("\n{HEADING}Workloads{HEADING:#}\n"));
    for card in workloads::cards() {
        text.push_str(&format!("  {NAME}{}{NAME:#}, {} in {}\n", card.name, kind(card), card.unit));
        text.push_str(&format!("      {}\n      Shows {}\n", card.summary, card.shows));
        for param in card.params {
            let set = format!("--param {}.{}={}", card.name, param.name, param.default);
            text.push_str(&format!("      {set}  {} ({} to {})\n", param.help, param.min, param.max));
        }
    }
    text
}

fn kind(card: &workloads::Card) -> &'static str {
    match card.kind {
        Kind::Throughput => "throughput",
        Kind::Latency => "latency",
        Kind::Memory => "memory",
    }
}

fn peer_of(card: &runtimes::Card) -> Option<String> {
    match card.origin {
        Origin::Ours => None,
        Origin::Peer { package } => Some(peer(package)),
    }
}
