//! The three sample drills on the twin, compared with answers worked out by hand.

use serde_json::{Value, json};
use support::drill::{self, Drill, Run, texts};

const WORKLOAD: &str = "/workloads/0";

/// The figures of the only workload.
fn figures(run: &Run) -> &Value {
    run.is(&format!("{WORKLOAD}/name"), "orders").is(&format!("{WORKLOAD}/tier"), 1);
    assert_eq!(run.at("/workloads").as_array().unwrap().len(), 1);
    run.at(WORKLOAD)
}

#[track_caller]
fn ready(run: &Run, step: &str, seconds: f64) {
    let step = run.step(step);
    assert_eq!(step["status"], "succeeded", "{step:#}");
    assert!((run.after_t0(&step["finished_at"]) - seconds).abs() < 1e-9, "{step:#}");
}

#[track_caller]
fn healthy(run: &Run, check: &str, seconds: f64) {
    let check = run.check(check);
    assert_eq!(check["status"], "healthy", "{check:#}");
    assert!((run.after_t0(&check["healthy_at"]) - seconds).abs() < 1e-9, "{check:#}");
}

/// Checks the recovery point that each step used.
#[track_caller]
fn used(run: &Run, expected: &[(&str, &str)]) {
    for (step, point) in expected {
        assert_eq!(run.step(step)["recovery_points"], json!([point]), "{step}");
        assert_eq!(run.one("/recovery_points", "id", point)["used_by"], *step, "{point}");
    }
}

/// The links of the critical path. Their shares add up to one, and their seconds to the RTO.
#[track_caller]
fn critical(run: &Run, expected: &[(&str, &str, f64)]) {
    let path = run.at("/workloads/0/critical_path").as_array().unwrap();
    let found: Vec<_> = path
        .iter()
        .map(|l| (l["id"].as_str().unwrap(), l["kind"].as_str().unwrap(), l["seconds"].as_f64().unwrap()))
        .collect();
    assert_eq!(found, expected);
    let shares: f64 = path.iter().map(|l| l["share"].as_f64().unwrap()).sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
    let seconds: f64 = found.iter().map(|l| l.2).sum();
    assert!((seconds - run.at("/workloads/0/rto/measured_s").as_f64().unwrap()).abs() < 1e-9);
    for node in run.at("/steps").as_array().unwrap().iter().chain(run.at("/checks").as_array().unwrap()) {
        assert_eq!(node["critical"], found.iter().any(|l| node["id"] == l.0), "{}", node["id"]);
    }
}

/// Checks what the report says about the source of a store.
#[track_caller]
fn source(run: &Run, of: &str, point: &str, [age, data_age, worst]: [Value; 3]) {
    let source = run.one("/workloads/0/rpo/sources", "of", of);
    assert_eq!(source["recovery_point"], point);
    assert_eq!((&source["age_s"], &source["data_age_s"], &source["worst_case_s"]), (&age, &data_age, &worst));
}

fn simulated(run: &Run, name: &str) {
    run.is("/schema", "drillmaster/report/v1").is("/on", "twin").is("/simulated", true);
    run.is("/playbook/name", name).is("/sandbox/isolation_verified", true);
    run.is("/denied_calls", json!([])).is_clean();
    for file in ["journal.ndjson", "report.json", "report.html", "report.md", "junit.xml"] {
        assert!(run.folder.join(file).metadata().unwrap().len() > 0, "{file}");
    }
    for page in ["report.html", "report.md"] {
        let text = std::fs::read_to_string(run.folder.join(page)).unwrap();
        assert!(text.to_lowercase().contains("simulated"), "{page}");
    }
}

#[test]
fn region_loss() {
    let run = Drill::of("region-loss").run();
    run.exits(1).is("/verdict", "failed").because(&["orders", "RPO 2h3m missed its objective of 5m"]);
    simulated(&run, "orders-region-loss");
    run.is("/lose", json!({ "region": "us-east-1" }));
    used(&run, &[("db", "orders-west-2h"), ("web", "ami-west"), ("receipts", "orders-receipts-replica")]);
    ready(&run, "db", 840.0);
    ready(&run, "web", 885.0);
    ready(&run, "receipts", 45.0);
    healthy(&run, "freshness", 840.0);
    healthy(&run, "rows", 880.0);
    healthy(&run, "web-up", 905.0);
    assert_eq!(run.check("rows")["observed"], "120000");
    let orders = figures(&run);
    assert_eq!(
        orders["rto"],
        json!({ "objective_s": 2700.0, "measured_s": 905.0, "with_assumptions_s": 1805.0, "status": "met" })
    );
    for (key, value) in [
        ("objective_s", json!(300.0)),
        ("measured_s", json!(7380.0)),
        ("status", json!("missed")),
        ("worst_case_s", json!(45000.0)),
    ] {
        assert_eq!(orders["rpo"][key], value, "{key}");
    }
    source(&run, "rds:db/orders", "orders-west-2h", [json!(7200.0), json!(7380.0), json!(45000.0)]);
    source(
        &run,
        "s3:bucket/orders-receipts",
        "orders-receipts-replica",
        [json!(240.0), json!(null), json!(240.0)],
    );
    critical(&run, &[("db", "step", 840.0), ("web", "step", 45.0), ("web-up", "check", 20.0)]);
    run.is("/coverage/uncovered", json!(["ec2:instance/i-0d4", "ec2:volume/vol-0c3"]));
    run.is("/coverage/covered", json!(["ec2:instance/i-0a1", "rds:db/orders", "s3:bucket/orders-receipts"]));
    let late = run.one("/recovery_points", "id", "orders-west-late");
    assert!(late["why_not"].as_str().unwrap().contains("not usable at T0"), "{late:#}");
    run.is("/workloads/0/recovered", true).is("/teardown/created", 9);
    // No check reads the receipts.
    assert_eq!(run.one("/findings", "rule", "check-proves-little")["resource"], "orders");
    // The estate says when the page answers, but not with which status.
    let assumed = run.one("/findings", "rule", "assumed");
    assert_eq!((&assumed["resource"], &assumed["severity"]), (&json!("web-up"), &json!("medium")));
    assert_eq!(run.at("/findings").as_array().unwrap().len(), 4);
    run.is("/assumed", json!({ "checks": 1, "of": 3, "steps": 0 }));
}

#[test]
fn az_loss() {
    let run = Drill::of("az-loss").run();
    run.exits(0).is("/verdict", "passed").is("/reasons", json!([]));
    simulated(&run, "orders-az-loss");
    used(&run, &[("volume", "snap-0c3"), ("app", "ami-east"), ("db", "orders-pitr")]);
    ready(&run, "volume", 20.0);
    // The image step refers to the volume's output. It starts when that output exists.
    assert!((run.after_t0(&run.step("app")["started_at"]) - 20.0).abs() < 1e-9);
    ready(&run, "app", 65.0);
    ready(&run, "db", 1120.0);
    healthy(&run, "app-up", 1145.0);
    let orders = figures(&run);
    assert_eq!(
        orders["rto"],
        json!({ "objective_s": 1200.0, "measured_s": 1145.0, "with_assumptions_s": null, "status": "met" })
    );
    for (key, value) in
        [("objective_s", json!(21600.0)), ("measured_s", json!(21600.0)), ("status", json!("met"))]
    {
        assert_eq!(orders["rpo"][key], value, "{key}");
    }
    source(&run, "ec2:volume/vol-0c3", "snap-0c3", [json!(21600.0), json!(null), json!(21600.0)]);
    source(&run, "rds:db/orders", "orders-pitr", [json!(300.0), json!(null), json!(300.0)]);
    critical(&run, &[("db", "step", 1120.0), ("app-up", "check", 25.0)]);
    run.is("/coverage/uncovered", json!([]));
    run.is("/coverage/covered", json!(["ec2:instance/i-0a1", "ec2:volume/vol-0c3", "rds:db/orders"]));
    assert!(!texts(run.at("/blast_radius/lost")).contains(&"ec2:instance/i-0d4"));
    assert!(!texts(run.at("/sandbox/azs")).contains(&"use1-az1"));
    // PITR stays in the production account. That is a finding, but no failure.
    let shared = run.one("/findings", "rule", "sandbox-shares-account");
    assert_eq!(shared["resource"], "111122223333");
    // Its only check asks for a status and reads no data.
    assert_eq!(run.one("/findings", "rule", "check-proves-little")["resource"], "orders");
    assert_eq!(run.one("/findings", "rule", "assumed")["resource"], "app-up");
    run.one("/findings", "rule", "stores-apart");
    assert_eq!(run.at("/findings").as_array().unwrap().len(), 4);
}

#[test]
fn account_loss() {
    let run = Drill::of("account-loss").run();
    run.exits(1).is("/verdict", "failed");
    run.because(&["RPO 1d1h missed its objective of 1d"]);
    run.because(&["orders: not recovered", "s3:bucket/orders-receipts is lost, and no step restored it"]);
    simulated(&run, "orders-account-loss");
    used(&run, &[("web", "ami-vault")]);
    ready(&run, "stack", 300.0);
    ready(&run, "copy", 660.0);
    ready(&run, "db", 1500.0);
    ready(&run, "web", 1545.0);
    healthy(&run, "rows", 1540.0);
    healthy(&run, "web-up", 1565.0);
    let orders = figures(&run);
    assert_eq!(
        orders["rto"],
        json!({ "objective_s": 14400.0, "measured_s": 1565.0, "with_assumptions_s": 5165.0, "status": "unknown" })
    );
    for (key, value) in [
        ("objective_s", json!(86400.0)),
        ("measured_s", json!(90000.0)),
        ("status", json!("missed")),
        ("worst_case_s", json!(90000.0)),
    ] {
        assert_eq!(orders["rpo"][key], value, "{key}");
    }
    // The provenance passes through the copy.
    source(&run, "rds:db/orders", "orders-vault-25h", [json!(90000.0), json!(null), json!(90000.0)]);
    assert_eq!(run.step("copy")["recovery_points"], json!(["orders-vault-25h"]));
    critical(
        &run,
        &[("copy", "step", 660.0), ("db", "step", 840.0), ("web", "step", 45.0), ("web-up", "check", 20.0)],
    );
    run.is(
        "/coverage/uncovered",
        json!(["ec2:instance/i-0d4", "ec2:volume/vol-0c3", "s3:bucket/orders-receipts"]),
    );
    run.is("/coverage/covered", json!(["ec2:instance/i-0a1", "rds:db/orders"]));
    assert_eq!(orders["missing_resources"], json!(["s3:bucket/orders-receipts"]));
    assert_eq!(orders["recovered"], false);
}

#[test]
fn a_throttled_attempt_costs_its_backoff() {
    let drill = Drill::of("region-loss").faults(&["{ step: db, attempt: 1, error: throttled }"]);
    let run = drill.run();
    run.exits(1).is_clean();
    ready(&run, "db", 850.0);
    assert_eq!(run.step("db")["attempts"], 2);
    run.is("/workloads/0/rto/measured_s", 915.0).is("/workloads/0/rto/with_assumptions_s", 1815.0);
    run.is("/api_calls/rds:RestoreDBInstanceFromDBSnapshot", json!({ "count": 2, "throttled": 1 }));
    critical(&run, &[("db", "step", 850.0), ("web", "step", 45.0), ("web-up", "check", 20.0)]);
    // The backoff doubles: 10 s, then 20 s.
    let twice =
        ["{ step: db, attempt: 1, error: throttled }", "{ step: db, attempt: 2, error: server_error }"];
    let run = Drill::of("region-loss").faults(&twice).run();
    ready(&run, "db", 870.0);
    assert_eq!(run.step("db")["attempts"], 3);
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_seed_another() {
    let drill = Drill::of("region-loss");
    let seeded = |seed: &str| drill.run_with(&["--start", drill::START, "--seed", seed]);
    let (first, second, third) = (seeded("7"), seeded("7"), seeded("8"));
    assert_eq!(first.comparable(), second.comparable());
    assert_ne!(first.comparable(), third.comparable());
    assert_ne!(first.at("/workloads/0/rto/measured_s"), third.at("/workloads/0/rto/measured_s"));
    assert_ne!(first.at("/workloads/0/rto/measured_s"), 905.0);
    // Without a seed, nothing varies.
    assert_eq!(drill.run().comparable(), drill.run().comparable());
    assert_eq!(drill.run().comparable(), drill.run().comparable());
}

/// Replaces all instants by seconds after the start.
fn relative(value: &Value, start: &Value) -> Value {
    match value {
        Value::String(text) if chrono::DateTime::parse_from_rfc3339(text).is_ok() => {
            json!(drill::seconds(start, value))
        }
        Value::Array(list) => list.iter().map(|v| relative(v, start)).collect(),
        Value::Object(record) => {
            Value::Object(record.iter().map(|(k, v)| (k.clone(), relative(v, start))).collect())
        }
        other => other.clone(),
    }
}

#[test]
fn the_hour_of_the_day_changes_nothing() {
    let drill = Drill::of("account-loss");
    let at = |args: &[&str]| {
        let run = drill.run_with(args);
        let report: Value = serde_json::from_str(&run.comparable()).unwrap();
        relative(&report, &run.report["started_at"])
    };
    let now = at(&["--seed", "7"]);
    assert_eq!(now, at(&["--seed", "7", "--start", "2031-12-31T23:59:59.5Z"]));
    assert_eq!(now, at(&["--seed", "7"]));
}

#[test]
fn the_pace_changes_nothing_but_the_waiting() {
    let drill = Drill::of("az-loss");
    let real = std::time::Instant::now();
    let paced = drill.run_with(&["--start", drill::START, "--pace", "600"]);
    // 22 virtual minutes.
    assert!(real.elapsed() >= std::time::Duration::from_secs(2), "{:?}", real.elapsed());
    assert_eq!(paced.comparable(), drill.run().comparable());
}

#[test]
fn one_job_at_a_time_takes_as_long_as_all_of_them() {
    let run = Drill::of("region-loss").run_with(&["--start", drill::START, "--jobs", "1"]);
    // The playbook's order: db takes 840 s, then web (the first step in the list that is ready) 45
    // s, then receipts 45 s. The checks do not wait while receipts waits.
    run.exits(1).is_clean();
    ready(&run, "db", 840.0);
    let (web, receipts) = (run.step("web"), run.step("receipts"));
    let ends = [run.after_t0(&web["finished_at"]), run.after_t0(&receipts["finished_at"])];
    assert!((ends[0] - ends[1]).abs() >= 45.0, "{ends:?}");
    let rto = run.at("/workloads/0/rto/measured_s").as_f64().unwrap();
    assert!((930.0..=950.0).contains(&rto), "{rto}");
    let mut steps: Vec<_> = ["db", "web", "receipts"]
        .iter()
        .map(|id| {
            let step = run.step(id);
            (run.after_t0(&step["started_at"]), run.after_t0(&step["finished_at"]))
        })
        .collect();
    steps.sort_by(|a, b| a.0.total_cmp(&b.0));
    assert!(steps.windows(2).all(|w| w[0].1 <= w[1].0), "two at once: {steps:?}");
    let shares: f64 = run
        .at("/workloads/0/critical_path")
        .as_array()
        .unwrap()
        .iter()
        .map(|l| l["share"].as_f64().unwrap())
        .sum();
    assert!((shares - 1.0).abs() < 1e-9, "{shares}");
}
