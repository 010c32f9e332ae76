//! A directory of results is a directory like any other: whatever lies there, reading it ends,
//! takes no more memory than a result does, and says what is wrong with which file.

#[path = "../results/tests/common/mod.rs"]
mod common;

use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::net::UnixListener;
use std::path::Path;

use results::Store;
use results::check::{Unfit, check};
use results::schema::{Measurement, Outcome, Record};
use results::store::{LoadError, load};
use results::text::chain;
use rustix::fs::{CWD, FileType, Mode, mknodat};

fn fifo(path: &Path) {
    mknodat(CWD, path, FileType::Fifo, Mode::RUSR | Mode::WUSR, 0).expect("a pipe can be made");
}

#[test]
fn a_pipe_among_the_results_does_not_hang_the_report() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    fifo(&dir.path().join("x.json"));
    let _socket = UnixListener::bind(dir.path().join("y.json")).expect("a socket");
    symlink("/dev/zero", dir.path().join("z.json")).expect("a link");
    symlink("nowhere", dir.path().join("dangling.json")).expect("a link");
    symlink("loop.json", dir.path().join("loop.json")).expect("a link");
    let all = store.load_all();
    let bad: Vec<&LoadError> = all.iter().filter_map(|result| result.as_ref().err()).collect();
    assert_eq!((all.len(), bad.len()), (6, 5));
    for name in ["x.json", "y.json", "z.json"] {
        let error = bad.iter().find(|error| error.path().ends_with(name)).expect("it is named");
        assert!(matches!(error, LoadError::NotAFile { .. }), "{error}");
    }
    let out = dir.path().join("page.html");
    reports::render(dir.path(), &out).expect("one file is readable");
    assert!(fs::read_to_string(out).expect("written").contains("5 stored files could not be read"));
}

#[test]
fn a_link_to_a_result_is_a_result() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path().join("kept")).expect("created");
    let file = store.write(&common::record("fib", "local", 1)).expect("written");
    let linked = Store::open(dir.path().join("linked")).expect("created");
    symlink(&file, linked.dir().join("fib.local.w1.json")).expect("a link");
    assert!(linked.load_all().remove(0).is_ok());
    // Written anew, the link stays one.
    let mut record = common::record("fib", "local", 1);
    record.run.seed = 7;
    linked.write(&record).expect("written");
    assert!(linked.dir().join("fib.local.w1.json").is_symlink());
    assert_eq!(load(&file).expect("readable").run.seed, 7);
}

#[test]
fn a_file_that_is_too_large_is_not_read() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let path = dir.path().join("fib.local.w1.json");
    // Sparse: it takes no room on the disk, and a terabyte of memory if it is read.
    File::create(&path).and_then(|file| file.set_len(1 << 40)).expect("a sparse file");
    assert!(matches!(load(&path), Err(LoadError::TooLarge { .. })));
}

#[test]
fn nested_json_and_strange_numbers_are_damage_not_death() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    let path = store.write(&common::record("fib", "local", 1)).expect("written");
    let text = fs::read_to_string(&path).expect("just written");
    let deep = |n: usize| "[".repeat(n) + &"]".repeat(n);
    for changed in [
        deep(1_000_000),
        "{\"version\":".repeat(100_000),
        text.replacen("\"seed\": 42", &format!("\"more\": {}, \"seed\": -1", deep(100_000)), 1),
        text.replacen("\"seed\": 42", "\"seed\": 1e400", 1),
        text.replacen("\"seed\": 42", "\"seed\": 18446744073709551616", 1),
        text.replacen("\"workers\": 1", "\"workers\": -1", 1),
        text.replacen("10000.0", "1e999", 1),
        text.replacen("10000.0", "NaN", 1),
        text.replacen("10000.0", "null", 1),
        text.replacen("cargo bench", "\\ud800", 1),
        text.replacen("\"seed\": 42", "\"seed\": 42, \"seed\": 43", 1),
    ] {
        assert_ne!(changed, text, "the edit must change something");
        fs::write(&path, changed).expect("writable");
        let error = load(&path).expect_err("it is damaged");
        assert!(matches!(error, LoadError::Damaged { .. } | LoadError::Version { .. }), "{error}");
        assert!(chain(&error).len() < 1_000, "{}", chain(&error));
    }
    fs::write(&path, b"\xff\xfe{}").expect("writable");
    assert!(matches!(load(&path), Err(LoadError::Damaged { .. })));
}

/// What loading says about a record that was written past the store.
fn unfit(edit: impl FnOnce(&mut Record)) -> Unfit {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let mut record = common::record("fib", "local", 1);
    edit(&mut record);
    let path = dir.path().join("fib.local.w1.json");
    fs::write(&path, serde_json::to_vec(&record).expect("plain data")).expect("writable");
    let error = load(&path).expect_err("it must be refused");
    let LoadError::Unfit { source, .. } = error else { panic!("{error}") };
    assert_eq!(check(&record), Err(source.clone()), "what is not read is not written either");
    assert!(!chain(&source).contains(['\u{202e}', '\u{1b}', '\n']), "{source:?}");
    source
}

fn measured(record: &mut Record) -> &mut Measurement {
    match &mut record.outcome {
        Outcome::Measured(measurement) => measurement,
        other => panic!("not measured: {other:?}"),
    }
}

#[test]
fn names_are_checked_when_they_are_read() {
    for name in ["", "../x", "a/b", ".hidden", "A", "a\u{202e}b", "a\nb", "a\0b", &"x".repeat(65)] {
        assert!(matches!(
            unfit(|r| r.workload.name = name.to_owned()),
            Unfit::Name { what: "workload", .. }
        ));
        assert!(matches!(
            unfit(|r| r.runtime.name = name.to_owned()),
            Unfit::Name { what: "runtime", .. }
        ));
    }
}

#[test]
fn texts_that_deceive_or_never_end_are_refused() {
    for text in ["a\u{202e}b", "\u{1b}[2J", "\u{200b}", &"x".repeat(5_000)] {
        let edits: [fn(&mut Record, String); 8] = [
            |r, text| r.workload.summary = text,
            |r, text| r.workload.unit = text,
            |r, text| r.runtime.peer = Some(text),
            |r, text| r.run.command = text,
            |r, text| r.run.machine.cpu = text,
            |r, text| drop(r.run.machine.packages.insert(text, String::new())),
            |r, text| measured(r).figures = [(text, 1.0)].into(),
            |r, text| r.outcome = Outcome::Failed { reason: text },
        ];
        for edit in edits {
            assert!(
                matches!(unfit(|record| edit(record, text.to_owned())), Unfit::Text { .. }),
                "{text:?}"
            );
        }
    }
}

#[test]
fn numbers_that_nobody_measured_are_refused() {
    let numbers: [fn(&mut Measurement); 5] = [
        |m| m.samples_ns.push(-1.0),
        |m| m.samples_ns.push(1e308),
        |m| m.bytes_per_operation.push(-0.5),
        |m| m.operations_per_iteration = -1.0,
        |m| m.operations_per_iteration = 1e300,
    ];
    for edit in numbers {
        assert!(matches!(unfit(|record| edit(measured(record))), Unfit::Number { .. }));
    }
    assert!(matches!(
        unfit(|record| record.workers = usize::MAX),
        Unfit::Count { what: "workers", .. }
    ));
    let many = |record: &mut Record| {
        drop(measured(record).counters_per_worker.insert("polls".into(), vec![1; 2_000]))
    };
    assert!(matches!(unfit(many), Unfit::Count { .. }));
    let many = |record: &mut Record| {
        measured(record).figures = (0..20_000).map(|i| (i.to_string(), 0.0)).collect()
    };
    assert!(matches!(unfit(many), Unfit::Count { .. }));
}

#[test]
fn the_greatest_numbers_that_are_accepted_make_a_readable_page() {
    let mut record = common::record("fib", "local", 1);
    let m = measured(&mut record);
    m.samples_ns = vec![1e18, 0.0, f64::MIN_POSITIVE];
    m.operations_per_iteration = 1.0;
    m.figures =
        [1e308, -1e308, 5e-324, 0.0].iter().map(|v| (format!("{v:e} figure"), *v)).collect();
    m.figures.insert("odd_ns".to_owned(), 1e308);
    m.figures.insert("bytes_odd".to_owned(), 1e308);
    m.counted_iterations = u64::MAX;
    m.process =
        [("cpu_ns", u64::MAX), ("wall_ns", 1)].map(|(name, value)| (name.to_owned(), value)).into();
    record.run.started_unix_s = u64::MAX;
    record.run.finished_unix_s = 0;
    record.run.machine.memory_bytes = u64::MAX;
    record.run.machine.cores = usize::MAX;
    record.workload.position = usize::MAX;
    record.workload.params.insert("budget_us".to_owned(), u64::MAX);
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    store.write(&record).expect("it is fit");
    reports::render(dir.path(), &dir.path().join("page.html")).expect("rendered");
    let page = fs::read_to_string(dir.path().join("page.html")).expect("written");
    let digits = page.split(|c: char| !c.is_ascii_digit()).map(str::len).max();
    assert!(digits <= Some(20), "{digits:?} digits in a row");
    assert!(!page.contains("NaN") && !page.contains(">inf"), "a figure that is none");
}

#[test]
fn a_distribution_that_lies_about_its_length_spoils_its_cell_only() {
    let mut record = common::record("fib", "local", 1);
    // Cookie, 2 GiB, offset 0, 3 digits: all of it base64.
    measured(&mut record)
        .histograms
        .insert("latency".to_owned(), "HISTEwAAAAB//////wAAAAAAAAAD".to_owned());
    let other = common::record("fib", "work-stealing", 1);
    let page = reports::html(&[record, other], None, &[]).expect("rendered");
    assert!(page.contains("the histogram is damaged"), "the cell says why");
    assert!(page.contains("Only work-stealing has a comparable result"));
}

#[test]
fn a_file_that_may_not_be_read_is_named() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    let path = store.write(&common::record("fib", "local", 1)).expect("written");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o000)).expect("it is ours");
    // The superuser reads everything.
    if File::open(&path).is_err() {
        let error = load(&path).expect_err("no permission");
        assert!(chain(&error).ends_with("Permission denied (os error 13)"), "{}", chain(&error));
    }
}

#[test]
fn many_bad_files_do_not_fill_the_page_and_their_names_are_spelt_out() {
    let dir = tempfile::tempdir().expect("a temporary directory");
    let store = Store::open(dir.path()).expect("created");
    store.write(&common::record("fib", "local", 1)).expect("written");
    for i in 0..300 {
        fs::write(dir.path().join(format!("a{i}\u{202e}.json")), "{").expect("writable");
    }
    reports::render(dir.path(), &dir.path().join("page.html")).expect("rendered");
    let page = fs::read_to_string(dir.path().join("page.html")).expect("written");
    assert!(page.contains("300 stored files could not be read and are not shown"));
    assert!(!page.contains('\u{202e}') && page.contains(r"\u{202e}.json"));
    assert!(page.matches("is damaged").count() <= 50);
}
