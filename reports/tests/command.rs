//! The command and the function behind it: what they print, write and refuse.

#[path = "../results/tests/common/mod.rs"]
mod common;

use std::fs;
use std::path::Path;
use std::process::{Command, Output};

use reports::RenderError;
use results::Store;

fn reports(arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_reports")).args(arguments).output().expect("the binary starts")
}

fn path(path: &Path) -> &str {
    path.to_str().expect("temporary directories have plain names")
}

#[test]
fn it_renders_stored_results_and_prints_where() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("results")).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    let out = dir.path().join("new/deep/page.html");
    let output = reports(&["--results", path(store.dir()), "--out", path(&out)]);
    assert!(output.status.success(), "{output:?}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), path(&out));
    assert!(fs::read_to_string(&out).expect("written").contains("fib"));
    assert_eq!(
        fs::read_dir(out.parent().expect("a parent")).expect("a directory").count(),
        1,
        "no temporary file stays"
    );
}

#[test]
fn without_results_it_says_what_to_do() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let out = dir.path().join("page.html");
    let output = reports(&["--results", path(&dir.path().join("none")), "--out", path(&out)]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert!(!output.status.success());
    assert!(message.contains("no results") && message.contains("cargo bench"), "{message}");
    assert!(!out.exists());
}

#[test]
fn the_help_has_examples_and_unknown_flags_are_refused() {
    let help = reports(&["--help"]);
    assert!(help.status.success());
    assert!(String::from_utf8_lossy(&help.stdout).contains("Examples:"));
    assert!(!reports(&["--resluts", "x"]).status.success());
}

#[test]
fn unreadable_files_are_listed_on_the_page() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    fs::write(dir.path().join("ring.local.w1.json"), r#"{"version": 99}"#).expect("writable");
    fs::write(dir.path().join("skynet.local.w1.json"), "{").expect("writable");
    let page =
        reports::render(dir.path(), &dir.path().join("index.html")).expect("one file is readable");
    let page = fs::read_to_string(page.path()).expect("written");
    assert!(page.contains("2 stored files could not be read"));
    assert!(
        page.contains("ring.local.w1.json has schema version 99")
            && page.contains("skynet.local.w1.json is damaged")
    );
}

#[test]
fn nothing_readable_is_an_error_that_names_a_file() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("fib.local.w1.json"), "[]").expect("writable");
    let error =
        reports::render(dir.path(), &dir.path().join("index.html")).expect_err("nothing to show");
    assert!(matches!(&error, RenderError::NothingReadable { errors, .. } if errors.len() == 1));
    assert!(error.to_string().contains("fib.local.w1.json"), "{error}");
}

#[test]
fn results_of_an_earlier_build_are_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    fs::write(dir.path().join("fib.local.w1.json"), r#"{"version": 2}"#).expect("writable");
    let output =
        reports(&["--results", path(dir.path()), "--out", path(&dir.path().join("page.html"))]);
    let message = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(2));
    assert!(
        message.contains("fib.local.w1.json has schema version 2, this build reads only 3"),
        "{message}"
    );
    assert!(message.contains("measure again with `cargo bench`"), "{message}");
}

#[test]
fn a_page_that_cannot_be_written_is_an_error_that_names_it() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("results")).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    let file = dir.path().join("file");
    fs::write(&file, "").expect("writable");
    let out = file.join("index.html");
    let error = reports::render(store.dir(), &out).expect_err("a file is no directory");
    assert!(error.to_string().contains(path(&file)), "{error}");
}
