//! `cargo stampede conform`.

use std::process::ExitCode;
use std::time::{Duration, Instant};

use anstyle::{AnsiColor, Style};
use anyhow::Result;
use clap::Args;
use contestant::client::{Checking, Client, ClientError};
use contestant::protocol::Checked;
use results::format;

use super::Done;
use crate::contestants::names::{NamePattern, near};
use crate::contestants::{Contestant, Outside, Roster, Workspace, wanted};
use crate::progress::Progress;
use crate::say::say;
use crate::value::seconds;

const EXAMPLES: &str = "\
Examples:
  cargo stampede conform work-stealing                    the whole suite
  cargo stampede conform 'stackful*'                      on each of these
  cargo stampede conform local wakers                     one theme
  cargo stampede conform local wakers::after_completion   one behaviour

Exit code: 0 when it behaves as it must, 1 when not, 2 when it could not be asked.";

const GOOD: Style = AnsiColor::Green.on_default().bold();
const BAD: Style = AnsiColor::Red.on_default().bold();

/// Check that a runtime behaves as every runtime must.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Conform {
    /// The runtimes, by name, glob or regular expression
    runtime: NamePattern,

    /// Themes and behaviours [default: all]
    #[arg(value_name = "THEME[::BEHAVIOUR]")]
    behaviours: Vec<String>,

    /// A behaviour that is silent for so many seconds has failed
    #[arg(long, value_name = "SECONDS", default_value = "60", value_parser = seconds)]
    deadline: Duration,

    #[command(flatten)]
    outside: Outside,
}

impl Conform {
    pub(super) fn run(&self) -> Done {
        let workspace = Workspace::find(&self.outside)?;
        let programs = wanted::named(&workspace, std::slice::from_ref(&self.runtime))?;
        let roster = Roster::build(&workspace, &programs)?;
        let names = self.runtime.choose("runtime", &roster.names())?;
        let mut failed = !roster.lost().is_empty();
        for contestant in names.iter().filter_map(|name| roster.get(name)) {
            failed |= !self.check(contestant)?;
        }
        Ok(if failed { ExitCode::FAILURE } else { ExitCode::SUCCESS })
    }

    /// Whether everything that was checked passed.
    fn check(&self, contestant: &Contestant) -> Result<bool> {
        let name = contestant.name();
        let mut client = Client::launch(&contestant.program, self.deadline)?;
        let behaviours = self.chosen(&client.behaviours(name)?)?;
        let began = Instant::now();
        let mut progress = Progress::new(behaviours.len(), Duration::from_millis(50));
        let (mut passed, mut failed) = (0, 0);
        let mut under_way = String::new();
        let asked = client.conform(name, &behaviours, &mut |event| match event {
            Checking::Begun(behaviour) => {
                behaviour.clone_into(&mut under_way);
                progress.begin(&format!("{name} {behaviour}"));
            }
            Checking::Done(Checked { name: behaviour, reason: Some(reason), .. }) => {
                failed += 1;
                progress.finish(&format!("{BAD}FAILED{BAD:#} {name} {behaviour}: {reason}"));
            }
            Checking::Done(Checked { name: behaviour, elapsed_ns, .. }) => {
                passed += 1;
                let elapsed = format::time(*elapsed_ns as f64);
                progress.finish(&format!("{GOOD}ok    {GOOD:#} {name} {behaviour}  {elapsed}"));
            }
        });
        match asked {
            Err(ClientError::Failed { .. }) if failed > 0 => {}
            Err(
                error @ (ClientError::Died { .. }
                | ClientError::Hung { .. }
                | ClientError::Failed { .. }),
            ) => {
                failed += 1;
                progress.finish(&format!("{BAD}FAILED{BAD:#} {name} {under_way}: {error}"));
            }
            other => other?,
        }
        drop(progress);
        let elapsed = format::about(began.elapsed().as_secs_f64());
        let left = behaviours.len() - passed - failed;
        let left =
            if left > 0 { format!("; {left} were not checked after that") } else { String::new() };
        say!("{name}: {passed} of {} behaviours passed after {elapsed}{left}", behaviours.len());
        Ok(failed == 0)
    }

    fn chosen(&self, all: &[String]) -> Result<Vec<String>> {
        let mut chosen = Vec::new();
        for text in &self.behaviours {
            let meant = |name: &&String| *name == text || name.split("::").next() == Some(text);
            let before = chosen.len();
            chosen.extend(all.iter().filter(meant).cloned());
            if chosen.len() == before {
                let known: Vec<_> = all.iter().map(String::as_str).collect();
                let hint = near(text, &known);
                let hint = if hint.is_empty() {
                    String::new()
                } else {
                    format!(": did you mean {}?", hint.join(" or "))
                };
                anyhow::bail!("there is no theme or behaviour called `{text}`{hint}");
            }
        }
        Ok(if self.behaviours.is_empty() { all.to_vec() } else { chosen })
    }
}
