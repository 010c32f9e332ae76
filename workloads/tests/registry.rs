//! The registry and the parameters, as the command line meets them.

use std::collections::HashSet;

use workloads::{
    DefaultRuntimes, Definition, ParamError, Params, Range, Visitor, Workload, definitions, visit,
};

struct Name;

impl Visitor for Name {
    type Output = &'static str;

    fn visit<W: Workload>(self) -> &'static str {
        W::DEFINITION.name
    }
}

#[test]
fn every_card_is_found_by_its_name() {
    let mut names = HashSet::new();
    for definition in definitions() {
        assert!(
            visit(definition.name, Name).is_ok_and(|name| name == definition.name),
            "{}",
            definition.name
        );
        assert!(names.insert(definition.name), "{} is registered twice", definition.name);
    }
    assert!(visit("no_such_workload", Name).is_err());
}

#[test]
fn every_workload_of_the_suite_is_registered() {
    let names: Vec<_> = definitions().iter().map(|definition| definition.name).collect();
    for name in [
        "spawn_many_local",
        "spawn_many_remote",
        "spawn_remote_busy",
        "chained_spawn",
        "yield_many",
        "ping_pong",
        "skynet",
        "fib",
        "pair_compute",
        "nested_compute",
        "mpsc",
        "ring",
        "wake_storm",
        "remote_wake",
        "thread_ping_pong",
        "timers",
        "slot_pair",
        "driver_gap",
        "flood",
        "trickle",
        "tcp_echo",
        "tcp_echo_own",
        "accept_storm",
        "poisson",
        "switch_cost",
        "switch_cost_direct",
        "ping_pong_hog",
        "tight_loop",
        "hog_latency",
        "hog_latency_budget",
        "hog_latency_spare",
        "greedy_classes",
        "dispersion_fixed",
        "dispersion_exponential",
        "dispersion_bimodal",
        "idle_memory",
    ] {
        assert!(names.contains(&name), "{name} is missing from {names:?}");
    }
}

#[test]
fn cards_are_fit_to_be_shown() {
    for definition in definitions() {
        let Definition { name, summary, shows, unit, params, .. } = definition;
        assert!(
            name.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_'),
            "{name}"
        );
        assert!(summary.ends_with('.') && !summary.contains('\n'), "{name}: {summary}");
        assert!(!shows.is_empty() && !shows.contains('\n'), "{name}: {shows}");
        assert!(!unit.is_empty(), "{name}");
        let mut names = HashSet::new();
        for param in *params {
            assert!(names.insert(param.name), "{name} has {} twice", param.name);
            assert!(
                (param.min..=param.max).contains(&param.default),
                "{name}: default of {}",
                param.name
            );
            assert!(!param.help.is_empty(), "{name}: {}", param.name);
        }
    }
}

/// Runtimes are chosen by name only where there is a program for them: a misspelt one would be left
/// out unnoticed. (That the program has such a runtime is tested with the program.)
#[test]
fn runtimes_that_definitions_name_have_a_program() {
    let folder = |package: &str| {
        let root = concat!(env!("CARGO_MANIFEST_DIR"), "/../runtimes");
        std::fs::read_dir(format!("{root}/{package}/src/bin")).expect("a folder of programs")
    };
    let mut programs: Vec<_> = ["schedulers", "peers"]
        .into_iter()
        .flat_map(folder)
        .filter_map(|entry| Some(entry.ok()?.path().file_stem()?.to_str()?.to_owned()))
        .collect();
    // Cargo does not build this one: its folder says how it is made.
    let go = include_str!("../../runtimes/go/stampede.toml");
    let name = go.lines().find_map(|line| line.strip_prefix("name = \"")?.strip_suffix('"'));
    programs.push(name.expect("it has a name").to_owned());
    let has_program = |name: &str| {
        let of = |program: &String| {
            name.strip_prefix(program).is_some_and(|rest| rest.is_empty() || rest.starts_with('-'))
        };
        programs.iter().any(of)
    };
    for definition in definitions() {
        if let DefaultRuntimes::Only { workers, .. } = definition.runtimes {
            assert!(workers > 0, "{}", definition.name);
        }
        let names = definition.runtimes.names();
        assert!(
            !names.is_empty() || matches!(definition.runtimes, DefaultRuntimes::All),
            "{}: nobody runs it",
            definition.name
        );
        for name in names {
            assert!(has_program(name), "{}: {name}", definition.name);
        }
    }
}

#[test]
fn limits_are_accepted_and_what_lies_beyond_is_refused() {
    for definition in definitions() {
        for param in definition.params {
            let mut params = Params::defaults(definition);
            for value in [param.min, param.max] {
                params.set(definition, param.name, value).unwrap_or_else(|error| panic!("{error}"));
                assert_eq!(params.get(param.name), value);
            }
            let before = params.clone();
            for value in [param.min.checked_sub(1), param.max.checked_add(1)].into_iter().flatten()
            {
                let range = Range { name: param.name, min: param.min, max: param.max };
                let want = ParamError::OutOfRange { workload: definition.name, range, value };
                assert_eq!(params.set(definition, param.name, value), Err(want));
            }
            assert_eq!(params, before, "a refused value changed something");
        }
    }
}

#[test]
fn an_unknown_parameter_is_refused_with_the_names_that_exist() {
    let definition = definitions()
        .into_iter()
        .find(|definition| definition.name == "ring")
        .expect("ring is registered");
    let error = Params::defaults(definition).set(definition, "lap", 3).unwrap_err();
    assert_eq!(error.to_string(), "workload ring has no parameter `lap`; it has tasks, laps");
    let error = Params::defaults(definition).set(definition, "tasks", 1).unwrap_err();
    assert_eq!(
        error.to_string(),
        "parameter tasks of workload ring is 1: it must lie in 2 to 100000"
    );
}
