//! Where the results come from: machine, toolchain, command, seed; and what limits them.

use serde::Serialize;

use crate::matrix::Matrix;
use crate::moment::moment;
use crate::summary::run_letter;
use results::format;
use results::noise;
use results::schema::{Controls, Machine, Measurement, Run};

/// The facts at the head of the page.
#[derive(Debug, Serialize)]
pub(crate) struct Facts {
    /// Names and values about the machine and the newest run.
    pub list: Vec<(&'static str, String)>,
    /// The command that reproduces the newest run.
    pub command: String,
    /// Versions of the packages that matter.
    pub packages: Vec<(String, String)>,
    /// The runs, when the cells come from several.
    pub runs: Vec<RunFact>,
    /// What a reader must know before trusting a figure.
    pub warnings: Vec<String>,
}

/// One of several runs.
#[derive(Debug, Serialize)]
pub(crate) struct RunFact {
    /// Its mark in the tables.
    pub letter: String,
    /// When it started.
    pub started: String,
    /// How many of the shown cells it measured.
    pub cells: usize,
    /// The command.
    pub command: String,
    /// The seed.
    pub seed: u64,
    /// Whether it was shortened.
    pub quick: bool,
}

/// The facts of `matrix`, which has a run at least.
pub(crate) fn facts(matrix: &Matrix<'_>) -> Option<Facts> {
    let newest = *matrix.runs.first()?;
    let machine = &newest.machine;
    let finished = matrix.finished(0).unwrap_or(newest.finished_unix_s);
    let mut list = vec![
        ("Processor", format!("{}, {}", machine.cpu, format::count(machine.cores, "core"))),
        ("Memory", format::bytes(machine.memory_bytes)),
        ("Kernel", machine.kernel.clone()),
        ("Compiler", machine.rustc.clone()),
        ("Measured", moment(newest.started_unix_s)),
        ("Took", format::elapsed(finished.saturating_sub(newest.started_unix_s))),
        ("Seed", newest.seed.to_string()),
    ];
    if let Some(revision) = &machine.revision {
        list.push(("Revision", revision.clone()));
    }
    let mut warnings = warnings(&matrix.runs);
    let measured =
        || matrix.rows.iter().flat_map(|row| row.good().map(|(_, good)| good.measurement));
    let controls: Vec<_> = measured().filter_map(Measurement::control).collect();
    if let Some(Controls { words, doubtful }) = Controls::of(&controls) {
        list.push(("A/A", words.clone()));
        if doubtful {
            warnings.push(format!("Differences here are doubtful. A/A, {words}."));
        }
    }
    let noises: Vec<_> = measured().filter_map(|measurement| measurement.noise).collect();
    if let Some((words, busy)) = noise::sum_up(&noises) {
        list.push(("Noise", words));
        if busy {
            warnings.push(
                "The machine was busy with other things: rely on ratios rather than times."
                    .to_owned(),
            );
        }
    }
    let several = matrix.runs.len() > 1;
    let runs = matrix.runs.iter().enumerate().filter(|_| several).map(|(i, run)| RunFact {
        letter: run_letter(i),
        started: moment(run.started_unix_s),
        cells: matrix.cells().filter(|cell| cell.run == i).count(),
        command: run.command.clone(),
        seed: run.seed,
        quick: run.quick,
    });
    Some(Facts {
        list,
        command: newest.command.clone(),
        packages: machine
            .packages
            .iter()
            .map(|(name, version)| (name.clone(), version.clone()))
            .collect(),
        runs: runs.collect(),
        warnings,
    })
}

fn warnings(runs: &[&Run]) -> Vec<String> {
    let mut warnings = Vec::new();
    match runs.iter().filter(|run| run.quick).count() {
        0 => {}
        all if all == runs.len() => warnings.push(
            "This is a quick run: few samples per cell. It shows that everything works and \
             roughly where things stand; \
             do not quote its figures."
                .to_owned(),
        ),
        some => warnings.push(format!(
            "{} of {} were quick runs: cells from them rest on few samples.",
            some,
            format::count(runs.len(), "run")
        )),
    }
    let Some((first, others)) = runs.split_first() else { return warnings };
    type Part = fn(&Machine) -> String;
    let differing =
        |part: Part| others.iter().any(|run| part(&run.machine) != part(&first.machine));
    let parts: [(&str, Part); 5] = [
        ("machines", |m| format!("{} {} {}", m.cpu, m.cores, m.memory_bytes)),
        ("kernels", |m| m.kernel.clone()),
        ("compilers", |m| m.rustc.clone()),
        ("revisions of this repository", |m| m.revision.clone().unwrap_or_default()),
        ("package versions", |m| format!("{:?}", m.packages)),
    ];
    let different: Vec<String> = parts
        .into_iter()
        .filter(|(_, part)| differing(*part))
        .map(|(name, _)| name.to_owned())
        .collect();
    if !different.is_empty() {
        warnings.push(format!(
            "The cells come from different {}: compare only cells of the same run.",
            format::list(&different)
        ));
    }
    warnings
}
