//! Properties of every drill: random graphs on a random bad day.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use ::engine::actions::{CATALOGUE, TIMINGS};
use ::estate::file::FaultKind;
use ::port::{Calibration, CreateCall, Kind, Timed};
use ::twin::timing;
use proptest::prelude::*;
use serde_json::Value;
use support::drill::{self, Drill, Run, drillmaster, texts};

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
    // A workload's checks must look at one of the workload's own steps.
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
    // `validate` refuses the others.
    let can_happen = |step: &Step, error: &str| {
        let action = CATALOGUE.get(USES[step.uses].split('\n').next().unwrap()).unwrap();
        action.meets(FaultKind::of(error).unwrap())
    };
    let faults: Vec<String> = day
        .faults
        .iter()
        .map(|(step, attempt, kind)| (step.index(day.steps.len()), attempt, FAULTS[*kind]))
        .filter(|(step, _, error)| can_happen(&day.steps[*step], error))
        .map(|(step, attempt, error)| {
            let attempt = attempt.filter(|_| error != "will_not_delete");
            let attempt = attempt.map(|n| format!("attempt: {n}, ")).unwrap_or_default();
            format!("{{ step: s{step}, {attempt}error: {error} }}")
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
                // The reason names a node that did not come through, or it is a reason of its own.
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
    // Each resource created for a step stands in the row of that step, once.
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

/// RDS copies 20 snapshots at once into a Region. It refuses further copies until one of them has
/// ended.
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
    // There is no such limit within a Region.
    let run = drill::copies(45, "orders-east-1h").run();
    let all = run.report["steps"].as_array().unwrap();
    assert!(all.iter().all(|step| step["seconds"] == 100.0), "{}", run.stderr);
}

/// An action that took no time would meet every objective.
#[test]
fn whatever_the_twin_does_takes_a_time_that_is_known() {
    let rows: Vec<&Calibration> = timing::rows(TIMINGS).collect();
    let requests = CreateCall::ALL.iter().copied().map(Timed::Request);
    for timed in requests.chain([Timed::CopyObjects, Timed::VerifyObjects]) {
        let of: Vec<&str> = rows.iter().filter(|row| row.of.contains(&timed)).map(|row| row.name).collect();
        assert_eq!(of.len(), 1, "{timed:?}: {of:?}");
    }
    let actions = CATALOGUE.0.iter().map(|decl| decl.name);
    let deletions = Kind::ALL.iter().copied().map(timing::deletion);
    let asked_for: BTreeSet<&str> = actions.chain(deletions).collect();
    let of_requests = rows.iter().filter(|row| !row.of.is_empty()).map(|row| row.name);
    let lags = [timing::PROBE_NETWORK];
    let known: BTreeSet<&str> = asked_for.into_iter().chain(of_requests).chain(lags).collect();
    let names: BTreeSet<&str> = rows.iter().map(|row| row.name).collect();
    assert_eq!(names, known, "a row is of nothing that there is, or is missing");
    assert_eq!(names.len(), rows.len(), "an action has two rows");
}

/// Production lies in us-east-1, which is lost. All sources of restores lie in us-west-2, with the
/// sandbox.
const SIZED: &str = r#"
accounts: { "111122223333": { name: production } }
regions:
  us-east-1: { azs: [use1-az1, use1-az2] }
  us-west-2: { azs: [usw2-az1, usw2-az2] }
  eu-west-1: { azs: [euw1-az1] }
resources:
  - { id: "efs:file-system/fs-2", account: "111122223333", region: us-east-1, size: 29GiB }
  - { id: "rds:db/orders", account: "111122223333", region: us-east-1, az: use1-az1, size: 7GiB }
  - { id: "rds:cluster/ledger", account: "111122223333", region: us-east-1, size: 11GiB }
  - { id: "ec2:instance/i-1", account: "111122223333", region: us-east-1, az: use1-az1 }
  - { id: "ec2:volume/vol-1", account: "111122223333", region: us-east-1, az: use1-az1, size: 17GiB }
  - { id: "efs:file-system/fs-1", account: "111122223333", region: us-east-1, size: 23GiB }
  - { id: "s3:bucket/receipts", account: "111122223333", region: us-east-1, size: 19GiB, objects: 100 }
  - { id: "s3:bucket/receipts-replica", account: "111122223333", region: us-west-2, size: 19GiB, objects: 100 }
recovery_points:
  - { of: "rds:db/orders", kind: rds_snapshot, id: orders-1, account: "111122223333", region: us-west-2, taken: -2h, size: 7GiB }
  - { of: "rds:db/orders", kind: rds_pitr, id: orders-pitr, account: "111122223333", region: us-west-2, taken: -5m, size: 8GiB }
  - { of: "rds:db/orders", kind: rds_replica, id: orders, account: "111122223333", region: us-west-2, taken: -1m, size: 9GiB }
  - { of: "rds:cluster/ledger", kind: rds_cluster_snapshot, id: ledger-1, account: "111122223333", region: us-west-2, taken: -2h, size: 11GiB }
  - { of: "rds:cluster/ledger", kind: rds_pitr, id: ledger-pitr, account: "111122223333", region: us-west-2, taken: -5m, size: 12GiB }
  - { of: "dynamodb:table/carts", kind: dynamodb_pitr, id: carts, account: "111122223333", region: us-west-2, taken: -5m, size: 21GiB }
  - { of: "dynamodb:table/carts", kind: dynamodb_backup, id: carts-1, account: "111122223333", region: us-west-2, taken: -1d, size: 23GiB }
  - { of: "ec2:instance/i-1", kind: ami, id: ami-1, account: "111122223333", region: us-west-2, taken: -1d, size: 13GiB }
  - { of: "ec2:volume/vol-1", kind: ebs_snapshot, id: snap-1, account: "111122223333", region: us-west-2, taken: -6h, size: 17GiB }
  - { of: "efs:file-system/fs-1", kind: backup, id: shares-1, account: "111122223333", region: us-west-2, taken: -3h, size: 23GiB }
  - { of: "efs:file-system/fs-2", kind: backup, id: "arn:aws:backup:eu-west-1:111122223333:recovery-point:2", vault: far, account: "111122223333", region: eu-west-1, taken: -4h, size: 29GiB }
  - { of: "s3:bucket/receipts", kind: s3_replica, id: receipts-replica, account: "111122223333", region: us-west-2, taken: -4m, objects: 100 }
timings:
"#;

const PLAYBOOK_OF_ALL: &str = r#"
name: sized
estate: estate.yaml
lose: { region: us-east-1 }
objectives: { rto: 1d, rpo: 1d }
accounts: { production: { id: "111122223333" } }
sandbox: { account: production, region: us-west-2, network: { cidr: 10.66.0.0/16, azs: 2 }, ttl: 20h }
workloads: { all: { resources: ["rds:db/orders"] } }
steps:
"#;

/// Each action, the size of what it restores or copies, and a step that runs it.
const STEPS: [(&str, &str, u32, &str); 24] = [
    ("a", "ec2.copy_snapshot", 17, "from: { volume: vol-1 }"),
    ("b", "ec2.copy_image", 13, "image: { of: i-1 }"),
    ("c", "ec2.restore_volume", 17, "from: { volume: vol-1 }"),
    ("d", "ec2.launch", 13, "image: { of: i-1 }, type: t4g.small, count: 3"),
    ("e", "ec2.import_key_pair", 0, "public_key: ssh-ed25519 AAAA"),
    ("f", "ec2.allocate_address", 0, ""),
    ("g", "rds.copy_snapshot", 7, "from: { db: orders }"),
    ("h", "rds.restore", 7, "from: { db: orders }"),
    ("i", "rds.restore_to_time", 8, "from: { db: orders }"),
    (
        "j",
        "rds.restore_cluster",
        11,
        "from: { cluster: ledger }, engine: aurora-mysql, class: db.r6g.large, instances: 2",
    ),
    (
        "j-then",
        "rds.restore_cluster_to_time",
        12,
        "from: { cluster: ledger }, engine: aurora-mysql, class: db.r6g.large, instances: 2",
    ),
    ("k", "rds.promote_replica", 9, "from: { db: orders, source_region: us-east-1 }"),
    ("k-log", "dynamodb.restore", 21, "from: { table: carts }, ttl: expires_at"),
    ("k-backup", "dynamodb.restore", 23, "from: { table: carts, point: carts-1 }"),
    ("l", "s3.restore", 19, "from: { bucket: receipts-replica, of: receipts }, to: receipts"),
    ("m", "s3.verify", 19, "bucket: \"{{ steps.l.bucket }}\", source: { bucket: receipts-replica }"),
    ("n", "command.run", 0, "run: [make, it]"),
    ("o", "manual.task", 0, "instructions: do it"),
    (
        "r",
        "backup.restore",
        23,
        "from: { resource: \"efs:file-system/fs-1\" }, role: \"arn:aws:iam::111122223333:role/restore\"",
    ),
    (
        "t",
        "backup.copy",
        29,
        "from: { resource: \"efs:file-system/fs-2\" }, role: \"arn:aws:iam::111122223333:role/copy\"",
    ),
    // A copy is as large as its original.
    (
        "u",
        "backup.restore",
        29,
        "from: { recovery_point: \"{{ steps.t.recovery_point }}\" }, role: \"arn:aws:iam::111122223333:role/restore\"",
    ),
    ("s", "efs.mount", 0, "file_system: \"{{ steps.r.file_system_id }}\""),
    // The size of a resource that the run itself made is known as well.
    ("p", "ec2.launch", 13, "image: \"{{ steps.b.image_id }}\", type: t4g.small"),
    ("q", "ec2.launch", 13, "image: { of: i-1 }, type: t4g.small, volumes: [\"{{ steps.c.volume_id }}\"]"),
];

/// An action takes `base + per_gib × size`, to the second, whatever else it does along the way.
#[test]
fn an_action_takes_exactly_what_the_estate_says() {
    let (mut playbook, mut estate) = (PLAYBOOK_OF_ALL.to_owned(), SIZED.to_owned());
    for (id, uses, _, with) in STEPS {
        let workload = if id == "h" { "workload: all, " } else { "" };
        let _infallible =
            writeln!(playbook, "  - {{ id: {id}, uses: {uses}, {workload}with: {{ {with} }} }}");
    }
    playbook.push_str(
        "checks:\n  - { id: up, workload: all, needs: [h], tcp: { address: \"{{ steps.h.endpoint }}\" } }\n",
    );
    for decl in CATALOGUE.0 {
        let per_gib = if decl.sized_by.is_empty() { "" } else { ", per_gib: 10s" };
        let _infallible = writeln!(estate, "  {}: {{ base: 100s{per_gib} }}", decl.name);
    }
    let run = Drill::new(&playbook, &estate).run();
    for (id, uses, size, _) in STEPS {
        let step = run.step(id);
        assert_eq!(step["status"], "succeeded", "{step:#}\n{}", run.stderr);
        assert_eq!(step["seconds"], 100.0 + 10.0 * f64::from(size), "{uses}: {step:#}");
        let has_no_size = CATALOGUE.get(uses).unwrap().sized_by.is_empty();
        assert_eq!(has_no_size, size == 0, "{uses}");
    }
    let tried: BTreeSet<&str> = STEPS.iter().map(|(_, uses, ..)| *uses).collect();
    let all: BTreeSet<&str> = CATALOGUE.0.iter().map(|decl| decl.name).collect();
    // An estate cannot set the duration of what a template deploys.
    assert_eq!(all.difference(&tried).collect::<Vec<_>>(), [&"cloudformation.deploy"]);
}

/// A parameter whose value does not fit its argument is a mistake. It is reported before anything
/// is touched.
#[test]
fn a_parameter_that_does_not_fit_is_told_before_the_run() {
    let playbook = PLAYBOOK_OF_ALL.replace("steps:\n", "params: { many: some }\nsteps:\n")
        + "  - { id: h, uses: rds.restore, workload: all, with: { from: { db: orders } } }\n\
           \x20 - { id: d, uses: ec2.launch, with: { image: ami-1, type: t4g.small, count: \"{{ params.many }}\" } }\n\
           checks:\n  - { id: up, workload: all, needs: [h], tcp: { address: \"{{ steps.h.endpoint }}\" } }\n";
    let drill = Drill::new(&playbook, &format!("{SIZED}  ec2.launch: {{ base: 1s }}\n"));
    let out = drill.next_out();
    let run = drill.command(&out, &[]).output().unwrap();
    let stderr = String::from_utf8_lossy(&run.stderr);
    assert_eq!(run.status.code(), Some(2), "{stderr}");
    assert!(stderr.contains("step `d`: its arguments do not fit: invalid type: string \"some\""), "{stderr}");
    assert!(!stderr.contains("defect") && !out.exists(), "{stderr}");
}
