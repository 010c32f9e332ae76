//! Renders the page from stored results. Measures nothing and compiles no runtime.

use std::path::PathBuf;

use anyhow::Context;
use clap::Parser;

const EXAMPLES: &str = "\
Examples:
  cargo run -p reports                          render what `cargo bench` stored last
  cargo run -p reports -- --out /tmp/page.html  write the page elsewhere
  cargo run -p reports -- --results saved/2025  render results that were put aside";

/// Render stored results as one HTML page that needs no network.
#[derive(Debug, Parser)]
#[command(name = "reports", version, after_help = EXAMPLES)]
struct Arguments {
    /// Directory with one JSON file per cell [default: target/stampede/results]
    #[arg(long, value_name = "DIR")]
    results: Option<PathBuf>,
    /// The page to write [default: target/stampede/index.html]
    #[arg(long, value_name = "FILE")]
    out: Option<PathBuf>,
}

fn main() -> anyhow::Result<()> {
    let arguments = Arguments::parse();
    let results = arguments.results.unwrap_or_else(reports::results_dir);
    let out = arguments.out.unwrap_or_else(reports::page_path);
    let page = reports::render(&results, &out)?;
    let page = std::path::absolute(&page).with_context(|| format!("cannot tell where {} lies", page.display()))?;
    println!("{}", page.display());
    Ok(())
}
