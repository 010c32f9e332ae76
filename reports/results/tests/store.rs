//! What is written is read back; what is not a result is refused by name.

mod common;

use std::fs;
use std::path::Path;

use results::check::Unfit;
use results::schema::{Outcome, Record};
use results::store::{LoadError, Store, WriteError, file_name};
use results::text::chain;

fn store() -> (tempfile::TempDir, Store) {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("deep/results")).expect("it can be created");
    (dir, store)
}

fn only_error(store: &Store) -> LoadError {
    let mut all = store.load_all();
    assert_eq!(all.len(), 1, "{all:?}");
    all.remove(0).expect_err("the file is not a result")
}

/// Writes `record`, edits its text, and returns what loading it says.
fn tampered(edit: impl Fn(String) -> String) -> LoadError {
    let (_dir, store) = store();
    let path = store.write(&common::record("fib", "local", 1)).expect("written");
    let text = fs::read_to_string(&path).expect("just written");
    let changed = edit(text.clone());
    assert_ne!(changed, text, "the edit must change something");
    fs::write(&path, changed).expect("writable");
    only_error(&store)
}

#[test]
fn every_outcome_round_trips_bit_for_bit() {
    let (_dir, store) = store();
    let measured = common::record("fib", "local", 1);
    let failed = Record {
        outcome: Outcome::Failed {
            reason: "wrong result: \"sum\" is 1, must be 2 <ü>\n".to_owned(),
        },
        ..common::record("fib", "local", 2)
    };
    let skipped = Record {
        outcome: Outcome::Skipped { reason: "not offered".to_owned() },
        ..common::record("ring", "local", 1)
    };
    let void = Record {
        outcome: Outcome::Void { reason: "the generator was late".to_owned() },
        ..common::record("ring", "tokio-mt", 2)
    };
    for record in [&measured, &failed, &skipped, &void] {
        let path = store.write(record).expect("written");
        assert_eq!(path.file_name().and_then(|n| n.to_str()), Some(file_name(record).as_str()));
    }
    let loaded: Vec<Record> = store.load_all().into_iter().map(|r| r.expect("readable")).collect();
    assert_eq!(loaded, [measured, failed, skipped, void]);
}

#[test]
fn a_second_result_replaces_the_first_and_leaves_no_other_file() {
    let (_dir, store) = store();
    let mut record = common::record("fib", "local", 1);
    store.write(&record).expect("written");
    record.run.seed = 7;
    let path = store.write(&record).expect("written again");
    let files: Vec<_> = fs::read_dir(store.dir())
        .expect("a directory")
        .map(|e| e.expect("an entry").path())
        .collect();
    assert_eq!(files, [path]);
    assert_eq!(store.load_all().remove(0).expect("readable").run.seed, 7);
}

#[test]
fn a_failed_write_leaves_the_old_result_and_no_temporary_file() {
    let (_dir, store) = store();
    let mut record = common::record("fib", "local", 1);
    // A directory under the cell's name: the final rename fails, after everything was written.
    let obstacle = store.dir().join(file_name(&record));
    fs::create_dir(&obstacle).expect("created");
    let error = store.write(&record).expect_err("a directory cannot be replaced by a file");
    assert!(error.to_string().contains("fib.local.w1.json"), "{error}");
    assert_eq!(fs::read_dir(store.dir()).expect("a directory").count(), 1);

    fs::remove_dir(&obstacle).expect("removed");
    store.write(&record).expect("written");
    let before = fs::read(&obstacle).expect("readable");
    if let Outcome::Measured(m) = &mut record.outcome {
        m.figures.insert("ratio".to_owned(), f64::NAN);
    }
    let error = store.write(&record).expect_err("JSON has no NaN");
    assert!(
        matches!(&error, WriteError::Unfit(Unfit::Number { what, .. }) if what == "the figure \
         `ratio`"),
        "{error}"
    );
    assert_eq!(fs::read(&obstacle).expect("readable"), before);
}

#[test]
fn names_that_leave_the_directory_or_collide_are_refused() {
    let (dir, store) = store();
    for name in [
        "",
        "../x",
        "a/b",
        "a.b",
        ".hidden",
        "A",
        "<script>",
        "naïve",
        "a b",
        "a\u{202e}b",
        &"x".repeat(65),
    ] {
        for record in [common::record(name, "local", 1), common::record("fib", name, 1)] {
            let error = store.write(&record).expect_err(name);
            assert!(
                matches!(&error, WriteError::Unfit(Unfit::Name { name: n, .. }) if n == name),
                "{error}"
            );
        }
    }
    assert_eq!(fs::read_dir(store.dir()).expect("a directory").count(), 0);
    assert_eq!(fs::read_dir(dir.path()).expect("a directory").count(), 1);
}

#[test]
fn another_version_is_refused_whatever_its_shape() {
    let error = tampered(|_| r#"{"version": 77, "cells": []}"#.to_owned());
    assert!(matches!(error, LoadError::Version { found: 77, .. }), "{error}");
    let text = error.to_string();
    assert!(
        text.contains("fib.local.w1.json")
            && text.contains("version 77")
            && text.contains("cargo bench"),
        "{text}"
    );

    let (_dir, store) = store();
    let record = Record { version: 77, ..common::record("fib", "local", 1) };
    assert!(matches!(store.write(&record), Err(WriteError::Version(77))));
}

#[test]
fn what_an_earlier_build_stored_is_refused_by_its_version() {
    // As version 2 had it: what is void was told by the beginning of a text.
    let earlier = |text: String| {
        let text = text.replacen("\"version\": 3", "\"version\": 2", 1);
        text.replace(
            "\"status\": \"measured\"",
            "\"status\": \"skipped\", \"reason\": \"void: late\"",
        )
    };
    let error = tampered(earlier);
    assert!(matches!(error, LoadError::Version { found: 2, .. }), "{error}");
    let text = chain(&error);
    assert!(text.contains("schema version 2, this build reads only 3"), "{text}");
    assert!(
        text.contains("measure again with `cargo bench`, or use the build that wrote it"),
        "{text}"
    );
}

#[test]
fn damaged_files_are_named() {
    for edit in [
        |text: String| text[..text.len() / 2].to_owned(),
        |_| String::new(),
        |_| "null".to_owned(),
        |text: String| text.replace("\"status\": \"measured\"", "\"status\": \"guessed\""),
        |text: String| text.replace("\"seed\": 42", "\"seed\": -1"),
    ] {
        let error = tampered(edit);
        assert!(matches!(error, LoadError::Damaged { .. }), "{error}");
        assert!(error.to_string().contains("fib.local.w1.json"), "{error}");
    }
}

#[test]
fn a_copy_under_another_name_is_refused() {
    let (_dir, store) = store();
    let path = store.write(&common::record("fib", "local", 1)).expect("written");
    fs::rename(&path, store.dir().join("fib.local.w1 (copy).json")).expect("renamed");
    let error = only_error(&store);
    assert!(
        matches!(&error, LoadError::Misnamed { cell, .. } if cell == "fib.local.w1.json"),
        "{error}"
    );
}

#[test]
fn one_bad_file_does_not_hide_the_others() {
    let (_dir, store) = store();
    store.write(&common::record("fib", "local", 1)).expect("written");
    store.write(&common::record("fib", "local", 2)).expect("written");
    fs::write(store.dir().join("fib.local.w1.json"), "{").expect("writable");
    fs::write(store.dir().join("notes.txt"), "not mine").expect("writable");
    fs::write(store.dir().join(".stampede-x.tmp"), "left by a killed process").expect("writable");
    fs::create_dir(store.dir().join("folder.json")).expect("created");
    let all = store.load_all();
    assert_eq!(all.iter().map(Result::is_ok).collect::<Vec<_>>(), [false, true, false]);
}

#[test]
fn a_missing_directory_holds_nothing_and_a_file_is_no_directory() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    assert!(Store::existing(dir.path().join("nowhere")).load_all().is_empty());
    assert!(!dir.path().join("nowhere").exists());
    let file = dir.path().join("file");
    fs::write(&file, "").expect("writable");
    let error = Store::open(&file).expect_err("a file is in the way");
    assert!(error.to_string().contains(&file.display().to_string()), "{error}");
    assert!(chain(&error).matches("exists").count() == 1, "{}", chain(&error));
    let errors = Store::existing(&file).load_all();
    assert!(
        matches!(&errors[..], [Err(LoadError::Io { path, .. })] if path == Path::new(&file)),
        "{errors:?}"
    );
}
