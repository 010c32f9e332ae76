//! The sentences against made-up data: clear wins, ties, peers that win, missing cells.

use super::{Finding, claims, costs, latency};
use crate::matrix::Matrix;
use crate::sample::{
    cell, counted, ended, foreign_cell, latency_cell, measurement, of, spread_cell,
};
use results::noise::Noise;
use results::schema::{Kind, Outcome, Record};

fn in_words(findings: Vec<Finding>) -> Vec<String> {
    let words =
        |finding: Finding| format!("{}: {}", finding.topic, finding.text).replace('\u{a0}', " ");
    findings.into_iter().map(words).collect()
}

/// What the page says about `records`, with topics.
fn said(records: &[Record]) -> Vec<String> {
    let matrix = Matrix::new(records);
    in_words(costs(&matrix.rows[0], &matrix.columns))
}

fn said_of_latency(records: &[Record]) -> Vec<String> {
    let matrix = Matrix::new(records);
    let at = results::percentile::TAIL;
    in_words(latency(&matrix.rows[0], &matrix.columns, "latency", at))
}

#[test]
fn a_clear_win_names_the_spread_the_next_and_the_last() {
    let said = said(&[cell("a", 1, 100.0), cell("b", 1, 150.0), cell("c", 1, 400.0)]);
    assert_eq!(
        said,
        ["Best: a is fastest: 100 ns per operation (middle half 99.0 ns to 101 ns); \
          next is b (1.50 times as long), last c (4.00 times)."]
    );
}

#[test]
fn who_differs_in_more_than_its_executor_is_named_beside_the_others() {
    let said = said(&[cell("a", 1, 100.0), cell("b", 1, 150.0), foreign_cell("go", 1, 50.0)]);
    assert_eq!(
        said,
        [
            "Best: a is fastest: 100 ns per operation (middle half 99.0 ns to 101 ns); \
             b takes 1.50 times as long.",
            "Beside them: go† takes 0.50 times as long as a, with its own language and reactor."
        ]
    );
}

#[test]
fn samples_that_wobble_apart_are_no_difference() {
    let mut b = spread_cell("b", 1, 110.0, 0.2);
    measurement(&mut b).samples_ns.reverse();
    let said = said(&[spread_cell("a", 1, 100.0, 0.2), b, spread_cell("c", 1, 400.0, 0.2)]);
    assert_eq!(
        said,
        ["Best: a has the lowest median, 100 ns per operation (middle half 80.0 ns to 120 ns), \
          with no clear difference from b; c takes 4.00 times as long."]
    );
}

#[test]
fn what_the_machine_does_to_both_turns_alike_hides_no_difference() {
    let said = said(&[spread_cell("a", 1, 100.0, 0.2), spread_cell("b", 1, 110.0, 0.2)]);
    assert!(said[0].ends_with("b takes 1.10 times as long."), "{said:?}");
}

#[test]
fn a_run_that_finds_programs_apart_from_themselves_tells_no_small_differences() {
    let mut records = [cell("a", 1, 100.0), cell("b", 1, 120.0), cell("c", 1, 400.0)];
    let again = records[0].outcome.measured().map(|a| a.samples_ns.clone()).unwrap_or_default();
    measurement(&mut records[0]).control_ns = again.iter().map(|ns| ns * 1.1).collect();
    let said = said(&records);
    assert!(said[0].contains("no clear difference from b; c takes"), "{said:?}");
}

#[test]
fn a_difference_within_the_tie_band_is_none_however_narrow_the_spread() {
    let said = said(&[spread_cell("a", 1, 100.0, 0.001), spread_cell("b", 1, 104.0, 0.001)]);
    assert!(said[0].contains("no clear difference from b"), "{said:?}");
}

#[test]
fn many_ties_are_counted() {
    let names = ["a", "b", "c", "d", "e", "f"];
    let said = said(&names.map(|name| cell(name, 1, 100.0)));
    assert!(said[0].ends_with("no clear difference from b, c, d and 2 others."), "{said:?}");
}

#[test]
fn a_peer_that_wins_is_named_as_the_winner() {
    let said = said(&[cell("a", 1, 300.0), cell("peer-x", 1, 100.0), cell("peer-y", 1, 310.0)]);
    assert!(said[0].starts_with("Best: peer-x, a peer, is fastest: 100 ns"), "{said:?}");
    assert_eq!(
        said[1],
        "Ours, peers: The peer wins: the best of ours, a, takes 3.00 times as long."
    );
}

#[test]
fn ours_ahead_of_peers_and_ties_with_them() {
    let win = said(&[cell("a", 1, 100.0), cell("peer-x", 1, 250.0)]);
    assert_eq!(
        win[1],
        "Ours, peers: The best peer, peer-x, takes 2.50 times as long as the best of ours."
    );
    let tie = said(&[cell("a", 1, 100.0), cell("peer-x", 1, 101.0)]);
    assert_eq!(
        tie[1],
        "Ours, peers: Between the best of ours, a, and the best peer, peer-x, there is no clear \
         difference."
    );
}

#[test]
fn failed_cells_win_nothing() {
    let failed = Outcome::Failed { reason: "wrong".to_owned() };
    let only = said(&[cell("a", 1, 100.0), ended(cell("b", 1, 1.0), failed.clone())]);
    assert_eq!(
        only,
        ["Alone: Only a has a comparable result: 100 ns per operation (middle half 99.0 ns to \
             101 ns)."]
    );
    assert!(said(&[ended(cell("a", 1, 1.0), failed)]).is_empty());
}

#[test]
fn workers_help_harm_or_do_neither() {
    let records = [
        (cell("a", 1, 100.0), cell("a", 2, 50.0)),
        (cell("b", 1, 100.0), cell("b", 2, 300.0)),
        (cell("c", 1, 100.0), cell("c", 2, 101.0)),
        (cell("d", 1, 100.0), cell("d", 2, 80.0)),
    ];
    let records: Vec<Record> =
        records.into_iter().flat_map(|(one, two)| [one, two]).chain([cell("e", 1, 9.0)]).collect();
    let said = said(&records);
    assert_eq!(
        said[1],
        "Workers: With 2 workers instead of 1, of 4 runtimes 2 gain (most: a, 2.00 times as fast), \
         1 loses (most: b, 3.00 times as long) and 1 shows no clear difference."
    );
}

#[test]
fn the_herd_is_explained_by_its_wake_ups() {
    let herd =
        counted(cell("global-herd", 2, 200.0), &[("unparks", 1_900), ("useless_unparks", 950)]);
    let queue =
        counted(cell("global-queue", 2, 100.0), &[("unparks", 400), ("useless_unparks", 0)]);
    let expected = "Herd: With 2 workers global-herd takes 2.00 times as long as global-queue; \
     global-herd sends \
                    1.90 wake-ups per operation (50 % useless), global-queue 0.400 (0 % useless).";
    assert_eq!(said(&[herd.clone(), queue.clone()]).last().map(String::as_str), Some(expected));

    let uncounted = said(&[cell("global-herd", 2, 200.0), queue.clone()]);
    assert!(
        !uncounted.iter().any(|text| text.starts_with("Herd")),
        "without counters there is no cause: {uncounted:?}"
    );
    let alone = said(&[herd, cell("local", 1, 100.0)]);
    assert!(!alone.iter().any(|text| text.starts_with("Herd")), "{alone:?}");
}

#[test]
fn a_herd_that_costs_nothing_is_said_to_cost_nothing() {
    let herd = counted(cell("global-herd", 2, 100.0), &[("unparks", 0), ("useless_unparks", 0)]);
    let queue = counted(cell("global-queue", 2, 100.0), &[("unparks", 0), ("useless_unparks", 0)]);
    let said = said(&[herd, queue]);
    assert!(
        said.iter().any(|text| text
            == "Herd: With 2 workers global-herd and global-queue show no clear difference; \
             global-herd sends 0 \
                wake-ups per operation, global-queue 0."),
        "{said:?}"
    );
}

#[test]
fn stealing_is_explained_by_its_steals() {
    let counters = [("steals", 2), ("stolen", 31), ("failed_searches", 18)];
    let stealing = counted(cell("work-stealing", 2, 300.0), &counters);
    let said = said(&[stealing, cell("global-queue", 2, 100.0)]);
    assert_eq!(
        said.last().map(String::as_str),
        Some(
            "Stealing: With 2 workers work-stealing takes 3.00 times as long as global-queue; per \
             1,000 operations it moves \
             31.0 tasks in 2.00 steals, and 18.0 searches find nothing."
        )
    );
}

#[test]
fn what_was_measured_in_noise_is_not_ranked() {
    let mut records = [
        latency_cell("a", 1, &[("latency", 200_000)]),
        latency_cell("b", 1, &[("latency", 400_000)]),
        latency_cell("c", 1, &[("latency", 600_000)]),
    ];
    assert!(said_of_latency(&records)[0].starts_with("Best: a is lowest"), "it is the fastest");
    let loud = Noise { steal: 0.2, others: 0.0, waiting: 0.0 };
    measurement(&mut records[0]).noise = Some(loud);
    let said = said_of_latency(&records);
    assert!(said[0].starts_with("Best: b is lowest"), "{said:?}");
}

#[test]
fn latency_tells_what_a_late_clock_would_hide() {
    let records = [
        latency_cell("a", 1, &[("latency", 200_000), ("uncorrected", 100_000)]),
        latency_cell("peer-x", 1, &[("latency", 600_000), ("uncorrected", 590_000)]),
    ];
    let said = said_of_latency(&records);
    assert!(said[0].starts_with("Best: a is lowest at the 99th percentile: 2"), "{said:?}");
    assert_eq!(
        said[1],
        "Ours, peers: The best peer, peer-x, takes 3.00 times as long as the best of ours."
    );
    assert!(
        said[2].starts_with(
            "Clock: Counted from the actual instead of the intended start, the 99th percentile of \
             a would read"
        ),
        "{said:?}"
    );
    let same = [latency_cell("a", 1, &[("latency", 200_000), ("uncorrected", 200_000)])];
    assert!(
        said_of_latency(&same)
            .iter()
            .any(|text| text.ends_with("would read the same for every runtime."))
    );
    let without = [latency_cell("a", 1, &[("latency", 200_000)])];
    assert!(!said_of_latency(&without).iter().any(|text| text.starts_with("Clock")));
}

fn said_of_stacks(records: &[Record]) -> Vec<String> {
    in_words(claims(&Matrix::new(records)))
}

/// A latency cell beside hogs, in microseconds, with a figure.
fn beside_hogs(workload: &str, runtime: &str, us: u64, figure: (&str, f64)) -> Record {
    let mut record = of(workload, latency_cell(runtime, 1, &[("latency", us * 1_000)]));
    record.workload.params.insert("budget_us".to_owned(), 1_000);
    measurement(&mut record).figures.insert(figure.0.to_owned(), figure.1);
    record
}

#[test]
fn claims_appear_only_with_their_cells() {
    assert_eq!(said_of_stacks(&[cell("stackful", 1, 200.0)]), [""; 0]);
    let two_workers = [cell("stackful", 2, 200.0), cell("work-stealing", 2, 100.0)];
    assert_eq!(said_of_stacks(&two_workers), [""; 0]);
    let slower = said_of_stacks(&[cell("stackful", 1, 200.0), cell("work-stealing", 1, 100.0)]);
    assert_eq!(slower.len(), 1);
    assert!(slower[0].contains("It is slower: stackful takes 2.00 times as long"), "{slower:?}");
    let faster = said_of_stacks(&[cell("stackful", 1, 50.0), cell("work-stealing", 1, 100.0)]);
    assert!(
        faster[0].contains("It is not slower: stackful takes 0.50 times as long"),
        "{faster:?}"
    );
}

#[test]
fn switches_are_told_by_depth_whoever_wins() {
    let switches = |workload: &str, runtime: &str, ns: [f64; 3]| {
        let mut record = of(workload, cell(runtime, 1, 50.0));
        let names =
            ["tasks_1000_depth_1_ns", "tasks_1000_depth_100_ns", "tasks_1000_depth_1000_ns"];
        measurement(&mut record).figures.extend(names.map(str::to_owned).into_iter().zip(ns));
        record
    };
    let with = |direct| {
        said_of_stacks(&[
            switches("switch_cost", "work-stealing", [20.0, 900.0, 15_000.0]),
            switches("switch_cost", "stackful", [30.0, 1_000.0, 16_000.0]),
            switches("switch_cost_direct", "stackful", direct),
        ])
    };
    let said = with([50.0, 90.0, 100.0]);
    assert!(said[0].contains(
        ": at depth 1 50.0 ns on a stack and 20.0 ns in futures (30.0 ns if stackful drives them)"
    ));
    assert!(
        said[0].contains("at depth 1,000 100 ns on a stack and 15.0 µs in futures"),
        "{said:?}"
    );
    assert!(said[0].contains("So where calls are deep the stack is the cheaper one."), "{said:?}");
    assert!(with([10.0, 10.0, 10.0])[0].contains("So the stack is cheaper at any depth."));
    assert!(
        with([10.0, 5e3, 5e5])[0]
            .contains("So which is cheaper does not depend on the depth alone.")
    );
    assert!(with([50.0, 5e3, 5e5])[0].contains("So depth does not make up for that."));
    let without = said_of_stacks(&[cell("stackful", 1, 50.0), cell("work-stealing", 1, 50.0)]);
    assert!(!without[0].contains("depth"), "{without:?}");
}

#[test]
fn pooling_and_memory_by_number_are_told_where_they_were_measured() {
    let spawn = |runtime: &str, ns| of("spawn_many_local", cell(runtime, 1, ns));
    let idle = |runtime: &str, bytes: f64| {
        let mut record = of("idle_memory", cell(runtime, 1, 1.0));
        record.workload.kind = Kind::Memory;
        let measured = measurement(&mut record);
        measured.bytes_per_operation = vec![bytes; 3];
        measured.figures.insert("bytes_per_task_at_1000".to_owned(), bytes + 50.0);
        record
    };
    let said = said_of_stacks(&[
        spawn("stackful", 90.0),
        spawn("work-stealing", 30.0),
        spawn("stackful-unpooled", 9_000.0),
        idle("stackful", 4_250.0),
        idle("work-stealing", 130.0),
    ]);
    assert!(
        said[0].contains(
            "an idle task holds 4,250 B instead of 130 B (4,300 B and 180 B among 1,000)."
        ),
        "{said:?}"
    );
    assert!(said[0].contains(
        "takes 90.0 ns with a pooled stack, 9.00 µs with a new one and 30.0 ns without."
    ));
    let without = said_of_stacks(&[spawn("stackful", 90.0), spawn("work-stealing", 30.0)]);
    assert!(!without[0].contains("pooled"), "{without:?}");
}

#[test]
fn cooperation_is_held_against_slices() {
    let steps = ("hog_steps_per_us", 600.0);
    let records = |budget_us| {
        [
            beside_hogs("hog_latency", "work-stealing", 90_000, steps),
            beside_hogs("hog_latency", "stackful-1ms", 3_000, steps),
            beside_hogs("hog_latency_budget", "work-stealing", budget_us, steps),
        ]
    };
    let said = said_of_stacks(&records(3_050));
    assert!(said[0].contains("It is weaker where nobody cooperates"), "{said:?}");
    assert!(said[0].contains("that is enough: no clear difference from slicing"), "{said:?}");
    assert!(said_of_stacks(&records(30_000))[0].contains("not quite enough: 10.0 times as long"));
    assert!(said_of_stacks(&records(300))[0].contains("more than enough"));
}

#[test]
fn slices_pay_by_dispersion_only_where_the_figures_say_so() {
    let records = |bimodal_us: [u64; 3]| {
        let with = |workload, us: [u64; 3]| {
            let names = ["stackful", "stackful-10ms", "stackful-200us"];
            names.into_iter().zip(us).map(move |(name, us)| {
                of(workload, latency_cell(name, 1, &[("short", us * 1_000)]))
            })
        };
        let bimodal = with("dispersion_bimodal", bimodal_us);
        bimodal.chain(with("dispersion_fixed", [1_000, 1_005, 995])).collect::<Vec<_>>()
    };
    let said = said_of_stacks(&records([37_000, 19_000, 400]));
    assert!(said[0].contains("a thousand times as long as the others, slices help ("), "{said:?}");
    assert!(
        said[0].contains("; where all are equal, slices make no clear difference ("),
        "{said:?}"
    );
    let verdict = |bimodal_us| {
        let said = said_of_stacks(&records(bimodal_us)).remove(0).replace('\u{a0}', " ");
        let rest = said.split_once("as long as the others, ").expect("the claim").1.to_owned();
        rest.split_once(" (").expect("the figures").0.to_owned()
    };
    assert_eq!(verdict([400, 4_000, 4_000]), "slices harm");
    assert_eq!(verdict([400, 400, 4_000]), "slices of 200 µs harm");
    assert_eq!(verdict([400, 100, 400]), "slices of 10 ms help");
    assert_eq!(verdict([1_000, 100, 4_000]), "slices of 10 ms help and slices of 200 µs harm");
}

#[test]
fn slices_are_told_with_their_price_also_when_they_do_not_help() {
    let records = |short_us| {
        [
            beside_hogs("hog_latency", "stackful", 90_000, ("hog_steps_per_us", 600.0)),
            beside_hogs("hog_latency", "stackful-10ms", 12_000, ("hog_steps_per_us", 597.0)),
            beside_hogs("hog_latency", "stackful-1ms", short_us, ("hog_steps_per_us", 588.0)),
            beside_hogs("greedy_classes", "stackful", 1, ("jain_index", 0.5014)),
            beside_hogs("greedy_classes", "stackful-10ms", 1, ("jain_index", 0.786)),
            beside_hogs("greedy_classes", "stackful-1ms", 1, ("jain_index", 0.9951)),
            beside_hogs("ping_pong_hog", "stackful", 90_000, ("longest_silence_ns", 3e8)),
            beside_hogs("ping_pong_hog", "stackful-1ms", 90_000, ("longest_silence_ns", 2e6)),
        ]
    };
    let said = said_of_stacks(&records(2_000));
    assert!(said[0].contains("It does, the shorter the more often"), "{said:?}");
    assert!(said[0].contains("at 10 ms (the hogs get 0.5 % less done) and"), "{said:?}");
    assert!(said[0].contains("at 1 ms (the hogs get 2.0 % less done)"), "{said:?}");
    assert!(
        said[0].contains(
            "a Jain index of 0.50 without slices, 0.79 at 10 ms and 1.00 at 1 ms (1 is even"
        ),
        "{said:?}"
    );
    assert!(said[0].contains("300 ms without slices, 2.00 ms at 1 ms."), "{said:?}");
    assert!(said_of_stacks(&records(20_000))[0].contains("Not at every length"), "{said:?}");
}

#[test]
fn goroutines_are_held_against_tasks_with_stacks() {
    let go = |workload: &str, ns: f64| of(workload, foreign_cell("go", 1, ns));
    let mut records = vec![
        of("ring", cell("stackful", 1, 100.0)),
        of("fib", cell("stackful", 1, 100.0)),
        go("ring", 200.0),
        go("fib", 800.0),
    ];
    let said = said_of_stacks(&records);
    assert!(
        said[0].contains(
            "A goroutine takes 4.00 times as long as stackful in the geometric mean of 2 \
             workloads with one worker, from 2.00 (ring) to 8.00 (fib)."
        ) && said[0].contains("none of this is the policy alone"),
        "{said:?}"
    );
    records.push(of("fib", foreign_cell("go-gcoff", 1, 400.0)));
    records.push(beside_hogs("hog_latency", "go", 9_000, ("hog_steps_per_us", 1.0)));
    records.push(beside_hogs("hog_latency", "stackful-10ms", 3_000, ("hog_steps_per_us", 1.0)));
    let said = said_of_stacks(&records).concat();
    assert!(said.contains("Without its garbage collector it takes 0.50 times as long as go"));
    let hogs = "Beside hogs the 99th percentile of short requests is 9.89 ms, and 3.30 ms with \
                slices of 10 ms in stackful.";
    assert!(said.contains(hogs), "{said}");
}
