//! Where a long run stands: a line that is rewritten on a terminal, plain lines elsewhere.

use results::format;
use std::io::{self, IsTerminal};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use crate::say::{note, say};

/// Tells the user which step of how many is running and how long the rest will take.
#[derive(Debug)]
pub struct Progress {
    bar: Option<ProgressBar>,
    estimate: Estimate,
    /// Whether lines go to standard error: what is reported is no result of the command.
    on_stderr: bool,
}

impl Progress {
    /// `total` steps, each expected to take `planned` until experience says otherwise.
    pub fn new(total: usize, planned: Duration) -> Self {
        let estimate = Estimate { total, done: 0, planned, began: Instant::now() };
        Self { bar: io::stderr().is_terminal().then(bar), estimate, on_stderr: false }
    }

    /// The same with all lines on standard error.
    pub fn on_stderr(total: usize, planned: Duration) -> Self {
        let mut progress = Self::new(total, planned);
        progress.on_stderr = true;
        progress
    }

    /// Shows a line on standard error that is about no step.
    pub fn note(&self, line: &str) {
        match &self.bar {
            Some(bar) => bar.suspend(|| note!("{line}")),
            None => note!("{line}"),
        }
    }

    /// Announces a step. Nothing is shown off a terminal, where only finished steps make lines.
    pub fn begin(&self, step: &str) {
        if let Some(bar) = &self.bar {
            let estimate = &self.estimate;
            bar.set_message(format!(
                "{} {step} — {}",
                estimate.place(estimate.done + 1),
                estimate.left()
            ));
            bar.tick();
        }
    }

    /// Reports a step's end on standard output: on a terminal `line` alone, elsewhere with the
    /// place and the time left. Styles in it are dropped where they would not show.
    pub fn finish(&mut self, line: &str) {
        self.estimate.done += 1;
        match &self.bar {
            Some(bar) => bar.suspend(|| self.print(line)),
            None => self.print_with_place(line),
        }
    }

    /// Reports the end of a step that is only a part of something. A terminal shows such steps as
    /// they run; elsewhere a line is the only sign of life.
    pub fn pass(&mut self, line: &str) {
        self.estimate.done += 1;
        if self.bar.is_none() {
            self.print_with_place(line);
        }
    }

    /// Passes over a step that is not run.
    pub fn skip(&mut self) {
        self.estimate.done += 1;
    }

    /// Ends a step that makes no line of its own.
    pub fn advance(&mut self) {
        self.estimate.done += 1;
    }

    /// So many steps are left: not as many as was thought, or more.
    pub fn expect(&mut self, left: usize) {
        self.estimate.total = self.estimate.done + left;
    }

    /// Says on standard error how far everything is. Nothing is shown on a terminal, where the line
    /// that is rewritten tells.
    pub fn report(&self, line: &str) {
        if self.bar.is_none() {
            note!("{line} — {}", self.estimate.left());
        }
    }

    fn print_with_place(&self, line: &str) {
        let estimate = &self.estimate;
        if estimate.done < estimate.total {
            self.print(&format!("{} {line} — {}", estimate.place(estimate.done), estimate.left()));
        } else {
            self.print(&format!("{} {line}", estimate.place(estimate.done)));
        }
    }

    fn print(&self, line: &str) {
        if self.on_stderr {
            note!("{line}");
        } else {
            say!("{line}");
        }
    }

    /// How long it has taken so far.
    pub fn elapsed(&self) -> Duration {
        self.estimate.began.elapsed()
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
    }
}

fn bar() -> ProgressBar {
    let bar = ProgressBar::new_spinner();
    bar.set_draw_target(ProgressDrawTarget::stderr());
    // The template is a constant without fields that could be unknown.
    bar.set_style(
        ProgressStyle::with_template("{wide_msg}")
            .unwrap_or_else(|_| ProgressStyle::default_spinner()),
    );
    bar
}

#[derive(Debug)]
struct Estimate {
    total: usize,
    done: usize,
    planned: Duration,
    began: Instant,
}

impl Estimate {
    /// `[ 37/216]`
    fn place(&self, step: usize) -> String {
        let width = self.total.to_string().len();
        format!("[{step:width$}/{}]", self.total)
    }

    fn left(&self) -> String {
        format!("about {} left", format::about(self.left_s(self.began.elapsed())))
    }

    /// The plan counts as one finished step, so that the first step's own time does not rule alone.
    fn left_s(&self, elapsed: Duration) -> f64 {
        let per_step = (elapsed + self.planned).as_secs_f64() / (self.done + 1) as f64;
        per_step * (self.total - self.done.min(self.total)) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(done: usize) -> Estimate {
        Estimate { total: 216, done, planned: Duration::from_secs(2), began: Instant::now() }
    }

    #[test]
    fn places_are_aligned() {
        assert_eq!(estimate(0).place(7), "[  7/216]");
        assert_eq!(estimate(0).place(216), "[216/216]");
    }

    #[test]
    fn the_plan_rules_first_and_experience_later() {
        assert_eq!(estimate(0).left_s(Duration::ZERO), 432.0);
        let later = estimate(107).left_s(Duration::from_secs(106));
        assert_eq!(later, 109.0);
        assert_eq!(estimate(216).left_s(Duration::from_secs(9)), 0.0);
    }
}
