//! `cargo stampede report`.

use std::path::{Path, PathBuf, absolute};
use std::process::ExitCode;

use anyhow::{Context, Result};
use clap::Args;
use reports::RenderError;

use super::Done;
use crate::contestants::{Outside, Workspace};
use crate::paths::Paths;
use crate::say::say;

const EXAMPLES: &str = "\
Examples:
  cargo stampede report                          render what `cargo bench` stored last
  cargo stampede report --out /tmp/page.html     write the page elsewhere
  cargo stampede report --results saved/2025     render results that were put aside";

/// Render the page of stored results again, without measuring.
#[derive(Debug, Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Report {
    /// Directory with one JSON file per cell [default: target/stampede/results]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,

    /// The page to write [default: target/stampede/index.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

impl Report {
    pub(super) fn run(&self) -> Done {
        let (from, out) = match (&self.results, &self.out) {
            (Some(results), Some(out)) => (results.clone(), out.clone()),
            (results, out) => {
                let paths = Paths::new(None, &Workspace::find(&Outside::default())?);
                (results.clone().unwrap_or(paths.results), out.clone().unwrap_or(paths.page))
            }
        };
        match reports::render(&from, &out) {
            Ok(output) if output.is_stdout() => {}
            Ok(_) => say!("{}", place(&out)?.display()),
            Err(RenderError::Write(error)) if error.is_unread() => {}
            Err(error) => return Err(error.into()),
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// The absolute path of a page, which a terminal can open.
pub(crate) fn place(page: &Path) -> Result<PathBuf> {
    absolute(page).with_context(|| format!("cannot tell where {} lies", page.display()))
}
