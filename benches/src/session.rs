//! One `cargo bench`: its name, seed and start, which all of its harnesses must agree on.
//!
//! Cargo runs the harnesses as separate processes and tells them nothing of each other. What they
//! share is Cargo itself as their parent, so its process id and start time make the run's identity.

use std::ffi::OsString;
use std::fs;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::process;
use std::time::{SystemTime, UNIX_EPOCH};

use results::schema::{Machine, Run};
use results::text::visible;

use crate::machine;

/// The identity of a run, and what its records have in common.
#[derive(Clone, Debug)]
pub struct Session {
    /// Unique name of the run.
    pub id: String,
    /// The seed of everything random in it.
    pub seed: u64,
    /// Whether it is a short one.
    pub quick: bool,
    /// The command that repeats it.
    pub command: String,
    started_unix_s: u64,
    machine: Machine,
}

impl Session {
    /// The session that this process belongs to. `seed` and `arguments` are the user's; without a
    /// seed every run draws another one.
    pub fn current(seed: Option<u64>, quick: bool, arguments: &[OsString], peers: &[&str]) -> Self {
        let identity = Identity::of_run();
        let seed = seed.unwrap_or_else(|| identity.seed());
        Self {
            id: format!("{:016x}", identity.hash()),
            seed,
            quick,
            command: visible(&command_line(arguments, seed)),
            started_unix_s: now_unix_s(),
            machine: machine::facts(peers),
        }
    }

    /// The part of a record that says where it comes from, for a cell that is finished now.
    pub fn stamp(&self) -> Run {
        Run {
            id: self.id.clone(),
            started_unix_s: self.started_unix_s,
            finished_unix_s: now_unix_s(),
            command: self.command.clone(),
            seed: self.seed,
            quick: self.quick,
            machine: self.machine.clone(),
        }
    }
}

pub(crate) fn now_unix_s() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

/// What tells one run from every other on this machine.
#[derive(Hash)]
struct Identity {
    boot: String,
    pid: u32,
    start_ticks: String,
}

impl Identity {
    fn of_run() -> Self {
        let own = process::id();
        // Only Cargo runs several harnesses; under a shell each is a run of its own.
        let parent = std::os::unix::process::parent_id();
        let name = fs::read_to_string(format!("/proc/{parent}/comm")).unwrap_or_default();
        let pid = if name.trim() == "cargo" { parent } else { own };
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
        let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
        Self { boot, pid, start_ticks: start_ticks(&stat).unwrap_or_default().to_owned() }
    }

    fn hash(&self) -> u64 {
        let mut hasher = DefaultHasher::new();
        Hash::hash(self, &mut hasher);
        hasher.finish()
    }

    /// Short enough to be typed again.
    fn seed(&self) -> u64 {
        self.hash() % 1_000_000
    }
}

/// Field 22 of `/proc/PID/stat`, counted after the name, which may hold spaces.
fn start_ticks(stat: &str) -> Option<&str> {
    stat.rsplit_once(')')?.1.split_whitespace().nth(19)
}

/// `cargo bench -- …` with the seed that was drawn, fit for a shell.
fn command_line(arguments: &[OsString], seed: u64) -> String {
    let mut line = String::from("cargo bench --");
    let arguments: Vec<_> = arguments.iter().map(|argument| argument.to_string_lossy()).collect();
    for argument in arguments.iter().filter(|argument| *argument != "--bench") {
        line.push(' ');
        line.push_str(&quoted(argument));
    }
    if !arguments.iter().any(|argument| argument == "--seed" || argument.starts_with("--seed=")) {
        line.push_str(&format!(" --seed {seed}"));
    }
    line
}

/// In single quotes where a shell would read more into it than we do.
pub(crate) fn quoted(argument: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./=,:+%@".contains(c);
    if !argument.is_empty() && argument.chars().all(plain) {
        return argument.to_owned();
    }
    format!("'{}'", argument.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(arguments: &[&str]) -> Vec<OsString> {
        arguments.iter().map(OsString::from).collect()
    }

    #[test]
    fn the_command_repeats_the_run() {
        let line = |arguments: &[&str]| command_line(&owned(arguments), 7);
        assert_eq!(line(&["--bench"]), "cargo bench -- --seed 7");
        assert_eq!(
            line(&["--seed=9", "ping_pong", "--bench"]),
            "cargo bench -- --seed=9 ping_pong"
        );
        assert_eq!(
            line(&["ring|fib's", "--seed", "9"]),
            r"cargo bench -- 'ring|fib'\''s' --seed 9"
        );
    }

    #[test]
    fn the_identity_is_stable_within_a_process_and_reads_its_start() {
        assert_eq!(Identity::of_run().hash(), Identity::of_run().hash());
        assert!(Identity::of_run().start_ticks.parse::<u64>().is_ok());
        let stat = "1 (a ) b) S 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20 21 424242 23";
        assert_eq!(start_ticks(stat), Some("424242"));
    }

    #[test]
    fn a_seed_that_is_given_is_kept() {
        let session = Session::current(Some(7), true, &owned(&["--quick"]), &[]);
        assert_eq!(session.stamp().seed, 7);
        assert!(session.stamp().quick);
        assert_eq!(session.stamp().id, session.id);
    }
}
