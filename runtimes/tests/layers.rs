//! The crate's storeys: what lies lower uses nothing of what lies higher.
//!
//! Each module of the crate is on one of them, and may use its own and those below. A new module
//! fails here until it is given its place. Tests and models may look anywhere, and so may links in
//! documentation.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

/// From the ground up. Modules on one storey do not use each other.
const STOREYS: &[&[&str]] = &[
    &["sync"],
    &["metrics", "budget", "sockets"],
    &["task", "reactor", "enter"],
    &["scheduler", "queue", "net", "time"],
    &["contract"],
    &["runtime"],
    &["descriptor", "threads"],
    &["engine"],
    &["policies"],
    &["stackful"],
    &["spin", "adapter"],
];

fn storey(module: &str) -> usize {
    STOREYS.iter().position(|storey| storey.contains(&module)).unwrap_or_else(|| {
        panic!("{module} has no storey: give it one in runtimes/tests/layers.rs")
    })
}

#[test]
fn no_import_climbs() {
    let src = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let reexports = reexports(&fs::read_to_string(src.join("lib.rs")).unwrap());
    let mut climbs = BTreeSet::new();
    let mut looked_at = 0;
    for entry in fs::read_dir(&src).unwrap() {
        let path = entry.unwrap().path();
        let module = path.file_stem().unwrap().to_str().unwrap().to_owned();
        if module == "lib" {
            continue;
        }
        let from = storey(&module);
        for (file, code) in sources(&path) {
            for to in imports(&code, &reexports) {
                looked_at += 1;
                if to != module && storey(&to) >= from {
                    climbs.insert(format!("{file}: {module} uses {to}"));
                }
            }
        }
    }
    assert!(climbs.is_empty(), "{climbs:#?}");
    assert!(looked_at > 100, "the test has lost sight of the imports: it saw {looked_at}");
}

/// The code below `path`, by file, without tests.
fn sources(path: &Path) -> Vec<(String, String)> {
    let name = path.file_stem().unwrap().to_str().unwrap();
    if ["tests", "models", "loop_models"].contains(&name) {
        return Vec::new();
    }
    if path.is_dir() {
        return fs::read_dir(path).unwrap().flat_map(|e| sources(&e.unwrap().path())).collect();
    }
    let code = fs::read_to_string(path).unwrap();
    let code = code.split("mod tests {").next().unwrap().lines();
    let code = code.filter(|line| !line.trim_start().starts_with("//"));
    vec![(path.display().to_string(), code.collect::<Vec<_>>().join("\n"))]
}

/// The modules of this crate that `code` names, in an import or in the middle of it.
fn imports(code: &str, reexports: &BTreeMap<String, String>) -> Vec<String> {
    let mut found = Vec::new();
    for (at, path) in code.match_indices("crate::") {
        let before = code[..at].lines().rev().nth(1).unwrap_or_default().trim();
        if before.starts_with("#[cfg(doc)]") || before.starts_with("#[cfg(all(test") {
            continue;
        }
        for name in heads(&code[at + path.len()..]) {
            match reexports.get(&name) {
                Some(module) => found.push(module.clone()),
                None if name.starts_with(char::is_lowercase) => found.push(name),
                None => {}
            }
        }
    }
    found
}

/// The first name of each path in `a::b` or `{a, b::{c, d}}`.
fn heads(path: &str) -> Vec<String> {
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    let Some(list) = path.strip_prefix('{') else {
        return vec![path.chars().take_while(|&c| is_name(c)).collect()];
    };
    let (mut depth, mut names) = (0, vec![String::new()]);
    for c in list.chars() {
        match c {
            '{' => depth += 1,
            '}' if depth == 0 => break,
            '}' => depth -= 1,
            ',' if depth == 0 => names.push(String::new()),
            _ if depth == 0 => names.last_mut().unwrap().push(c),
            _ => {}
        }
    }
    let head = |name: &String| name.trim().chars().take_while(|&c| is_name(c)).collect();
    names.iter().map(head).collect()
}

/// Which module each name that `lib.rs` re-exports comes from.
fn reexports(lib: &str) -> BTreeMap<String, String> {
    let uses = lib.split("pub use ").skip(1).filter_map(|rest| rest.split_once("::"));
    uses.flat_map(|(module, names)| {
        heads(names).into_iter().map(move |name| (name, module.to_owned()))
    })
    .collect()
}

#[test]
fn names_are_found_wherever_they_stand() {
    let reexports = reexports("pub use engine::{Executor, diagnoses};\npub use task::Runnable;");
    let code = "use crate::{Executor, queue::{Slot, Injector}};\nfn f(_: crate::Runnable) {}";
    assert_eq!(imports(code, &reexports), ["engine", "queue", "task"]);
}
