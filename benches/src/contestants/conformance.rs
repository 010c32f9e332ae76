//! Whether a contestant behaves as a runtime must: what does not is not timed.
//!
//! A program that has passed once is remembered by its content, so the suite runs when it has
//! changed.

use std::fs;
use std::hash::{DefaultHasher, Hasher};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anstyle::{AnsiColor, Style};
use contestant::client::{Checking, Client, ClientError};
use results::text::chain;
use serde::{Deserialize, Serialize};

use super::{Contestant, Roster};
use crate::progress::Progress;

const BAD: Style = AnsiColor::Red.on_default().bold();

/// What the suite takes for one contestant, until experience says otherwise.
const PLANNED: Duration = Duration::from_secs(5);

/// More than any behaviour takes: the suite itself has a shorter limit for each.
const PATIENCE: Duration = Duration::from_secs(60);

/// Remembers who has passed.
#[derive(Clone, Debug)]
pub struct Gate {
    dir: PathBuf,
}

/// What came of the suite.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It behaves as it must.
    Conforms,
    /// It does not: each behaviour that it lacks, and what it did instead.
    Lacks(Vec<Lack>),
}

/// A behaviour that a contestant lacks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lack {
    /// `theme::behaviour`.
    pub behaviour: String,
    /// What it did instead.
    pub reason: String,
}

#[derive(Deserialize, Serialize)]
struct Passed {
    program: u64,
}

impl Gate {
    /// Remembers in `stampede`, the directory of runs.
    pub fn new(stampede: &Path) -> Self {
        Self { dir: stampede.join("conformance") }
    }

    /// Whether `contestant` has passed as it is now.
    pub fn remembers(&self, contestant: &Contestant) -> bool {
        let passed = fs::read(self.file(contestant)).ok();
        let passed = passed.and_then(|text| serde_json::from_slice::<Passed>(&text).ok());
        passed.is_some_and(|passed| Some(passed.program) == content(&contestant.program))
    }

    /// Lets `contestant` check itself; `say` hears the name of each behaviour before it is checked.
    ///
    /// # Errors
    /// [`ClientError`] when it cannot be asked. One that crashes or hangs while it checks lacks
    /// what it was checking.
    pub fn check(
        &self,
        contestant: &Contestant,
        say: &mut dyn FnMut(&str),
    ) -> Result<Verdict, ClientError> {
        let before = content(&contestant.program);
        let verdict = check(contestant, say)?;
        if let (Verdict::Conforms, Some(program)) = (&verdict, before)
            && let Ok(text) = serde_json::to_vec(&Passed { program })
        {
            // Forgetting it costs another run of the suite, no more.
            let _ =
                fs::create_dir_all(&self.dir).and_then(|()| fs::write(self.file(contestant), text));
        }
        Ok(verdict)
    }

    /// Checks those of `names` that have not passed as they are. Who does not conform is named on
    /// standard error, with what is lacking, and leaves the roster; with `allow` it stays and is
    /// marked.
    ///
    /// # Errors
    /// [`ClientError::Interrupted`] from the terminal.
    pub fn admit(
        &self,
        roster: &mut Roster,
        names: &[String],
        allow: bool,
    ) -> Result<(), ClientError> {
        let contestants = names.iter().filter_map(|name| roster.get(name)).cloned();
        let unknown: Vec<_> =
            contestants.filter(|contestant| !self.remembers(contestant)).collect();
        let mut progress = Progress::on_stderr(unknown.len(), PLANNED);
        for contestant in unknown {
            let name = contestant.name();
            let verdict = self.check(&contestant, &mut |behaviour| {
                progress.begin(&format!("{name}: {behaviour}"))
            });
            match verdict {
                Ok(Verdict::Conforms) => progress.advance(),
                Ok(Verdict::Lacks(lacks)) => {
                    progress.finish(&refusal(&contestant, &lacks, allow));
                    if allow {
                        roster.mark(name, lacks.into_iter().map(|lack| lack.behaviour).collect());
                    } else {
                        roster.lose(name, "it does not conform".to_owned());
                    }
                }
                Err(ClientError::Interrupted) => return Err(ClientError::Interrupted),
                Err(error) => {
                    progress.finish(&format!(
                        "{BAD}{name} cannot check itself{BAD:#}: {}",
                        chain(&error)
                    ));
                    roster.lose(name, chain(&error));
                }
            }
        }
        Ok(())
    }

    fn file(&self, contestant: &Contestant) -> PathBuf {
        self.dir.join(format!("{}.json", contestant.name()))
    }
}

/// What `name` lacks, and how to see it again.
fn refusal(contestant: &Contestant, lacks: &[Lack], allow: bool) -> String {
    let (name, flags) = (contestant.name(), contestant.flags());
    let but = if allow {
        ", and is measured nevertheless"
    } else {
        " and is not timed (--allow-nonconforming)"
    };
    let mut text = format!("{BAD}{name} does not conform{BAD:#}{but}:");
    for Lack { behaviour, reason } in lacks {
        text.push_str(&format!(
            "\n  {behaviour}: {reason}\n    again: cargo stampede conform {name} {behaviour}{flags}"
        ));
    }
    text
}

/// Theme by theme: what fails in one makes the next ones fail in ways that say nothing.
fn check(contestant: &Contestant, say: &mut dyn FnMut(&str)) -> Result<Verdict, ClientError> {
    let behaviours =
        Client::launch(&contestant.program, PATIENCE)?.behaviours(contestant.name())?;
    let theme = |name: &String| name.split("::").next().unwrap_or_default().to_owned();
    for behaviours in behaviours.chunk_by(|a, b| theme(a) == theme(b)) {
        let lacks = check_theme(contestant, behaviours, say)?;
        if !lacks.is_empty() {
            return Ok(Verdict::Lacks(lacks));
        }
    }
    Ok(Verdict::Conforms)
}

/// One process as long as nothing hangs or crashes, which must not spoil the rest.
fn check_theme(
    contestant: &Contestant,
    mut left: &[String],
    say: &mut dyn FnMut(&str),
) -> Result<Vec<Lack>, ClientError> {
    let mut lacks = Vec::new();
    while !left.is_empty() {
        let mut client = Client::launch(&contestant.program, PATIENCE)?;
        let mut under_way = None;
        let mut checked = 0;
        let asked = client.conform(contestant.name(), left, &mut |event| match event {
            Checking::Begun(name) => {
                say(name);
                under_way = Some(name.to_owned());
            }
            Checking::Done(done) => {
                under_way = None;
                checked += 1;
                if let Some(reason) = &done.reason {
                    lacks.push(Lack { behaviour: done.name.clone(), reason: reason.clone() });
                }
            }
        });
        match (asked, under_way) {
            (Ok(()), _) => break,
            (Err(ClientError::Interrupted), _) => return Err(ClientError::Interrupted),
            (Err(error), Some(behaviour)) => {
                checked += 1;
                lacks.push(Lack { behaviour, reason: chain(&error) });
            }
            // It has said itself what hung. The next one might, too, and each would take its time.
            (Err(ClientError::Failed { .. }), None) if checked > 0 => break,
            (Err(error), None) => return Err(error),
        }
        left = left.get(checked..).unwrap_or_default();
    }
    Ok(lacks)
}

/// What tells one build of a program from another.
fn content(program: &Path) -> Option<u64> {
    let bytes = fs::read(program).ok()?;
    let mut hasher = DefaultHasher::new();
    hasher.write(&bytes);
    Some(hasher.finish())
}
