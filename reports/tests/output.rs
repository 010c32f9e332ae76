//! Where output may go: files, links to files, pipes, devices; and where it may not.

#[path = "../results/tests/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{FileTypeExt, PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::thread;

use results::Store;
use results::output::{Output as Place, replace};
use results::text::chain;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// A directory with one stored result.
fn results() -> tempfile::TempDir {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("results")).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    dir
}

fn command(dir: &Path, out: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_reports"));
    command.arg("--results").arg(dir.join("results")).arg("--out").arg(out);
    command
}

fn render(dir: &Path, out: &Path) -> Output {
    command(dir, out).output().expect("the binary starts")
}

fn stderr(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn a_link_is_followed_and_stays_a_link() {
    let dir = results();
    fs::create_dir(dir.path().join("elsewhere")).expect("created");
    let file = dir.path().join("elsewhere/page.html");
    fs::write(&file, "old").expect("writable");
    fs::set_permissions(&file, fs::Permissions::from_mode(0o640)).expect("it is ours");
    symlink("elsewhere/page.html", dir.path().join("second")).expect("a link");
    symlink("second", dir.path().join("first")).expect("a link");
    let output = render(dir.path(), &dir.path().join("first"));
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(dir.path().join("first").is_symlink() && dir.path().join("second").is_symlink());
    assert!(fs::read_to_string(&file).expect("readable").contains("fib"));
    assert_eq!(fs::metadata(&file).expect("there").permissions().mode() & 0o777, 0o640);
    assert_eq!(
        fs::read_dir(dir.path().join("elsewhere")).expect("readable").count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn a_link_to_nothing_makes_the_file_that_it_names() {
    let dir = results();
    symlink("page.html", dir.path().join("link")).expect("a link");
    assert!(render(dir.path(), &dir.path().join("link")).status.success());
    assert!(dir.path().join("link").is_symlink());
    assert!(dir.path().join("page.html").is_file());
    symlink("round", dir.path().join("round")).expect("a link");
    let output = render(dir.path(), &dir.path().join("round"));
    assert_eq!(output.status.code(), Some(2), "{}", stderr(&output));
}

#[test]
fn a_pipe_is_written_to_and_stays_a_pipe() {
    let dir = results();
    let pipe = dir.path().join("pipe");
    mknodat(CWD, &pipe, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
    let reader = thread::spawn({
        let pipe = pipe.clone();
        move || {
            let mut text = String::new();
            File::open(pipe).expect("readable").read_to_string(&mut text).expect("UTF-8");
            text
        }
    });
    let output = render(dir.path(), &pipe);
    assert!(output.status.success(), "{}", stderr(&output));
    assert!(reader.join().expect("it ended").trim_end().ends_with("</html>"));
    assert!(fs::symlink_metadata(&pipe).expect("there").file_type().is_fifo());
}

#[test]
fn standard_output_can_be_the_page_and_holds_nothing_else() {
    let dir = results();
    for out in ["/dev/stdout", "/proc/self/fd/1", "/dev/fd/1"] {
        let output = render(dir.path(), Path::new(out));
        assert!(output.status.success(), "{out}: {}", stderr(&output));
        let page = String::from_utf8(output.stdout).expect("UTF-8");
        assert!(
            page.starts_with("<!doctype html>") && page.trim_end().ends_with("</html>"),
            "{out}"
        );
    }
    // Sent on to a file, the page follows what is there: the file is not replaced behind our back.
    let file = dir.path().join("all.txt");
    fs::write(&file, "before\n").expect("writable");
    let stdout = File::options().append(true).open(&file).expect("writable");
    let status =
        command(dir.path(), Path::new("/dev/stdout")).stdout(stdout).status().expect("it starts");
    assert!(status.success());
    assert!(fs::read_to_string(&file).expect("readable").starts_with("before\n<!doctype html>"));
}

#[test]
fn a_full_device_is_an_error_and_stays_a_device() {
    let dir = results();
    let output = render(dir.path(), Path::new("/dev/full"));
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "error: cannot write /dev/full: No space left on device (os error 28)\n"
    );
    assert!(fs::metadata("/dev/full").expect("there").file_type().is_char_device());
    assert!(render(dir.path(), Path::new("/dev/null")).status.success());
    assert!(fs::metadata("/dev/null").expect("there").file_type().is_char_device());
}

#[test]
fn what_can_hold_no_output_is_refused_and_left_alone() {
    let dir = results();
    let socket = dir.path().join("socket");
    let _listener = UnixListener::bind(&socket).expect("a socket");
    let nested = format!("{}/", dir.path().join("none").display());
    let file = dir.path().join("file");
    fs::write(&file, "kept").expect("writable");
    for out in [
        dir.path(),
        &socket,
        Path::new(&nested),
        &file.join("page.html"),
        Path::new("/"),
        Path::new(".."),
    ] {
        let output = render(dir.path(), out);
        let text = stderr(&output);
        assert_eq!(output.status.code(), Some(2), "{}: {text}", out.display());
        assert!(text.starts_with("error: cannot ") && text.lines().count() == 1, "{text}");
        assert!(!text.contains("panicked"), "{text}");
    }
    assert!(fs::symlink_metadata(&socket).expect("there").file_type().is_socket());
    assert_eq!(fs::read_to_string(&file).expect("readable"), "kept");
    let error = Place::prepare(dir.path()).expect_err("a directory");
    assert!(chain(&error).ends_with("a directory cannot be written to"), "{}", chain(&error));
    assert!(
        replace(Path::new("/dev/full"), b"x").is_err(),
        "a result is never written to a device"
    );
}

#[test]
fn a_page_that_cannot_be_announced_is_written_and_an_error_says_so() {
    let dir = results();
    let out = dir.path().join("page.html");
    let full = File::options().write(true).open("/dev/full").expect("Linux has it");
    let output =
        command(dir.path(), &out).stdout(full).stderr(Stdio::piped()).output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert_eq!(
        stderr(&output),
        "error: cannot write to standard output: No space left on device (os error 28)\n"
    );
    assert!(out.is_file());
}

#[test]
fn a_reader_that_has_gone_is_no_error() {
    let dir = results();
    for out in [Path::new("/dev/stdout"), &dir.path().join("page.html")] {
        let mut child = command(dir.path(), out)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("starts");
        drop(child.stdout.take());
        let output = child.wait_with_output().expect("it ends");
        assert_eq!(
            (output.status.code(), stderr(&output)),
            (Some(0), String::new()),
            "{}",
            out.display()
        );
    }
    let help = |stdout: Stdio| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_reports"));
        command.arg("--help").stdout(stdout).output().expect("it starts").status.code()
    };
    assert_eq!(
        help(File::options().write(true).open("/dev/full").expect("Linux has it").into()),
        Some(2)
    );
    assert_eq!(help(Stdio::null()), Some(0));
}
