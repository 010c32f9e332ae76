//! The harness's side of the protocol: starts a contestant, asks it, and ends it when it falls
//! silent.

use std::collections::{BTreeMap, VecDeque};
use std::fs;
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use serde::Deserialize;

use crate::protocol::{
    Checked, Counters, Description, FailureKind, MAX_LINE_BYTES, Message, Request, Sample, Start,
    VERSION, is_name,
};

/// Lines of a contestant's standard error that are kept for the reason of a failure.
const KEPT_LINES: usize = 200;

/// As much of a line that is no message as is shown.
const SHOWN_BYTES: usize = 200;

/// Signals that a terminal sends to the harness and its children alike.
const FROM_TERMINAL: [i32; 2] = [2, 15];

/// A contestant that has been started and has said who it is. It is killed when this is dropped.
#[derive(Debug)]
pub struct Client {
    child: Child,
    /// `None` once ended.
    requests: Option<ChildStdin>,
    lines: Receiver<Line>,
    printed: Printed,
    deadline: Duration,
    description: Description,
}

/// Why a contestant gave no answer that counts.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ClientError {
    /// The program did not start.
    #[error("cannot start {}", program.display())]
    Start {
        /// The program.
        program: PathBuf,
        /// The system's answer.
        source: io::Error,
    },
    /// A signal from the terminal ended it: nothing is known then.
    #[error("interrupted")]
    Interrupted,
    /// It ended without an answer.
    #[error("the contestant's process died in {during}: {status}{}", words(.last_words.as_deref()))]
    Died {
        /// What it was asked for.
        during: String,
        /// How it ended.
        status: ExitStatus,
        /// What it printed last.
        last_words: Option<String>,
    },
    /// It was silent for too long, and has been killed.
    #[error("hung in {during}: silent for {} s; threads: {threads}{}", silent.as_secs_f64(), words(.last_words.as_deref()))]
    Hung {
        /// What it was asked for.
        during: String,
        /// For how long.
        silent: Duration,
        /// Name and state of each of its threads.
        threads: String,
        /// What it printed last.
        last_words: Option<String>,
    },
    /// It printed something that is no message.
    #[error("the contestant printed in {during} what is no message of the protocol: {line}")]
    Junk {
        /// What it was asked for.
        during: String,
        /// What it printed, shortened.
        line: String,
    },
    /// It speaks another version.
    #[error(
        "the contestant speaks version {theirs} of the protocol, this harness speaks {VERSION}"
    )]
    Version {
        /// Its version.
        theirs: u64,
    },
    /// Its description makes no sense.
    #[error("the contestant's description is wrong: {0}")]
    Description(String),
    /// It answered something else than what it was asked.
    #[error("the contestant answered {during} with a message of another kind: {got}")]
    Unexpected {
        /// What it was asked for.
        during: String,
        /// What it answered, shortened.
        got: String,
    },
    /// It understood, and something went wrong.
    #[error("{reason}")]
    Failed {
        /// In which way.
        kind: FailureKind,
        /// What happened.
        reason: String,
    },
    /// It says that the request makes no sense.
    #[error("the contestant refused {during}: {reason}")]
    Refused {
        /// What it was asked for.
        during: String,
        /// Why.
        reason: String,
    },
    /// The system refused something.
    #[error("cannot talk to the contestant")]
    System(#[from] io::Error),
}

fn words(words: Option<&str>) -> String {
    words.map_or_else(String::new, |words| format!("; last words: {words}"))
}

/// The end of a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stopped {
    /// The final counters by name.
    pub counters: BTreeMap<String, u64>,
    /// Which law of conservation they break.
    pub broken_law: Option<String>,
}

impl Client {
    /// Starts `program` and asks who it is. It may then be silent for `deadline` with each request.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn launch(program: &Path, deadline: Duration) -> Result<Self, ClientError> {
        let mut child = Command::new(program)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .map_err(|source| ClientError::Start { program: program.to_owned(), source })?;
        let (requests, lines, printed) =
            (child.stdin.take(), listen(&mut child), Printed::of(&mut child));
        let description = Description {
            protocol: VERSION,
            runtimes: Vec::new(),
            workloads: Vec::new(),
            build: nothing_known(),
        };
        let mut client = Self { child, requests, lines, printed, deadline, description };
        client.description = client.describe()?;
        Ok(client)
    }

    /// What the contestant says of itself.
    pub fn description(&self) -> &Description {
        &self.description
    }

    /// Its process.
    pub fn process(&self) -> &Child {
        &self.child
    }

    /// How long it may be silent from now on.
    pub fn set_deadline(&mut self, deadline: Duration) {
        self.deadline = deadline;
    }

    /// Starts a runtime for a workload.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn start(&mut self, start: Start) -> Result<(), ClientError> {
        match self.ask(&Request::Start(start), "start-up", &mut |_| {})? {
            Message::Started => Ok(()),
            other => Err(unexpected("start-up", &other)),
        }
    }

    /// Runs the workload; `during` says in which phase, for errors.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn run(
        &mut self,
        iterations: u64,
        counted: bool,
        during: &str,
    ) -> Result<Sample, ClientError> {
        match self.ask(&Request::Run { iterations, counted }, during, &mut |_| {})? {
            Message::Sample(sample) => Ok(sample),
            other => Err(unexpected(during, &other)),
        }
    }

    /// What the workload measures once beside its samples.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn figures(&mut self) -> Result<BTreeMap<String, f64>, ClientError> {
        match self.ask(&Request::Figures, "its figures", &mut |_| {})? {
            Message::Figures { figures } => Ok(figures),
            other => Err(unexpected("its figures", &other)),
        }
    }

    /// What the counters read.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn counters(&mut self) -> Result<Counters, ClientError> {
        match self.ask(&Request::Counters, "its counters", &mut |_| {})? {
            Message::Counters { counters } => Ok(counters),
            other => Err(unexpected("its counters", &other)),
        }
    }

    /// Stops the runtime.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn shutdown(&mut self) -> Result<Stopped, ClientError> {
        match self.ask(&Request::Shutdown, "shutdown", &mut |_| {})? {
            Message::Stopped { counters, broken_law } => Ok(Stopped { counters, broken_law }),
            other => Err(unexpected("shutdown", &other)),
        }
    }

    /// The names of all behaviours that can be checked on `runtime`.
    ///
    /// # Errors
    /// [`ClientError`].
    pub fn behaviours(&mut self, runtime: &str) -> Result<Vec<String>, ClientError> {
        let request = Request::Behaviours { runtime: runtime.to_owned() };
        match self.ask(&request, "conformance", &mut |_| {})? {
            Message::Behaviours { names } => Ok(names),
            other => Err(unexpected("conformance", &other)),
        }
    }

    /// Checks `behaviours` of `runtime`, all when there are none. `event` hears what is being
    /// checked and what has been.
    ///
    /// # Errors
    /// [`ClientError`]; a behaviour that hangs in the contestant ends the session.
    pub fn conform(
        &mut self,
        runtime: &str,
        behaviours: &[String],
        event: &mut dyn FnMut(Checking<'_>),
    ) -> Result<(), ClientError> {
        let request =
            Request::Conform { runtime: runtime.to_owned(), behaviours: behaviours.to_owned() };
        let mut hear = |message: &Message| match message {
            Message::Checking { name } => event(Checking::Begun(name)),
            Message::Checked(checked) => event(Checking::Done(checked)),
            _ => {}
        };
        match self.ask(&request, "conformance", &mut hear)? {
            Message::Conformance { .. } => Ok(()),
            other => Err(unexpected("conformance", &other)),
        }
    }

    /// Ends the contestant and returns the last lines that it printed.
    ///
    /// # Errors
    /// When the system refuses to wait for it.
    pub fn end(mut self) -> Result<Vec<String>, ClientError> {
        self.requests = None;
        // It ends by itself now, and need not be given the time to.
        let _ = self.child.kill();
        self.child.wait()?;
        Ok(self.printed.all())
    }

    /// The last lines that it printed so far.
    pub fn printed(&self) -> Vec<String> {
        self.printed.so_far()
    }

    fn describe(&mut self) -> Result<Description, ClientError> {
        let during = "its description";
        let answer = self.ask(&Request::Describe { protocol: VERSION }, during, &mut |_| {});
        let description = match answer? {
            Message::Description(description) => description,
            other => return Err(unexpected(during, &other)),
        };
        if description.protocol != VERSION {
            return Err(ClientError::Version { theirs: description.protocol.into() });
        }
        check(&description).map_err(ClientError::Description)?;
        Ok(description)
    }

    fn ask(
        &mut self,
        request: &Request,
        during: &str,
        event: &mut dyn FnMut(&Message),
    ) -> Result<Message, ClientError> {
        self.send(request)?;
        loop {
            match self.lines.recv_timeout(self.deadline) {
                Ok(Line::Message(message)) if !message.is_reply() => event(&message),
                Ok(Line::Message(message)) => return outcome(*message, during),
                Ok(Line::Junk(line)) => return Err(junk(line, during)),
                Err(RecvTimeoutError::Disconnected) => return Err(self.died(during)),
                Err(RecvTimeoutError::Timeout) => return Err(self.hung(during)),
            }
        }
    }

    /// A contestant that no longer reads is told about by its end, not by this pipe.
    fn send(&mut self, request: &Request) -> Result<(), ClientError> {
        let mut line = serde_json::to_vec(request).map_err(io::Error::from)?;
        line.push(b'\n');
        if let Some(requests) = &mut self.requests {
            let _ = requests.write_all(&line);
        }
        Ok(())
    }

    fn died(&mut self, during: &str) -> ClientError {
        // It may have closed its output without ending.
        let ended = self.wait_for_its_end();
        let status = match ended {
            Ok(status) => status,
            Err(error) => return error.into(),
        };
        if status.signal().is_some_and(|signal| FROM_TERMINAL.contains(&signal)) {
            return ClientError::Interrupted;
        }
        self.printed.all();
        ClientError::Died {
            during: during.to_owned(),
            status,
            last_words: self.printed.last_words(),
        }
    }

    fn wait_for_its_end(&mut self) -> io::Result<ExitStatus> {
        let began = Instant::now();
        while began.elapsed() < self.deadline {
            if let Some(status) = self.child.try_wait()? {
                return Ok(status);
            }
            thread::sleep(Duration::from_millis(2));
        }
        self.child.kill()?;
        self.child.wait()
    }

    fn hung(&mut self, during: &str) -> ClientError {
        let threads = threads_of(self.child.id());
        // It cannot have ended: its standard output is still open.
        let _ = self.child.kill();
        let (during, silent) = (during.to_owned(), self.deadline);
        ClientError::Hung { during, silent, threads, last_words: self.printed.last_words() }
    }
}

impl Drop for Client {
    fn drop(&mut self) {
        // Both fail only when it has ended and been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What is heard while behaviours are checked.
#[derive(Clone, Copy, Debug)]
pub enum Checking<'a> {
    /// This one is being checked.
    Begun(&'a str),
    /// This one has been.
    Done(&'a Checked),
}

fn nothing_known() -> crate::protocol::Build {
    crate::protocol::Build { compiler: String::new(), optimised: false, suite: None }
}

fn outcome(message: Message, during: &str) -> Result<Message, ClientError> {
    match message {
        Message::Failed { kind, reason } => Err(ClientError::Failed { kind, reason }),
        Message::Refused { reason } => {
            Err(ClientError::Refused { during: during.to_owned(), reason })
        }
        reply => Ok(reply),
    }
}

fn unexpected(during: &str, got: &Message) -> ClientError {
    ClientError::Unexpected { during: during.to_owned(), got: shortened(&format!("{got:?}")) }
}

/// A description of another version need not have today's shape.
fn junk(line: String, during: &str) -> ClientError {
    #[derive(Deserialize)]
    struct Versioned {
        protocol: u64,
    }
    match serde_json::from_str(&line) {
        Ok(Versioned { protocol }) if protocol != u64::from(VERSION) => {
            ClientError::Version { theirs: protocol }
        }
        _ => ClientError::Junk { during: during.to_owned(), line: shortened(&line) },
    }
}

fn shortened(text: &str) -> String {
    let mut end = text.len().min(SHOWN_BYTES);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    if end < text.len() { format!("{}…", &text[..end]) } else { text.to_owned() }
}

fn check(description: &Description) -> Result<(), String> {
    let names: Vec<_> = description.runtimes.iter().map(|runtime| runtime.name.as_str()).collect();
    if names.is_empty() {
        return Err("it has no runtime".to_owned());
    }
    for (index, name) in names.iter().enumerate() {
        if !is_name(name) {
            return Err(format!("`{name}` is not 1 to 64 lower-case letters, digits and hyphens"));
        }
        if names[..index].contains(name) {
            return Err(format!("it has two runtimes called `{name}`"));
        }
    }
    Ok(())
}

/// A line of the contestant's standard output.
#[derive(Debug)]
enum Line {
    Message(Box<Message>),
    Junk(String),
}

/// Receives the contestant's lines; disconnected when its standard output closes.
fn listen(child: &mut Child) -> Receiver<Line> {
    let (sender, receiver) = mpsc::channel();
    if let Some(stdout) = child.stdout.take() {
        thread::spawn(move || {
            let lines = lines(stdout).map(|line| match serde_json::from_str(&line) {
                Ok(message) => Line::Message(Box::new(message)),
                Err(_) => Line::Junk(line),
            });
            // The receiver is gone once the contestant has been given up.
            let _ = lines.map(|line| sender.send(line)).find(Result::is_err);
        });
    }
    receiver
}

/// Lines until the end of the stream, whatever their encoding. One that is too long comes in
/// pieces.
fn lines(stream: impl Read) -> impl Iterator<Item = String> {
    let mut stream = BufReader::new(stream);
    let limit = u64::try_from(MAX_LINE_BYTES).unwrap_or(u64::MAX);
    std::iter::from_fn(move || {
        let mut line = Vec::new();
        let read = stream.by_ref().take(limit).read_until(b'\n', &mut line).ok()?;
        let text = || String::from_utf8_lossy(&line).trim_end_matches(['\n', '\r']).to_owned();
        (read > 0).then(text)
    })
}

/// The last lines that a contestant prints, read as they come, so that it never waits for a full
/// pipe.
#[derive(Debug)]
struct Printed {
    lines: Arc<Mutex<VecDeque<String>>>,
    reader: Option<JoinHandle<()>>,
}

impl Printed {
    fn of(child: &mut Child) -> Self {
        let kept = Arc::new(Mutex::new(VecDeque::with_capacity(KEPT_LINES)));
        let reader = child.stderr.take().map(|stderr| {
            let kept = Arc::clone(&kept);
            thread::spawn(move || {
                for line in lines(stderr) {
                    let mut kept = kept.lock().unwrap_or_else(PoisonError::into_inner);
                    if kept.len() == KEPT_LINES {
                        kept.pop_front();
                    }
                    kept.push_back(line);
                }
            })
        });
        Self { lines: kept, reader }
    }

    fn so_far(&self) -> Vec<String> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner).iter().cloned().collect()
    }

    /// Everything, once the process has ended.
    fn all(&mut self) -> Vec<String> {
        if let Some(reader) = self.reader.take() {
            let _ = reader.join();
        }
        self.so_far()
    }

    /// The last line that says something.
    fn last_words(&self) -> Option<String> {
        let lines = self.so_far();
        let mut lines = lines.iter().rev().map(|line| line.trim());
        lines.find(|line| !line.is_empty() && !line.starts_with("note:")).map(str::to_owned)
    }
}

/// Name and state of each thread: tells a deadlock (all sleep) from a livelock (some run).
fn threads_of(pid: u32) -> String {
    let Ok(tasks) = fs::read_dir(format!("/proc/{pid}/task")) else { return "unknown".to_owned() };
    let mut threads: Vec<_> =
        tasks.flatten().filter_map(|task| describe_thread(&task.path())).collect();
    threads.sort();
    threads.join(", ")
}

fn describe_thread(task: &Path) -> Option<String> {
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
