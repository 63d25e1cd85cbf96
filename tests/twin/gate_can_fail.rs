//! Proof that the gate can fail: a drill that passes, and single defects that must each make it
//! fail.

use serde_json::{Value, json};
use support::drill::{self, Drill, Run, START, texts};

const RPO: &str = "/workloads/0/rpo";
const RTO: &str = "/workloads/0/rto";

#[test]
fn without_a_defect_it_passes() {
    let run = Drill::good().run();
    run.exits(0).is("/verdict", "passed").is("/reasons", json!([])).is_clean();
    run.is("/workloads/0/recovered", true).is(&format!("{RPO}/status"), "met");
    run.is(&format!("{RPO}/measured_s"), 7200.0).is(&format!("{RTO}/status"), "met");
    Drill::measured().run().exits(0).is(&format!("{RPO}/measured_s"), 7380.0);
}

#[track_caller]
fn misses_rpo(run: &Run, point: &str, seconds: f64) {
    run.exits(1).is("/verdict", "failed").because(&["orders", "RPO", "missed its objective of 3h"]);
    run.is(&format!("{RPO}/status"), "missed").is(&format!("{RPO}/measured_s"), seconds);
    run.is("/workloads/0/recovered", true).is(&format!("{RTO}/status"), "met").is_clean();
    assert_eq!(run.step("db")["recovery_points"], json!([point]));
}

const NEWEST: &str = "id: orders-west-2h, account: \"111122223333\", region: us-west-2, taken: -2h, usable: -1h30m, size: 200GiB";

#[test]
fn a_stale_recovery_point() {
    let run = Drill::good().estate(NEWEST, &NEWEST.replace("taken: -2h", "taken: -4h")).run();
    misses_rpo(&run, "orders-west-2h", 14400.0);
}

#[test]
fn stale_data_in_a_fresh_recovery_point() {
    let run = Drill::measured().estate("freshness: { value: -2h3m }", "freshness: { value: -4h }").run();
    misses_rpo(&run, "orders-west-2h", 14400.0);
    let source = run.one("/workloads/0/rpo/sources", "of", "rds:db/orders");
    assert_eq!((&source["age_s"], &source["data_age_s"]), (&json!(7200.0), &json!(14400.0)));
}

#[test]
fn the_newest_copy_not_yet_usable() {
    let run = Drill::good().estate(NEWEST, &NEWEST.replace("usable: -1h30m", "usable: 1s")).run();
    misses_rpo(&run, "orders-west-14h", 50400.0);
    let newest = run.one("/recovery_points", "id", "orders-west-2h");
    assert!(newest["why_not"].as_str().unwrap().contains("not usable at T0"), "{newest:#}");
    // A point that is usable exactly at T0 is in time.
    Drill::good().estate(NEWEST, &NEWEST.replace("usable: -1h30m", "usable: -0s")).run().exits(0);
}

#[test]
fn the_snapshot_in_the_lost_region() {
    let run = Drill::good().estate(NEWEST, &NEWEST.replace("us-west-2", "us-east-1")).run();
    misses_rpo(&run, "orders-west-14h", 50400.0);
}

#[test]
fn a_snapshot_under_a_key_that_cannot_be_shared() {
    let run = Drill::good().estate(NEWEST, &format!("{NEWEST}, managed_key: true")).run();
    misses_rpo(&run, "orders-west-14h", 50400.0);
    let newest = run.one("/recovery_points", "id", "orders-west-2h");
    assert!(newest["why_not"].as_str().unwrap().contains("AWS managed key"), "{newest:#}");
}

#[test]
fn no_recovery_point_at_all() {
    let run = Drill::good().playbook("{ db: orders, point: latest }", "{ db: ordres, point: latest }").run();
    run.exits(1).because(&["not recovered", "no recovery point of rds:db/ordres"]).is_clean();
    run.is(&format!("{RTO}/status"), "unknown").is(&format!("{RPO}/status"), "unknown");
    assert_eq!(run.check("rows")["because"], "`db` failed");
    assert_eq!(run.check("web-up")["because"], "`web` was skipped because `db` failed");
}

#[test]
fn a_snapshot_that_does_not_exist() {
    let nowhere =
        Drill::good().playbook("{ db: orders, point: latest }", "{ snapshot: \"{{ env.SNAPSHOT }}\" }");
    let run = nowhere.env("SNAPSHOT", "orders-west-3h").run();
    run.exits(1).because(&["step `db`", "orders-west-3h"]).is_clean();
    assert_eq!(run.step("db")["status"], "failed");
    run.is(&format!("{RTO}/measured_s"), json!(null));
    let there =
        Drill::good().playbook("{ db: orders, point: latest }", "{ snapshot: \"{{ env.SNAPSHOT }}\" }");
    there.env("SNAPSHOT", "orders-west-2h").run().exits(0);
}

#[test]
fn an_unknown_age() {
    let replica = "taken: -4m, usable: -4m, size: 10GiB";
    let run = Drill::good().estate(replica, "usable: -4m, size: 10GiB").run();
    run.exits(1).because(&["RPO is unknown, and unknown meets no objective"]).is_clean();
    // The report shows the known part. The whole is unknown.
    run.is(&format!("{RPO}/status"), "unknown").is(&format!("{RPO}/worst_case_s"), json!(null));
    assert_eq!(run.one("/workloads/0/rpo/sources", "step", "receipts")["age_s"], json!(null));
    let pinned = Drill::good()
        .estate(NEWEST, &NEWEST.replace("taken: -2h, ", ""))
        .playbook("point: latest }\n      class", "point: orders-west-2h }\n      class");
    pinned.run().exits(1).is(&format!("{RPO}/status"), "unknown").because(&["RPO is unknown"]);
}

#[test]
fn a_measuring_check_without_a_timestamp() {
    let probe = "freshness: { value: -2h3m }";
    for (value, words) in [
        ("freshness: { value: twelve }", "not a timestamp"),
        ("freshness: { value: \"\" }", "not a timestamp"),
        ("freshness: { healthy_after: 1s }", "not a timestamp"),
        // Restored data cannot be newer than the disaster.
        ("freshness: { value: \"2026-03-01T13:00:00Z\" }", "after T0"),
    ] {
        let run = Drill::measured().estate(probe, value).run();
        run.exits(1).because(&["not recovered", "check `freshness`", words]).is_clean();
        assert_eq!(run.check("freshness")["status"], "unhealthy", "{value}");
        run.is(&format!("{RTO}/measured_s"), json!(null));
    }
}

const HELD: &str = "within: 10m\n    stable_for: 30s";

#[test]
fn a_check_that_flaps() {
    let flapping = "web-up: { healthy_after: 20s, flaps_after: 10s, down_for: 20m }";
    let run = Drill::good().estate("web-up: { healthy_after: 20s }", flapping).run();
    run.exits(1).because(&["check `web-up`", "did not stay healthy for `stable_for`", "10m"]).is_clean();
    let check = run.check("web-up");
    assert_eq!(check["status"], "unhealthy");
    // `within` counts from when the machines were ready.
    assert!((run.after_t0(&check["settled_at"]) - 1485.0).abs() < 1e-9, "{check:#}");
    run.is(&format!("{RTO}/measured_s"), json!(null)).is(&format!("{RTO}/status"), "unknown");
    // The service goes down exactly when the check's time is up.
    let run = Drill::good()
        .estate("web-up: { healthy_after: 20s }", flapping)
        .playbook(HELD, "within: 30s\n    stable_for: 30s")
        .run();
    run.exits(1).because(&["check `web-up`", "did not stay healthy"]);
    // The service is back soon enough. `healthy` is the start of the stretch that held.
    let short = flapping.replace("20m", "5s");
    let run = Drill::good().estate("web-up: { healthy_after: 20s }", &short).run();
    run.exits(0).is(&format!("{RTO}/measured_s"), 920.0);
    // Without `stable_for`, the check does not notice it.
    let run =
        Drill::good().estate("web-up: { healthy_after: 20s }", flapping).playbook(HELD, "within: 10m").run();
    run.exits(0).is(&format!("{RTO}/measured_s"), 905.0);
}

#[test]
fn an_unreachable_check() {
    let run = Drill::good().estate("web-up: { healthy_after: 20s }", "web-up: { never: true }").run();
    run.exits(1)
        .because(&["not recovered", "check `web-up`", "did not become healthy within 10m"])
        .is_clean();
    run.is(&format!("{RTO}/measured_s"), json!(null)).is(&format!("{RTO}/status"), "unknown");
    run.because(&["RTO is unknown, and unknown meets no objective"]);
    let late = Drill::good().estate("web-up: { healthy_after: 20s }", "web-up: { healthy_after: 601s }");
    late.run().exits(1).because(&["check `web-up`"]);
    let just = Drill::good().estate("web-up: { healthy_after: 20s }", "web-up: { healthy_after: 600s }");
    just.run().exits(0);
}

#[test]
fn a_wrong_value() {
    let run = Drill::good().estate("value: 120000", "value: 999").run();
    run.exits(1).because(&["check `rows`", "the first value is `999`, expected `>= 1000`"]).is_clean();
    Drill::good().estate("value: 120000", "value: 1000").run().exits(0);
    Drill::good().estate("value: 120000", "value: many").run().exits(1).because(&["check `rows`"]);
}

#[test]
fn a_slow_step() {
    let run = Drill::good().estate("rds.restore: { base: 9m", "rds.restore: { base: 30m").run();
    run.exits(1).because(&["RTO 51m5s missed its objective of 45m"]).is_clean();
    run.is(&format!("{RTO}/status"), "missed").is("/workloads/0/recovered", true);
    run.is(&format!("{RTO}/measured_s"), 2165.0).is(&format!("{RTO}/with_assumptions_s"), 3065.0);
    // Without the assumed detection and decision times, the drill would pass.
    let alone = Drill::good()
        .estate("rds.restore: { base: 9m", "rds.restore: { base: 30m")
        .playbook("assume: { detection: 5m, decision: 10m }\n", "");
    alone.run().exits(0).is(&format!("{RTO}/with_assumptions_s"), json!(null));
}

#[test]
fn a_step_over_its_timeout() {
    let run = Drill::good().playbook("timeout: 40m", "timeout: 13m59s").run();
    run.exits(1).because(&["step `db`", "longer than its timeout of 13m59s"]).is_clean();
    let db = run.step("db");
    assert_eq!((&db["attempts"], &db["status"]), (&json!(3), &json!("failed")));
    // Each attempt made its own database, and teardown found all three.
    assert_eq!(db["resources"].as_array().unwrap().len(), 3);
    Drill::good().playbook("timeout: 40m", "timeout: 14m").run().exits(0);
}

#[test]
fn a_missing_resource() {
    let mut drill = Drill::good();
    let from = drill.playbook.find("  - id: receipts").unwrap();
    let to = drill.playbook.find("\nchecks:").unwrap();
    drill.playbook.replace_range(from..to, "");
    let run = drill.run();
    run.exits(1).because(&["not recovered", "s3:bucket/orders-receipts is lost, and no step restored it"]);
    run.is("/workloads/0/missing_resources", json!(["s3:bucket/orders-receipts"])).is_clean();
    // The report shows the measured time. It meets no objective.
    run.is(&format!("{RTO}/measured_s"), 905.0).is(&format!("{RTO}/status"), "unknown");
    run.is(&format!("{RPO}/status"), "unknown").is("/workloads/0/recovered", false);
    let more = Drill::good()
        .playbook("\"s3:bucket/orders-receipts\"]", "\"s3:bucket/orders-receipts\", \"ec2:volume/vol-0c3\"]");
    more.run().exits(1).because(&["ec2:volume/vol-0c3 is lost, and no step restored it"]);
}

#[test]
fn an_open_sandbox() {
    let run = Drill::good().faults(&["{ error: sandbox_open }"]).run();
    run.exits(3).is("/verdict", "error").is("/t0", json!(null)).is_clean();
    run.because(&["the sandbox is not isolated", "internet gateway"]);
    run.is("/sandbox/isolation_verified", false).is("/phases/recover_s", 0.0);
    assert!(run.at("/teardown/created").as_u64().unwrap() > 0);
    assert!(run.events("step_started").is_empty() && run.events("disaster_declared").is_empty());
    assert!(run.at("/steps").as_array().unwrap().iter().all(|s| s["status"] == "not_run"));
    assert!(run.at("/checks").as_array().unwrap().iter().all(|s| s["status"] == "skipped"));
}

#[test]
fn a_sandbox_that_is_opened_after_t0() {
    let clean = Drill::good().run();
    // Three cases: a step that makes machines, the step that ends last, and a command. Nobody knows
    // what the command did.
    let last =
        Drill::good().step("- id: note\n  uses: command.run\n  needs: [web]\n  with: { run: [\"true\"] }");
    for (drill, step) in [(Drill::good(), "db"), (Drill::good(), "web"), (last, "note")] {
        let run = drill.faults(&[&format!("{{ step: {step}, error: sandbox_open }}")]).run();
        run.exits(1).is("/verdict", "failed").is_clean();
        run.because(&["the sandbox was not closed after T0", "an internet gateway is attached"]);
        run.is("/sandbox/isolation_verified", false);
        // The measured time is unchanged: looks are no part of it.
        assert_eq!(run.at(RTO), clean.at(RTO));
        assert_eq!(run.at("/phases/recover_s"), clean.at("/phases/recover_s"));
        let found = run.one("/findings", "rule", "sandbox-open");
        assert_eq!(found["severity"], "high");
        assert!(found["resource"].as_str().unwrap().starts_with("vpc-"), "{found}");
        assert!(found["fix"].as_str().unwrap().contains("CloudTrail"), "{found}");
        for file in ["report.md", "report.html", "junit.xml"] {
            let text = std::fs::read_to_string(run.folder.join(file)).unwrap();
            assert!(text.contains("internet gateway"), "{file}: {text}");
        }
    }
    let looks = clean.events("isolation");
    assert_eq!(looks.first().unwrap()["stage"], "before_t0");
    assert_eq!(looks.iter().filter(|look| look["stage"] == "last").count(), 1);
    assert!(looks.iter().any(|look| look["stage"] == "after_t0"), "{looks:?}");
}

#[test]
fn what_will_not_delete() {
    let stuck = Drill::good().faults(&["{ step: web, error: will_not_delete }"]);
    let run = stuck.run_with(&["--start", START, "--teardown-timeout", "5m"]);
    run.exits(4).is("/verdict", "passed").because(&["teardown left 6 resources behind"]);
    // A remaining resource keeps its network in place, as on the real cloud.
    let left = texts(run.at("/teardown/left_behind"));
    let of = |kind: &str| left.iter().filter(|l| l.starts_with(kind)).count();
    assert_eq!(of("ec2:instance/"), 2, "{left:?}");
    assert_eq!(of("ec2:subnet/") + of("ec2:security-group/") + of("ec2:vpc/"), 4, "{left:?}");
    run.is("/teardown/created", 9).is("/teardown/deleted", 3);
    let patience = run.at("/phases/teardown_s").as_f64().unwrap();
    assert!((900.0..1200.0).contains(&patience), "{patience}");
    // This holds for every verdict.
    let failed = Drill::of("region-loss").faults(&["{ step: web, error: will_not_delete }"]);
    let run = failed.run_with(&["--teardown-timeout", "4m"]);
    run.exits(4).is("/verdict", "failed").because(&["RPO", "missed"]).because(&["left 6 resources behind"]);
    let open =
        Drill::good().faults(&["{ error: sandbox_open }", "{ step: sandbox, error: will_not_delete }"]);
    let run = open.run_with(&["--teardown-timeout", "1m"]);
    run.exits(4).is("/verdict", "error").because(&["not isolated"]);
}

#[test]
fn a_step_that_never_completes() {
    let run = Drill::good().faults(&["{ step: web, error: never_completes }"]).run();
    run.exits(1).is("/verdict", "failed").is_clean();
    let phases = ["preflight_s", "prepare_s", "recover_s"]
        .map(|phase| run.at(&format!("/phases/{phase}")).as_f64().unwrap());
    assert!((phases.iter().sum::<f64>() - 14400.0).abs() < 1e-6, "{phases:?}");
    run.because(&["step `web`", "the sandbox's ttl of 4h has passed"]);
    assert_eq!(run.step("web")["status"], "failed");
    assert_eq!(run.check("web-up")["status"], "skipped");
    assert!(run.check("web-up")["because"].as_str().unwrap().contains("ttl"));
    // With a timeout and a second attempt, the drill passes.
    let again = Drill::good()
        .playbook("    needs: [db]\n    with:\n      image", "    needs: [db]\n    timeout: 2m\n    retry: { attempts: 2, backoff: 5s }\n    with:\n      image")
        .faults(&["{ step: web, attempt: 1, error: never_completes }"]);
    let run = again.run();
    run.exits(0).is(&format!("{RTO}/measured_s"), 840.0 + 120.0 + 5.0 + 45.0 + 20.0).is_clean();
}

#[test]
fn work_without_calls_that_never_completes() {
    for uses in [
        "manual.task\n  with: { instructions: wait, assume: 1m }",
        "command.run\n  with: { run: [sleep, inf] }",
    ] {
        let text = format!("- id: extra\n  uses: {uses}");
        let run = Drill::good().step(&text).faults(&["{ step: extra, error: never_completes }"]).run();
        run.exits(1).because(&["step `extra` failed", "ttl of 4h has passed"]).is_clean();
        Drill::good().step(&text).run().exits(0);
    }
    let run = Drill::good().faults(&["{ step: receipts, error: never_completes }"]).run();
    run.exits(1).because(&["step `receipts`", "ttl of 4h"]).is_clean();
}

#[test]
fn a_sandbox_that_is_never_ready() {
    let run = Drill::good().faults(&["{ step: sandbox, error: never_completes }"]).run();
    run.exits(3).is("/t0", json!(null)).is_clean().because(&["not ready within its ttl of 4h"]);
}

/// The ttl ends exactly when the steps make their requests. The drill waits for the requested
/// resources and removes them.
#[test]
fn a_drill_without_time() {
    // At 14 min the database is ready, and the machines are requested.
    for ttl in ["11s", "45s", "14m", "14m45s"] {
        let run = Drill::good().playbook("ttl: 4h", &format!("ttl: {ttl}")).run();
        run.exits(1).is_clean().because(&[&format!("ttl of {ttl} has passed")]);
    }
}

/// Hundreds of resources at one instant take no longer than one.
#[test]
fn many_at_once() {
    let run = Drill::good().playbook("count: 2", "count: 1000").run();
    run.exits(0).is(&format!("{RTO}/measured_s"), 905.0).is("/teardown/created", 1007).is_clean();
    let mut chain = Drill::good();
    for i in 0..200 {
        let need = if i == 0 { "web".to_owned() } else { format!("s{}", i - 1) };
        chain = chain.step(&format!(
            "- id: s{i}\n  workload: orders\n  needs: [{need}]\n  uses: ec2.launch\n  with: {{ image: ami-west, type: t4g.small }}"
        ));
    }
    let run = chain
        .playbook("    needs: [web]\n    http", "    needs: [web, s199]\n    http")
        .playbook("ttl: 4h", "ttl: 9h")
        .run();
    run.is(&format!("{RTO}/measured_s"), 885.0 + 200.0 * 45.0 + 20.0).is_clean().exits(1);
}

#[test]
fn an_unhealthy_restore() {
    let run = Drill::good().faults(&["{ step: web, error: comes_up_unhealthy }"]).run();
    run.exits(1).because(&["step `web`", "came up as incompatible-restore"]).is_clean();
    assert_eq!(run.check("web-up")["because"], "`web` failed");
    // A resource that came up unhealthy is not used again. It is removed like everything else.
    let run = Drill::good().faults(&["{ step: db, attempt: 1, error: comes_up_unhealthy }"]).run();
    run.exits(0).is("/teardown/created", 10).is_clean();
    let db = run.step("db");
    assert_eq!(db["attempts"], 2);
    assert_eq!(db["resources"].as_array().unwrap().len(), 2, "{db:#}");
    run.is(&format!("{RTO}/measured_s"), 840.0 + 10.0 + 905.0);
}

#[test]
fn a_lost_answer_creates_nothing_twice() {
    let run = Drill::good().faults(&["{ step: db, attempt: 1, error: lost_answer }"]).run();
    run.exits(0).is_clean();
    // The second attempt is the same request. It finds the first attempt's database under way.
    assert_eq!(run.step("db")["attempts"], 2);
    run.is(&format!("{RTO}/measured_s"), 905.0)
        .is("/teardown/created", Drill::good().run().at("/teardown/created").clone());
    let lost = run.events("not_created");
    assert_eq!((lost.len(), &lost[0]["sent"]), (1, &json!("maybe")));
}

#[test]
fn a_lost_answer_leaves_nothing_behind() {
    let run = Drill::good().faults(&["{ step: web, error: lost_answer }"]).run();
    run.exits(1).because(&["step `web`", "the answer was lost"]).is_clean();
    // Both machines exist although their answers were lost. Teardown finds them by their tag and
    // removes them.
    run.is("/teardown/created", 9);
    assert_eq!(run.events("deleted").iter().filter(|e| e["resource"]["kind"] == "instance").count(), 2);
    let run = Drill::good().faults(&["{ step: sandbox, error: lost_answer }"]).run();
    run.exits(3).is("/t0", json!(null)).is_clean();
    assert!(run.at("/teardown/created").as_u64().unwrap() > 0);
}

#[test]
fn an_account_that_is_not_there() {
    let drill = Drill::good().estate("  \"999988887777\": { name: sandbox }\n", "");
    let estate = drill.estate.replace(", shared_with: [\"999988887777\"]", "");
    let run = Drill::new(&drill.playbook, &estate).run();
    // Validation or preflight reports it. In either case nothing was done yet.
    assert!(matches!(run.code, 2 | 3), "{}", run.code);
    assert!(run.stderr.contains("999988887777") || run.stdout.contains("999988887777"), "{}", run.stderr);
    if run.code == 3 {
        run.exits(3).is("/t0", json!(null)).is("/teardown/created", 0).because(&["no account 999988887777"]);
    }
    // The absence of another account hides its recovery points. The report says so.
    let drill =
        Drill::of("az-loss").playbook("accounts:\n", "accounts:\n  elsewhere: { id: \"123456789012\" }\n");
    let run = drill.run();
    run.exits(0);
    assert_eq!(run.one("/findings", "rule", "account-out-of-reach")["resource"], "123456789012");
}

#[test]
fn a_step_that_was_left_out() {
    let when = |text: &str| {
        Drill::good().playbook(
            "uses: s3.restore\n    workload: orders",
            &format!("uses: s3.restore\n    workload: orders\n    when: {text}"),
        )
    };
    for text in ["false", "\"{{ params.db_class }}\"", "\"no\""] {
        let run = when(text).run();
        run.exits(1).because(&["not recovered"]).is_clean();
        run.is(&format!("{RPO}/status"), "unknown").is("/workloads/0/recovered", false);
    }
    let run = when("false").run();
    assert_eq!(run.step("receipts")["status"], "not_run");
    assert_eq!(run.step("receipts")["because"], "its `when` is false");
    run.because(&["s3:bucket/orders-receipts is lost, and no step restored it"]);
    when("true").run().exits(0);
    // The dependents are skipped, including checks.
    let web = Drill::good().playbook(
        "uses: ec2.launch\n    workload: orders",
        "uses: ec2.launch\n    workload: orders\n    when: false",
    );
    let run = web.run();
    run.exits(1).because(&["check `web-up`", "`web` was not run"]);
}

#[test]
fn a_tolerated_failure_recovers_nothing() {
    let tolerated = Drill::good()
        .playbook("uses: s3.restore\n", "uses: s3.restore\n    continue_on_error: true\n")
        .faults(&["{ step: receipts, error: server_error }"]);
    let run = tolerated.run();
    run.exits(1).because(&["not recovered", "step `receipts`", "InternalError"]).is_clean();
    run.is("/workloads/0/recovered", false).is(&format!("{RTO}/measured_s"), json!(null));
}

const EXTRA: &str = "- id: extra\n  uses: command.run\n  with: { run: [\"true\"] }";

#[test]
fn a_failure_outside_any_workload() {
    Drill::good().step(EXTRA).run().exits(0);
    let fault = ["{ step: extra, error: comes_up_unhealthy }"];
    let run = Drill::good().step(EXTRA).faults(&fault).run();
    run.exits(1).because(&["step `extra` failed", "a fault of the estate"]);
    run.is("/workloads/0/recovered", true).is(&format!("{RPO}/status"), "met");
    Drill::good().step(&format!("{EXTRA}\n  continue_on_error: true")).faults(&fault).run().exits(0);
    let check = "- id: loose\n  tcp: { address: \"db.example.com:5432\" }\n  within: 1m";
    Drill::good().check(check).run().exits(0);
    let run = Drill::good().check(check).probe("loose: { never: true }").run();
    run.exits(1).because(&["check `loose` is unhealthy", "within 1m"]);
}

/// Steps that the playbook leaves out, outside any workload, are shown. They are no failure.
#[test]
fn what_was_left_out_outside_any_workload() {
    let run = Drill::good()
        .step(&format!("{EXTRA}\n  when: false"))
        .check("- id: loose\n  needs: [extra]\n  tcp: { address: \"db.example.com:5432\" }")
        .run();
    run.exits(0);
    assert_eq!(run.check("loose")["status"], "skipped");
    assert_eq!(run.check("loose")["because"], "`extra` was not run");
}

#[test]
fn a_workload_of_its_own_can_fail_the_drill() {
    let drill = Drill::good()
        .playbook("workloads:\n", "workloads:\n  search: { resources: [\"ec2:instance/i-0d4\"] }\n")
        .check("- id: search-up\n  workload: search\n  tcp: { address: \"search.example.com:443\" }");
    let run = drill.run();
    run.exits(1).because(&["search: not recovered", "ec2:instance/i-0d4 is lost"]);
    let search = run.one("/workloads", "name", "search");
    // A check alone took no time, and proves no recovery of a lost resource.
    assert_eq!(search["rto"]["status"], "unknown");
    assert_eq!(run.one("/workloads", "name", "orders")["recovered"], true);
}

#[test]
fn the_exit_code_stands_in_every_record() {
    for (drill, code) in [(Drill::good(), 0), (Drill::of("region-loss"), 1)] {
        let run = drill.run();
        run.exits(code);
        let folder = run.folder.to_str().unwrap();
        assert_eq!(drill::told(&["gate", folder]).0, code);
        let (_, json, _) = drill::told(&["report", folder, "--format", "json"]);
        let again: Value = serde_json::from_str(&json).unwrap();
        assert_eq!(again, run.report, "the journal tells the same story");
    }
}
