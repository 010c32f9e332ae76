//! The parent's side: starts a child, listens, and ends it when it falls silent.

use std::collections::VecDeque;
use std::ffi::OsString;
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use results::schema::Outcome;

use super::{Message, Phase, Request, SUBCOMMAND};
use crate::interrupt::Interrupt;

/// Lines of a child's standard error that are kept for the reason of a failure.
const KEPT_LINES: usize = 200;

/// Starts child processes.
#[derive(Clone, Debug)]
pub struct Launcher {
    /// The program whose standard streams speak the protocol.
    pub program: PathBuf,
    /// Its arguments: our subcommand, then criterion's flags.
    pub arguments: Vec<OsString>,
    /// Where criterion keeps its files.
    pub criterion_home: PathBuf,
    /// A child that is silent for so long is taken for hung and killed.
    pub deadline: Duration,
    /// What ends a child early.
    pub interrupt: Interrupt,
}

/// A child that has ended.
#[derive(Clone, Debug)]
pub struct Finished {
    /// What came of the cell.
    pub outcome: Outcome,
    /// The last lines that the child printed, criterion's among them.
    pub printed: Vec<String>,
    /// From start to end of the process.
    pub elapsed: Duration,
    /// Whether a signal from the terminal ended it: nothing is known about the cell then.
    pub interrupted: bool,
}

/// Why no child could be run.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum LaunchError {
    /// The program did not start.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// The system refused to wait for it.
    #[error("cannot wait for a cell's process")]
    Wait(#[source] io::Error),
}

impl Launcher {
    /// Children of the command-line tool `program`, with `flags` for criterion.
    pub fn new(program: PathBuf, flags: &[String], criterion_home: PathBuf, deadline: Duration) -> Self {
        let arguments = std::iter::once(SUBCOMMAND).chain(flags.iter().map(String::as_str)).map(OsString::from);
        let interrupt = Interrupt::default();
        Self { program, arguments: arguments.collect(), criterion_home, deadline, interrupt }
    }

    /// Runs a cell in a child process and waits for its end.
    ///
    /// # Errors
    /// [`LaunchError`] when there is no child. A child that crashes or hangs is a failed outcome.
    pub fn run(&self, request: &Request) -> Result<Finished, LaunchError> {
        let began = Instant::now();
        let mut child = self.start(request)?;
        self.interrupt.attend(&child);
        let messages = listen(&mut child);
        let printed = keep_output(&mut child);
        let heard = self.await_answer(&mut child, &messages);
        let status = child.wait().map_err(LaunchError::Wait)?;
        self.interrupt.release();
        let printed = printed.and_then(|thread| thread.join().ok()).unwrap_or_default();
        let ended_by_signal = matches!(status.signal(), Some(SIGINT | SIGTERM)) || self.interrupt.came();
        let interrupted = heard.outcome.is_none() && ended_by_signal;
        let outcome = heard.outcome.unwrap_or_else(|| Outcome::Failed { reason: died(status, heard.phase, &printed) });
        Ok(Finished { outcome: outcome.readable(), printed, elapsed: began.elapsed(), interrupted })
    }

    fn start(&self, request: &Request) -> Result<Child, LaunchError> {
        let error = |source| LaunchError::Start { program: self.program.clone(), source };
        let text = serde_json::to_vec(request).map_err(|e| error(e.into()))?;
        let mut child = Command::new(&self.program)
            .args(&self.arguments)
            .env("CRITERION_HOME", &self.criterion_home)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(error)?;
        if let Some(mut stdin) = child.stdin.take() {
            // A child that dies before it reads is told about by its status, not by this pipe.
            let _ = stdin.write_all(&text);
        }
        Ok(child)
    }

    fn await_answer(&self, child: &mut Child, messages: &Receiver<Message>) -> Heard {
        let mut heard = Heard { phase: Phase::Start, outcome: None };
        loop {
            match messages.recv_timeout(self.deadline) {
                Ok(Message::Phase(phase)) => heard.phase = phase,
                Ok(Message::Alive) => {}
                Ok(Message::Done(outcome)) => heard.outcome = Some(*outcome),
                Err(RecvTimeoutError::Disconnected) => return heard,
                Err(RecvTimeoutError::Timeout) => {
                    let seconds = self.deadline.as_secs_f64();
                    let threads = threads_of(child.id());
                    let reason = format!("hung in {}: silent for {seconds} s; threads: {threads}", heard.phase);
                    heard.outcome = Some(Outcome::Failed { reason });
                    // It cannot have ended: its standard output is still open.
                    let _ = child.kill();
                    return heard;
                }
            }
        }
    }
}

/// Collects the last lines that the child prints, so that it never waits for a full pipe.
fn keep_output(child: &mut Child) -> Option<JoinHandle<Vec<String>>> {
    let stderr = child.stderr.take()?;
    Some(thread::spawn(move || {
        let mut kept = VecDeque::with_capacity(KEPT_LINES);
        for line in lines(stderr) {
            if kept.len() == KEPT_LINES {
                kept.pop_front();
            }
            kept.push_back(line);
        }
        kept.into()
    }))
}

const SIGINT: i32 = rustix::process::Signal::INT.as_raw();
const SIGTERM: i32 = rustix::process::Signal::TERM.as_raw();

/// What a child has said.
struct Heard {
    phase: Phase,
    outcome: Option<Outcome>,
}

/// Receives the child's messages; disconnected when its standard output closes. Lines that are no
/// messages are passed over: nobody but the child's own protocol writes there.
fn listen(child: &mut Child) -> Receiver<Message> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let messages = lines(stdout).filter_map(|line| serde_json::from_str(&line).ok());
            // The receiver is gone once the child has been given up.
            let _ = messages.map(|message| sender.send(message)).find(Result::is_err);
        });
    }
    receiver
}

/// Lines until the end of the stream, whatever their encoding.
fn lines(stream: impl Read) -> impl Iterator<Item = String> {
    BufReader::new(stream)
        .split(b'\n')
        .map_while(Result::ok)
        .map(|line| String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

/// Why a child that gave no answer ended, with its last words.
fn died(status: ExitStatus, phase: Phase, printed: &[String]) -> String {
    let mut reason = format!("the cell's process died in {phase}: {status}");
    let last = printed.iter().rev().map(|line| line.trim()).find(|line| !line.is_empty() && !line.starts_with("note:"));
    if let Some(last) = last {
        reason.push_str("; last words: ");
        reason.push_str(last);
    }
    reason
}

/// Name and state of each thread: tells a deadlock (all sleep) from a livelock (some run).
fn threads_of(pid: u32) -> String {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return "unknown".to_owned() };
    let mut threads: Vec<_> = tasks.flatten().filter_map(|task| describe_thread(&task.path())).collect();
    threads.sort();
    threads.join(", ")
}

fn describe_thread(task: &std::path::Path) -> Option<String> {
    let stat = fs::read_to_string(task.join("stat")).ok()?;
    // The name stands in parentheses and may itself hold any character.
    let (name, rest) = (stat.split_once('(')?.1).rsplit_once(") ")?;
    let state = match rest.chars().next()? {
        'R' => "running",
        'S' => "asleep",
        'D' => "in the kernel",
        _ => "stopped",
    };
    Some(format!("{name} {state}"))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::cell::Task;

    /// A child that runs a shell script in place of the command-line tool.
    fn script(text: &str, deadline_ms: u64) -> Finished {
        let launcher = Launcher {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), text.into()],
            criterion_home: "/nonexistent".into(),
            deadline: Duration::from_millis(deadline_ms),
            interrupt: Interrupt::default(),
        };
        launcher.run(&request()).expect("the script starts")
    }

    fn request() -> Request {
        let (workload, runtime) = ("ping_pong".to_owned(), "local".to_owned());
        Request { workload, runtime, workers: 1, params: BTreeMap::new(), task: Task::Verify }
    }

    fn reason(finished: &Finished) -> &str {
        match &finished.outcome {
            Outcome::Failed { reason } => reason,
            other => panic!("must have failed: {other:?}"),
        }
    }

    #[test]
    fn an_answer_is_passed_on_and_other_lines_are_not_mistaken_for_one() {
        let done = r#"{"done":{"status":"void","reason":"test"}}"#;
        let finished = script(&format!("echo noise; echo '{done}'; echo aside >&2"), 60_000);
        assert_eq!(finished.outcome, Outcome::Void { reason: "test".to_owned() });
        assert_eq!(finished.printed, ["aside"]);
        assert!(!finished.interrupted);
    }

    #[test]
    fn a_crash_is_a_failure_with_phase_signal_and_last_words() {
        let finished = script(r#"echo '{"phase":"sampling"}'; echo 'queue is corrupt' >&2; kill -ABRT $$"#, 60_000);
        let reason = reason(&finished);
        assert!(reason.contains("died in sampling"), "{reason}");
        assert!(reason.contains("SIGABRT"), "{reason}");
        assert!(reason.ends_with("last words: queue is corrupt"), "{reason}");
    }

    #[test]
    fn last_words_cannot_deceive_whoever_reads_them() {
        let finished = script(r"printf 'gone\033[2J\342\200\256x' >&2; exit 3", 60_000);
        assert!(reason(&finished).ends_with(r"last words: gone\u{1b}[2J\u{202e}x"), "{}", reason(&finished));
    }

    #[test]
    fn silence_is_a_hang_with_phase_and_threads() {
        let finished = script(r#"echo '{"phase":"shutdown"}'; exec sleep 600"#, 300);
        let reason = reason(&finished);
        assert!(reason.contains("hung in shutdown: silent for 0.3 s"), "{reason}");
        assert!(reason.contains("asleep"), "{reason}");
        assert!(finished.elapsed < Duration::from_secs(60));
    }

    #[test]
    fn a_child_killed_from_the_terminal_is_no_result() {
        assert!(script("kill -INT $$", 60_000).interrupted);
    }

    #[test]
    fn an_interruption_ends_a_child_that_is_in_the_middle_of_its_work() {
        let interrupt = Interrupt::default();
        let launcher = Launcher {
            program: "/bin/sh".into(),
            arguments: vec!["-c".into(), r#"echo '{"phase":"sampling"}'; exec sleep 600"#.into()],
            criterion_home: "/nonexistent".into(),
            deadline: Duration::from_secs(60),
            interrupt: interrupt.clone(),
        };
        let child = thread::spawn(move || launcher.run(&request()).expect("the script starts"));
        interrupt.interrupt(SIGTERM);
        // Whether the signal or the child came first: it ends, and is no result.
        let finished = child.join().expect("it ended");
        assert!(finished.interrupted && finished.elapsed < Duration::from_secs(30), "{finished:?}");
        assert_eq!(interrupt.exit_code(), 143);
    }

    #[test]
    fn a_missing_program_is_an_error_that_names_it() {
        let program = PathBuf::from("/nonexistent/stampede");
        let launcher = Launcher::new(program, &[], "/nonexistent".into(), Duration::from_secs(1));
        let error = launcher.run(&request()).expect_err("there is no such program");
        assert!(error.to_string().contains("/nonexistent/stampede"), "{error}");
    }
}
