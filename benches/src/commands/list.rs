//! `cargo stampede list`.

use std::process::ExitCode;
use std::sync::Arc;

use anstyle::{AnsiColor, Style};
use clap::Args;
use serde_json::{Value, json};
use workloads::Kind;

use super::Done;
use crate::contestants::{Contestant, Outside, Program, Roster, Workspace};
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

    #[command(flatten)]
    outside: Outside,
}

impl List {
    pub(super) fn run(&self) -> Done {
        let workspace = Workspace::find(&self.outside)?;
        let entries = entries(&workspace);
        if self.json {
            say!("{:#}", as_json(&entries));
        } else {
            say::text(&as_text(&entries));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// What is known of a runtime without building anything.
enum Entry<'a> {
    /// All of it, from a program that is built.
    Described(Arc<Contestant>),
    /// What its file says.
    Unbuilt(&'a Program),
}

fn entries(workspace: &Workspace) -> Vec<Entry<'_>> {
    let mut entries = Vec::new();
    for program in &workspace.programs {
        let roster = Roster::kept(workspace, &[program]);
        if roster.contestants().is_empty() {
            entries.push(Entry::Unbuilt(program));
        } else {
            entries.extend(roster.contestants().iter().cloned().map(Entry::Described));
        }
    }
    entries
}

fn as_json(entries: &[Entry<'_>]) -> Value {
    let runtime = |entry: &Entry<'_>| match entry {
        Entry::Described(contestant) => {
            let descriptor = &contestant.descriptor;
            json!({
                "name": descriptor.name,
                "summary": descriptor.summary,
                "isolates": descriptor.isolates,
                "peer": descriptor.package.as_deref().map(peer),
                "workers": if descriptor.max_workers == Some(1) { "caller" } else { "many" },
                "body": if descriptor.stacks { "stackful" } else { "stackless" },
                "configuration": descriptor.configuration,
                "built": true,
            })
        }
        Entry::Unbuilt(program) => json!({
            "name": program.name,
            "summary": program.first_line().unwrap_or_default(),
            "isolates": null,
            "peer": if program.ours { None } else { Some(&program.name) },
            "workers": null,
            "body": null,
            "configuration": {},
            "built": false,
        }),
    };
    json!({
        "runtimes": entries.iter().map(runtime).collect::<Vec<_>>(),
        "workloads": workloads::definitions().iter().map(|definition| json!({
            "name": definition.name,
            "summary": definition.summary,
            "shows": definition.shows,
            "unit": definition.unit,
            "kind": kind(definition),
            "params": definition.params.iter().map(|param| json!({
                "name": param.name,
                "default": param.default,
                "min": param.min,
                "max": param.max,
                "help": param.help,
            })).collect::<Vec<_>>(),
        })).collect::<Vec<_>>(),
    })
}

fn as_text(entries: &[Entry<'_>]) -> String {
    let mut text = format!("{HEADING}Runtimes{HEADING:#}\n");
    for entry in entries {
        match entry {
            Entry::Described(contestant) => {
                let descriptor = &contestant.descriptor;
                let workers = match descriptor.max_workers {
                    Some(1) => "1 worker: the caller's thread".to_owned(),
                    Some(max) => format!("up to {max} workers"),
                    None => "any number of workers".to_owned(),
                };
                let peer = descriptor.package.as_deref().map(peer);
                let peer = peer.map(|peer| format!(" ({peer})")).unwrap_or_default();
                text.push_str(&format!("  {NAME}{}{NAME:#}{peer}, {workers}\n", descriptor.name));
                text.push_str(&format!(
                    "      {}\n      {}\n",
                    descriptor.summary, descriptor.isolates
                ));
            }
            Entry::Unbuilt(program) => {
                let what = if program.ours { "not built yet" } else { "a peer, not built yet" };
                let line = program.first_line().unwrap_or_default();
                text.push_str(&format!("  {NAME}{}{NAME:#}, {what}\n      {line}\n", program.name));
            }
        }
    }
    text.push_str(&format!("\n{HEADING}Workloads{HEADING:#}\n"));
    for definition in workloads::definitions() {
        text.push_str(&format!(
            "  {NAME}{}{NAME:#}, {} in {}\n",
            definition.name,
            kind(definition),
            definition.unit
        ));
        text.push_str(&format!("      {}\n      Shows {}\n", definition.summary, definition.shows));
        for param in definition.params {
            let set = format!("--param {}.{}={}", definition.name, param.name, param.default);
            text.push_str(&format!(
                "      {set}  {} ({} to {})\n",
                param.help, param.min, param.max
            ));
        }
    }
    text
}

fn kind(definition: &workloads::Definition) -> &'static str {
    match definition.kind {
        Kind::Throughput => "throughput",
        Kind::Latency => "latency",
        Kind::Memory => "memory",
    }
}
