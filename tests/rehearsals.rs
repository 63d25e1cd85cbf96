//! What holds of every drill: random graphs on a random bad day.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a test stops at what it did not expect"
)]

#[path = "support/drill.rs"]
mod drill;

use std::fmt::Write as _;

use drill::{Drill, Run, drillmaster, texts};
use proptest::prelude::*;
use serde_json::Value;

#[derive(Debug, Clone)]
struct Step {
    uses: usize,
    needs: Vec<prop::sample::Index>,
    orders: bool,
    attempts: u32,
    timeout: Option<u32>,
    tolerated: bool,
    when: bool,
}

#[derive(Debug, Clone)]
struct Check {
    need: prop::sample::Index,
    orders: bool,
    probe: usize,
    stable: bool,
}

#[derive(Debug, Clone)]
struct Day {
    steps: Vec<Step>,
    checks: Vec<Check>,
    faults: Vec<(prop::sample::Index, Option<u32>, usize)>,
    jobs: u32,
}

const USES: [&str; 6] = [
    "rds.restore\n    with: { from: { db: orders } }",
    "ec2.launch\n    with: { image: { of: \"tag:app=orders\" }, type: t4g.small, count: 2 }",
    "s3.restore\n    with: { from: { bucket: orders-receipts-replica }, to: receipts }",
    "rds.copy_snapshot\n    with: { from: { db: orders } }",
    "command.run\n    with: { run: [make, it] }",
    "manual.task\n    with: { instructions: do it, assume: 2m }",
];
const PROBES: [&str; 5] = [
    "{ healthy_after: 7s }",
    "{ healthy_after: 301s }",
    "{ never: true }",
    "{ healthy_after: 3s, flaps_after: 5s, down_for: 9s }",
    "{ healthy_after: 3s, flaps_after: 5s, down_for: 2h }",
];
const FAULTS: [&str; 6] =
    ["throttled", "server_error", "lost_answer", "never_completes", "comes_up_unhealthy", "will_not_delete"];

fn step() -> impl Strategy<Value = Step> {
    let needs = prop::collection::vec(any::<prop::sample::Index>(), 0..3);
    let timeout = prop::option::weighted(0.3, 1..1000_u32);
    let rest = (any::<bool>(), 1..4_u32, timeout, prop::bool::weighted(0.2), prop::bool::weighted(0.9));
    (0..USES.len(), needs, rest).prop_map(|(uses, needs, (orders, attempts, timeout, tolerated, when))| {
        Step { uses, needs, orders, attempts, timeout, tolerated, when }
    })
}

fn day() -> impl Strategy<Value = Day> {
    let check = (any::<prop::sample::Index>(), any::<bool>(), 0..PROBES.len(), any::<bool>())
        .prop_map(|(need, orders, probe, stable)| Check { need, orders, probe, stable });
    let fault = (any::<prop::sample::Index>(), prop::option::of(1..3_u32), 0..FAULTS.len());
    (
        prop::collection::vec(step(), 1..7),
        prop::collection::vec(check, 0..4),
        prop::collection::vec(fault, 0..4),
        1..5_u32,
    )
        .prop_map(|(steps, checks, faults, jobs)| Day { steps, checks, faults, jobs })
}

fn rehearse(day: &Day) -> Run {
    let sample = Drill::of("region-loss");
    let head = sample.playbook.split("\nsteps:\n").next().unwrap().replace(
        "[\"rds:db/orders\", \"ec2:instance[tag:app=orders]\", \"s3:bucket/orders-receipts\"]",
        "[\"rds:db/orders\"]",
    );
    let mut playbook = format!("{head}\nsteps:\n");
    for (i, step) in day.steps.iter().enumerate() {
        let mut needs: Vec<usize> = step.needs.iter().filter(|_| i > 0).map(|n| n.index(i)).collect();
        needs.sort_unstable();
        needs.dedup();
        let needs: Vec<String> = needs.iter().map(|n| format!("s{n}")).collect();
        let _infallible = writeln!(
            playbook,
            "  - id: s{i}\n    uses: {}\n    needs: [{}]\n    retry: {{ attempts: {}, backoff: 5s }}",
            USES[step.uses],
            needs.join(", "),
            step.attempts
        );
        for (wanted, line) in [
            (step.orders, "workload: orders".to_owned()),
            (step.timeout.is_some(), format!("timeout: {}s", step.timeout.unwrap_or(1))),
            (step.tolerated, "continue_on_error: true".to_owned()),
            (!step.when, "when: false".to_owned()),
        ] {
            if wanted {
                let _infallible = writeln!(playbook, "    {line}");
            }
        }
    }
    // A workload's checks must look at one of its own steps.
    let own = day.steps.iter().position(|step| step.orders).unwrap_or(0);
    let _infallible = writeln!(
        playbook,
        "checks:\n  - {{ id: always, workload: orders, needs: [s{own}], tcp: {{ address: \"a.example.com:1\" }} }}"
    );
    let mut probes = String::new();
    for (i, check) in day.checks.iter().enumerate() {
        let _infallible = writeln!(
            playbook,
            "  - {{ id: c{i}, {}needs: [s{}], {}tcp: {{ address: \"a.example.com:1\" }} }}",
            if check.orders { "workload: orders, " } else { "" },
            check.need.index(day.steps.len()),
            if check.stable { "stable_for: 6s, " } else { "" },
        );
        let _infallible = writeln!(probes, "  c{i}: {}", PROBES[check.probe]);
    }
    let faults: Vec<String> = day
        .faults
        .iter()
        .map(|(step, attempt, kind)| {
            let attempt = attempt.map(|n| format!("attempt: {n}, ")).unwrap_or_default();
            format!("{{ step: s{}, {attempt}error: {} }}", step.index(day.steps.len()), FAULTS[*kind])
        })
        .collect();
    let faults: Vec<&str> = faults.iter().map(String::as_str).collect();
    let mut drill =
        Drill::new(&playbook, &sample.estate).estate("\nprobes:\n", &format!("\nprobes:\n{probes}"));
    if !faults.is_empty() {
        drill = drill.faults(&faults);
    }
    drill.run_with(&["--start", drill::START, "--jobs", &day.jobs.to_string(), "--teardown-timeout", "10m"])
}

fn laws(run: &Run) {
    let report = &run.report;
    assert!(report.is_object(), "{}", run.stderr);
    let teardown = &report["teardown"];
    let left = texts(&teardown["left_behind"]);
    let count = |key: &str| teardown[key].as_u64().unwrap();
    assert_eq!(count("created"), count("deleted") + left.len() as u64, "{teardown:#}");
    let verdict = report["verdict"].as_str().unwrap();
    let code = match (left.is_empty(), verdict) {
        (false, _) => 4,
        (true, "passed") => 0,
        (true, "failed") => 1,
        other => panic!("{other:?}"),
    };
    run.exits(code);
    assert_eq!(verdict == "passed", texts(&report["reasons"]).iter().all(|r| r.starts_with("teardown left")));
    let nodes = || report["steps"].as_array().unwrap().iter().chain(report["checks"].as_array().unwrap());
    let mut failed = Vec::new();
    for node in nodes() {
        let status = node["status"].as_str().unwrap();
        let because = node["because"].as_str().unwrap_or("");
        match status {
            "succeeded" | "healthy" => assert!(node["because"].is_null(), "{node:#}"),
            "failed" | "unhealthy" => {
                assert!(!because.is_empty() && because != "the drill ended before it", "{node:#}");
                failed.push(node["id"].as_str().unwrap());
            }
            "skipped" | "not_run" => {
                // Either a node that did not come through, or a reason of its own.
                let named = nodes().any(|other| {
                    let well = other["status"] == "succeeded" || other["status"] == "healthy";
                    !well && because.contains(&format!("`{}`", other["id"].as_str().unwrap()))
                });
                assert!(named || because.contains("`when`") || because.contains("ttl"), "{node:#}");
            }
            other => panic!("{other}"),
        }
    }
    for workload in report["workloads"].as_array().unwrap() {
        let (rto, path) = (&workload["rto"], workload["critical_path"].as_array().unwrap());
        if rto["measured_s"].as_f64().is_some_and(|s| s > 0.0) {
            let shares: f64 = path.iter().map(|l| l["share"].as_f64().unwrap()).sum();
            assert!((shares - 1.0).abs() < 1e-9, "{path:#?}");
        }
        assert!(path.iter().all(|l| l["seconds"].as_f64().unwrap() >= 0.0), "{path:#?}");
        let own = |id: &&str| nodes().any(|n| n["id"] == **id && n["workload"] == workload["name"]);
        if failed.iter().any(own) {
            assert_eq!((&workload["recovered"], &rto["measured_s"]), (&Value::Bool(false), &Value::Null));
            assert_ne!(code, 0);
        }
        if verdict == "passed" {
            assert_eq!((&workload["recovered"], &rto["status"]), (&Value::Bool(true), &Value::from("met")));
        }
    }
    // What is created for a step stands in its row, once.
    for step in report["steps"].as_array().unwrap() {
        let mut resources = texts(&step["resources"]);
        let all = resources.len();
        resources.sort_unstable();
        resources.dedup();
        assert_eq!(all, resources.len(), "{step:#}");
    }
    // The journal alone gives the same report.
    let again = drillmaster().args(["report", "--format", "json"]).arg(&run.folder).output().unwrap();
    assert_eq!(serde_json::from_slice::<Value>(&again.stdout).unwrap(), *report);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, max_shrink_iters: 60, ..ProptestConfig::default() })]

    #[test]
    fn every_drill_adds_up(day in day()) {
        laws(&rehearse(&day));
    }
}

/// RDS copies 20 snapshots at once into a Region, and refuses the others until one of them has ended.
#[test]
fn what_exceeds_the_copies_at_once_waits() {
    let run = drill::copies(45, "orders-west-2h").run();
    assert_eq!(run.code, 1, "{}", run.stderr);
    let took: Vec<f64> = run.report["steps"]
        .as_array()
        .unwrap()
        .iter()
        .map(|step| step["seconds"].as_f64().unwrap())
        .collect();
    let count = |seconds: f64| took.iter().filter(|s| (**s - seconds).abs() < 1e-6).count();
    assert_eq!((count(100.0), count(200.0), count(300.0)), (20, 20, 5), "{took:?}");
    // Within a Region there is no such limit.
    let run = drill::copies(45, "orders-east-1h").run();
    let all = run.report["steps"].as_array().unwrap();
    assert!(all.iter().all(|step| step["seconds"] == 100.0), "{}", run.stderr);
}
